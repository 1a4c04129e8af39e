//! Claims of jobs that were dropped, waiting for the recorder to give them back.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::recorder_wake::RecorderWake;
use crate::domain::KeyHash;
use crate::store::settle::Origin;
use crate::store::takes::TakeId;

/// What nobody works on any more, and which is this run's until it goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandoned {
    /// The claim of a message from RabbitMQ.
    Claim {
        /// The key that is claimed.
        key: KeyHash,
        /// The take under which it is.
        take: TakeId,
        /// Whether the in-flight table holds the message until then.
        is_held: bool,
    },
    /// A row of the database.
    Row {
        /// The notification.
        id: Uuid,
        /// The take under which it was taken.
        take: TakeId,
        /// Whether the in-flight table holds the row until then.
        is_held: bool,
    },
}

impl Abandoned {
    /// What a job held that was dropped.
    #[must_use]
    pub const fn job(key: KeyHash, id: Uuid, origin: Origin) -> Self {
        let is_held = true;
        match origin {
            Origin::Broker(take) => Self::Claim { key, take, is_held },
            Origin::Database(take) => Self::Row { id, take, is_held },
        }
    }

    /// A row that was taken, and that nobody has begun to work on.
    #[must_use]
    pub const fn row(id: Uuid, take: TakeId) -> Self {
        let is_held = false;
        Self::Row { id, take, is_held }
    }
}

/// Abandoned claims, waiting for the recorder. Clones share it.
#[derive(Clone, Default)]
pub struct ReleaseQueue {
    abandoned: Arc<Mutex<Vec<Abandoned>>>,
    wake: RecorderWake,
}

impl fmt::Debug for ReleaseQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReleaseQueue")
            .field("abandoned", &self.abandoned().len())
            .finish_non_exhaustive()
    }
}

impl ReleaseQueue {
    /// An empty one.
    #[must_use]
    pub fn new(wake: RecorderWake) -> Self {
        Self {
            abandoned: Arc::default(),
            wake,
        }
    }

    /// Adds a dropped job's claim.
    pub fn abandon(&self, abandoned: Abandoned) {
        self.abandoned().push(abandoned);
        self.wake.wake();
    }

    /// Takes every abandoned claim.
    #[must_use]
    pub fn take(&self) -> Vec<Abandoned> {
        std::mem::take(&mut *self.abandoned())
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.abandoned().is_empty()
    }

    fn abandoned(&self) -> MutexGuard<'_, Vec<Abandoned>> {
        self.abandoned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
