//! Claims of jobs that were dropped, waiting for the recorder to give them back.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::recorder_wake::RecorderWake;
use crate::domain::KeyHash;
use crate::store::settle::Origin;

/// A job that was dropped: its claim goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abandoned {
    /// The key that it claimed.
    pub key: KeyHash,
    /// The notification.
    pub id: Uuid,
    /// Where it came from, and the take under which it was held.
    pub origin: Origin,
    /// Whether the in-flight table holds it for this job, until it is given back.
    pub is_held: bool,
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
