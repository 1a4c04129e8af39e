//! The accounts that providers name when they call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::AdmittedCall;
use crate::domain::Account;
use crate::ops::control::desk::{Desk, DeskError};
use crate::providers::events;
use crate::runtime::clock;
use crate::store::accounts::hooks;
use crate::store::seal::Sealer;
use crate::store::{Database, StoreError};

/// How long what was read is believed: a key that was changed holds on every node a second later.
const BELIEVED: Duration = Duration::from_millis(900);
/// Most names that are kept, also of accounts that are not there.
const MOST: usize = 1_000;
/// Longest name of an account, in bytes.
const NAME_BYTES: usize = 255;

/// An account as it was read with those of which it may speak, if there was one.
#[derive(Clone)]
struct ReadAccount {
    call: Option<AdmittedCall>,
    read_at: Instant,
}

/// Accounts by name, as they were a moment ago. Clones share it.
#[derive(Clone)]
pub(super) struct HookAccounts {
    desk: Desk,
    sealer: Sealer,
    known: Arc<Cache<String, ReadAccount>>,
}

impl fmt::Debug for HookAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookAccounts")
    }
}

impl HookAccounts {
    pub(super) fn new(desk: Desk, sealer: Sealer) -> Self {
        Self {
            desk,
            sealer,
            known: Arc::new(Cache::new(MOST)),
        }
    }

    /// The account of a name, with those of which it may speak.
    pub(super) async fn find(&self, name: &str) -> Result<Option<AdmittedCall>, DeskError> {
        // No text with a NUL reaches the database.
        if name.len() > NAME_BYTES || name.contains('\0') {
            return Ok(None);
        }
        let read_at = clock::instant();
        if let Some(known) = self.known.get(name)
            && read_at.saturating_duration_since(known.read_at) < BELIEVED
        {
            return Ok(known.call);
        }
        let (sealer, wanted) = (self.sealer.clone(), name.to_owned());
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            match hooks::by_name(&mut connection, &sealer, &wanted).await {
                // Nobody can say whether a call is its provider's: it is to come again.
                Err(StoreError::Corrupt(why)) => Err(DeskError::Unavailable(why)),
                found => match found? {
                    Some(account) => {
                        let all = hooks::of_kind(&mut connection, &sealer, account.kind).await?;
                        Ok(Some(call(account, &all)))
                    }
                    None => Ok(None),
                },
            }
        };
        let call = self.desk.with("find a hook's account", work).await?;
        let read = ReadAccount {
            call: call.clone(),
            read_at,
        };
        self.known.insert(name.to_owned(), read);
        Ok(call)
    }
}

/// Calls of an account, which speaks of the others as well whose calls are proven by the same key: at the provider they are
/// one.
fn call(account: Account, all: &[Account]) -> AdmittedCall {
    let others = all
        .iter()
        .filter(|other| other.name != account.name && events::are_proven_alike(&account, other));
    AdmittedCall {
        speaks_for: others.map(|other| other.name.clone()).collect(),
        account: Arc::new(account),
    }
}
