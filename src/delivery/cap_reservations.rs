//! Reserver: room in daily caps, for all channels at once.
//!
//! Whoever comes while a transaction is under way goes with the next one. Whoever's counters cannot be had
//! now asks again by themselves.

use uuid::Uuid;

use crate::runtime::{Coalescer, Shutdown};
use crate::store::Database;
use crate::store::frequency::{self, Reservation, Reserved};
use crate::work::retry::retry_until_ok;

/// Reserves in batches.
#[derive(Debug)]
pub struct CapReservations {
    database: Database,
    /// Ends every wait.
    giving_up: Shutdown,
    requests: Coalescer<Vec<Reservation>, Reserved>,
}

impl CapReservations {
    /// A reserver that nobody has asked yet.
    #[must_use]
    pub fn new(database: Database, giving_up: Shutdown) -> Self {
        Self {
            database,
            giving_up,
            requests: Coalescer::default(),
        }
    }

    /// Reserves room for those that were held before, beside all others; `None` when there is no more time.
    pub async fn reserve_again(&self, reservations: &[Reservation]) -> Option<Reserved> {
        self.reserve_all(reservations, true).await
    }

    /// Reserves room; `None` when there is no more time. What has no room, or is held, is in the answer;
    /// what is left out has a place.
    pub async fn reserve(&self, reservations: Vec<Reservation>) -> Option<Reserved> {
        let reserve = |requests| self.reserve_together(requests);
        self.requests.ask(reservations, reserve).await
    }

    async fn reserve_together(&self, requests: Vec<Vec<Reservation>>) -> Option<Vec<Reserved>> {
        let ids_of = |request: &Vec<Reservation>| -> Vec<Uuid> {
            request.iter().map(|one| one.notification_id).collect()
        };
        let ids: Vec<Vec<Uuid>> = requests.iter().map(ids_of).collect();
        let all: Vec<Reservation> = requests.into_iter().flatten().collect();
        let mut reserved = self.reserve_all(&all, false).await?;
        let answers = ids.into_iter().map(|ids| {
            let mut theirs = Reserved::default();
            for id in ids {
                if let Some(full) = reserved.full.remove(&id) {
                    theirs.full.insert(id, full);
                }
                theirs.held.extend(reserved.held.take(&id));
            }
            theirs
        });
        Some(answers.collect())
    }

    async fn reserve_all(&self, all: &[Reservation], is_again: bool) -> Option<Reserved> {
        let reserve = || frequency::reserve_apart(&self.database, all, is_again);
        let reserved =
            retry_until_ok("reserving room in daily caps", &self.giving_up, reserve).await?;
        if let (Some(error), false) = (&reserved.trouble, is_again) {
            let held = reserved.held.len();
            tracing::warn!(%error, held, "counters of daily caps are locked in the database; their notifications wait");
        }
        Some(reserved)
    }
}
