//! What this node holds of the limits of API keys.
//!
//! A request costs no question as long as there are tokens here; those who need more ask one after another,
//! so that a key has one question open on a node. One key's line holds up no other's.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::{KeyPurse, KeyPurseAnswer, KeyRate, RateStanding};
use crate::runtime::clock;
use crate::store::api_key_rates::{self, KeyTokens};
use crate::store::{Database, StoreError};

/// Most keys of which anything is held.
const MOST: usize = 10_000;

/// Whether a request was paid for, and how its key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaidRequest {
    /// `None` when it was paid; else how long there is nothing.
    pub refused_for: Option<Duration>,
    /// How the key stands.
    pub standing: RateStanding,
}

#[derive(Default)]
struct SharedPurse {
    purse: Mutex<KeyPurse>,
    /// Whoever holds it asks the database.
    turn: tokio::sync::Mutex<()>,
}

/// The purses of keys. Clones share them.
#[derive(Clone)]
pub struct KeyRates {
    database: Database,
    purses: Arc<Cache<Uuid, Arc<SharedPurse>>>,
    started: Instant,
}

impl fmt::Debug for KeyRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRates")
            .field("keys", &self.purses.len())
            .finish_non_exhaustive()
    }
}

impl KeyRates {
    /// Purses with nothing in them.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            purses: Arc::new(Cache::new(MOST)),
            started: clock::instant(),
        }
    }

    /// What is paid without a question; `None` when the database has to be asked.
    #[must_use]
    pub fn pay_here(&self, key_id: Uuid, rate: KeyRate, cost: u32) -> Option<PaidRequest> {
        self.judged(&self.purse_of(key_id), rate, cost)
    }

    /// Pays for a request of a key; `cost` is how many it counts for, beside those that it has `paid` before.
    ///
    /// # Errors
    /// The database is out of reach, or the key is gone.
    pub async fn pay(
        &self,
        key_id: Uuid,
        rate: KeyRate,
        (cost, paid): (u32, u32),
    ) -> Result<PaidRequest, StoreError> {
        let shared = self.purse_of(key_id);
        if let Some(paid) = self.judged(&shared, rate, cost) {
            return Ok(paid);
        }
        let _turn = shared.turn.lock().await;
        // Somebody may have asked for us.
        if let Some(paid) = self.judged(&shared, rate, cost) {
            return Ok(paid);
        }
        let held = shared.purse().held(self.now());
        let asked = KeyTokens {
            needed: cost.saturating_sub(held),
            had: held.saturating_add(paid),
            paid,
        };
        let lease = api_key_rates::lease(&self.database, key_id, rate, asked).await?;
        let now = self.now();
        let mut purse = shared.purse();
        let refused_for = if lease.granted == 0 {
            let wait = Duration::from_micros(lease.retry_micros);
            purse.refuse(cost, lease.left, wait, now);
            Some(wait)
        } else {
            purse.fill(lease.granted, lease.left, now);
            let _ = purse.pay(cost, now);
            None
        };
        Ok(PaidRequest {
            refused_for,
            standing: purse.standing(rate, now),
        })
    }

    fn judged(&self, shared: &SharedPurse, rate: KeyRate, cost: u32) -> Option<PaidRequest> {
        let now = self.now();
        let mut purse = shared.purse();
        let refused_for = match purse.pay(cost, now) {
            KeyPurseAnswer::Paid => None,
            KeyPurseAnswer::Refused(wait) => Some(wait),
            KeyPurseAnswer::Empty => return None,
        };
        Some(PaidRequest {
            refused_for,
            standing: purse.standing(rate, now),
        })
    }

    fn purse_of(&self, key_id: Uuid) -> Arc<SharedPurse> {
        let made = || Ok::<_, std::convert::Infallible>(Arc::default());
        match self.purses.get_or_insert_with(&key_id, made) {
            Ok(shared) => shared,
            Err(never) => match never {},
        }
    }

    fn now(&self) -> Duration {
        clock::instant().duration_since(self.started)
    }
}

impl SharedPurse {
    fn purse(&self) -> MutexGuard<'_, KeyPurse> {
        self.purse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
