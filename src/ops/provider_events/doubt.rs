//! Whether an account's events are believed that call addresses dead: not if there are too many at once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use tokio::time::Instant;

use crate::domain::EventBlame;
use crate::resilience::dead_addresses::{DeadAddressLimit, LimitChange};
use crate::runtime::clock;
use crate::store::provider_events::KeptEvent;

/// What each account has told this node in the last minute; what it told others is in the database. Clones share it.
#[derive(Clone)]
pub struct EventDoubts {
    most: u32,
    begun: Instant,
    accounts: Arc<DashMap<String, Mutex<DeadAddressLimit>>>,
}

impl fmt::Debug for EventDoubts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventDoubts")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl EventDoubts {
    /// Believes so many dead addresses of an account in a minute, or a tenth of its events if that is more.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self {
            most,
            begun: clock::instant(),
            accounts: Arc::default(),
        }
    }

    /// How many events may be judged again that were not believed, of an account that is by now: a share of what is
    /// believed in a minute.
    pub(super) fn may_judge(&self, provider: &str, share: u32) -> Option<u32> {
        let now = clock::instant().saturating_duration_since(self.begun);
        let is_believed = self.accounts.get(provider).is_none_or(|limit| {
            let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
            limit.pass(now);
            limit.is_believed()
        });
        is_believed.then(|| (self.most / share).max(1))
    }

    /// Counts an event; says whether an address is dead that it calls so. So many did in the last minute, with it and
    /// whichever node was told.
    pub(super) fn believes(&self, event: &KeptEvent, dead: u32) -> bool {
        let provider = &event.provider;
        let now = clock::instant().saturating_duration_since(self.begun);
        let new = || Mutex::new(DeadAddressLimit::without_rises(self.most));
        let limit = self.accounts.entry(provider.clone()).or_insert_with(new);
        let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(LimitChange::Exceeded) = limit.count(event.blame == Some(EventBlame::Dead), now)
        {
            tracing::error!(
                provider,
                "an account tells of too many dead addresses; none is suppressed for now, and they are judged again later"
            );
        }
        limit.is_believed() && !limit.exceeds(dead, now)
    }
}
