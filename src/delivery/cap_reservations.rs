//! Reserver: room in daily caps, for all channels at once.
//!
//! Whoever comes while a transaction is under way goes with the next one: the busier the engine, the
//! larger the batches, and nobody waits for others who may come. Whoever's counters cannot be had now asks
//! again by themselves.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::runtime::Shutdown;
use crate::store::Database;
use crate::store::frequency::{self, Reservation, Reserved};
use crate::work::retry::retry_until_ok;

/// Reserves in batches.
#[derive(Debug)]
pub struct CapReservations {
    database: Database,
    /// Ends every wait.
    giving_up: Shutdown,
    waiting: Mutex<Vec<ReservationRequest>>,
    batch_lock: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct ReservationRequest {
    reservations: Vec<Reservation>,
    answer: oneshot::Sender<Reserved>,
}

impl CapReservations {
    /// A reserver that nobody has asked yet.
    #[must_use]
    pub fn new(database: Database, giving_up: Shutdown) -> Self {
        Self {
            database,
            giving_up,
            waiting: Mutex::default(),
            batch_lock: tokio::sync::Mutex::default(),
        }
    }

    /// Reserves room for those that were held before, beside all others; `None` when there is no more time.
    pub async fn reserve_again(&self, reservations: &[Reservation]) -> Option<Reserved> {
        self.reserve_all(reservations, true).await
    }

    /// Reserves room; `None` when there is no more time. What has no room, or is held, is in the answer;
    /// what is left out has a place.
    pub async fn reserve(&self, reservations: Vec<Reservation>) -> Option<Reserved> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting().push(ReservationRequest {
            reservations,
            answer,
        });
        let _turn = self.batch_lock.lock().await;
        match answered.try_recv() {
            Ok(reserved) => return Some(reserved),
            // Whoever reserved for us has given up.
            Err(oneshot::error::TryRecvError::Closed) => return None,
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        let asks = std::mem::take(&mut *self.waiting());
        let (mut all, mut answers) = (vec![], Vec::with_capacity(asks.len()));
        for ask in asks {
            let ids = ask.reservations.iter().map(|one| one.notification_id);
            answers.push((ids.collect::<Vec<Uuid>>(), ask.answer));
            all.extend(ask.reservations);
        }
        let mut reserved = self.reserve_all(&all, false).await?;
        for (ids, answer) in answers {
            let mut theirs = Reserved::default();
            for id in ids {
                if let Some(full) = reserved.full.remove(&id) {
                    theirs.full.insert(id, full);
                }
                theirs.held.extend(reserved.held.take(&id));
            }
            // One that has been dropped meanwhile needs no answer.
            let _ = answer.send(theirs);
        }
        answered.try_recv().ok()
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

    fn waiting(&self) -> MutexGuard<'_, Vec<ReservationRequest>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
