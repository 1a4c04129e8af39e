//! Reserver: room in daily caps, for all channels at once.
//!
//! Whoever comes while a transaction is under way goes with the next one: the busier the engine, the
//! larger the batches, and nobody waits for others who may come.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::patience::until_done;
use crate::domain::Counted;
use crate::runtime::Shutdown;
use crate::store::Database;
use crate::store::frequency::{self, Reservation};

/// What has no room, with what its counters hold; what is left out has a place.
pub type Full = HashMap<Uuid, Vec<Counted>>;

/// Reserves in batches.
#[derive(Debug)]
pub struct Reserver {
    database: Database,
    /// Ends every wait.
    giving_up: Shutdown,
    waiting: Mutex<Vec<Ask>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Ask {
    reservations: Vec<Reservation>,
    answer: oneshot::Sender<Full>,
}

impl Reserver {
    /// A reserver that nobody has asked yet.
    #[must_use]
    pub fn new(database: Database, giving_up: Shutdown) -> Self {
        Self {
            database,
            giving_up,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Reserves room; `None` when there is no more time.
    pub async fn reserve(&self, reservations: Vec<Reservation>) -> Option<Full> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting().push(Ask {
            reservations,
            answer,
        });
        let _turn = self.turn.lock().await;
        match answered.try_recv() {
            Ok(full) => return Some(full),
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
        let reserve = || frequency::reserve(&self.database, &all);
        let doing = "reserving room in daily caps";
        let mut full = until_done(doing, &self.giving_up, reserve).await?;
        for (ids, answer) in answers {
            let theirs = ids
                .into_iter()
                .filter_map(|id| Some((id, full.remove(&id)?)));
            // One that has been dropped meanwhile needs no answer.
            let _ = answer.send(theirs.collect());
        }
        answered.try_recv().ok()
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Ask>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
