//! Whether an account's events are believed that call addresses dead: not if there are too many at once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use tokio::time::Instant;

use crate::domain::EventBlame;
use crate::resilience::dead_addresses::{DeadAddressLimit, LimitChange};
use crate::runtime::clock;
use crate::store::provider_events::KeptEvent;

/// What each account has told this node in the last minute. Clones share it.
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

    /// Counts an event; says whether an address is dead that it calls so.
    pub(super) fn believes(&self, event: &KeptEvent) -> bool {
        let provider = &event.provider;
        let now = clock::instant().saturating_duration_since(self.begun);
        let new = || Mutex::new(DeadAddressLimit::without_rises(self.most));
        let limit = self.accounts.entry(provider.clone()).or_insert_with(new);
        let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
        match limit.count(event.blame == Some(EventBlame::Dead), now) {
            Some(LimitChange::Exceeded) => tracing::error!(
                provider,
                "an account tells of too many dead addresses; none is suppressed for now"
            ),
            Some(LimitChange::Over) => {
                tracing::info!(
                    provider,
                    "what an account tells of addresses is believed again"
                );
            }
            None => {}
        }
        limit.is_believed()
    }
}
