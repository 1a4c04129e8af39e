//! Looks for changes: one at a time, and one more for all that comes up meanwhile.

use std::sync::Arc;

use super::LoaderContext;
use crate::store::accounts::{self, Accounts};
use crate::store::{Fingerprint, StoreError};

/// Whether a look is under way, and whether another is to follow it.
#[derive(Debug, Default)]
pub(super) struct Look {
    running: bool,
    again: bool,
}

impl Look {
    /// Whether to look now.
    pub(super) const fn begin(&mut self) -> bool {
        self.again = self.running;
        self.running = true;
        !self.again
    }

    /// Whether to look once more.
    pub(super) const fn end(&mut self) -> bool {
        self.running = false;
        self.again
    }
}

/// Reads the accounts if they differ from what was read before.
pub(super) async fn look(
    context: Arc<LoaderContext>,
    known: Option<Fingerprint>,
) -> Result<Option<(Fingerprint, Accounts)>, StoreError> {
    let now = accounts::fingerprint(&mut *context.node.database.get().await?).await?;
    if known.as_ref() == Some(&now) {
        return Ok(None);
    }
    let accounts =
        accounts::load(&mut *context.node.database.get().await?, &context.sealer).await?;
    Ok(Some((now, accounts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_during_a_look_cause_one_more_look() {
        let mut look = Look::default();
        assert!(look.begin());
        assert!(!look.begin() && !look.begin(), "one is under way");
        assert!(look.end());
        assert!(look.begin());
        assert!(!look.end(), "nothing came up");
    }
}
