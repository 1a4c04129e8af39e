//! Leave to send, which may end while a connection is opened.

use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use crate::runtime::clock;

/// Whether a message may be sent: its run holds its lease, and the decision to send it is not too old.
///
/// Asked again at the last step that can still be left undone, by whoever takes it.
#[derive(Clone)]
pub struct Leave {
    is_held: Arc<dyn Fn() -> bool + Send + Sync>,
    until: Timestamp,
}

impl Leave {
    /// For as long as `is_held` says that the lease is, and until the decision ends.
    #[must_use]
    pub fn new(is_held: impl Fn() -> bool + Send + Sync + 'static, until: Timestamp) -> Self {
        let is_held = Arc::new(is_held);
        Self { is_held, until }
    }

    /// For good: for what is sent to no person.
    #[must_use]
    pub fn for_good() -> &'static Self {
        static FOR_GOOD: LazyLock<Leave> = LazyLock::new(|| Leave::new(|| true, Timestamp::MAX));
        &FOR_GOOD
    }

    /// For as long as each of these.
    #[must_use]
    pub fn of_all<'a>(leaves: impl IntoIterator<Item = &'a Self>) -> Self {
        let leaves: Vec<Self> = leaves.into_iter().cloned().collect();
        let first_end = leaves.iter().map(|leave| leave.until).min();
        let is_held = move || leaves.iter().all(Self::is_held);
        Self::new(is_held, first_end.unwrap_or(Timestamp::MAX))
    }

    /// Whether it may be sent now.
    #[must_use]
    pub fn is_given(&self) -> bool {
        clock::now() < self.until && self.is_held()
    }

    /// Whether what was begun with leave may be brought to its end: no other run has it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        (self.is_held)()
    }
}

impl fmt::Debug for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leave")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
