//! How much of what waits in the database an account can take.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::place::Place;
use super::{Desk, Lines};
use crate::machine::load::Load;

/// The room of an account on this node. Clones share it.
///
/// What it looks at is behind a function: an entry of the directory has a room, and its account knows
/// the directory.
#[derive(Clone)]
pub struct Room {
    free: Arc<dyn Fn(usize) -> usize + Send + Sync>,
    called: Arc<AtomicUsize>,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("free", &self.free())
            .finish_non_exhaustive()
    }
}

impl Room {
    pub(super) fn new(desk: &Arc<Desk>, queue: &Arc<Lines>) -> Self {
        let (desk, queue) = (Arc::clone(desk), Arc::clone(queue));
        Self {
            free: Arc::new(move |called| free(&desk, &queue, called)),
            called: Arc::default(),
        }
    }

    /// How many more it can take now and send within seconds. None while it may not be asked.
    #[must_use]
    pub fn free(&self) -> usize {
        (self.free)(self.called.load(Ordering::Acquire))
    }

    /// Takes a place.
    #[must_use]
    pub fn place(&self) -> Place {
        Place::taken(&self.called)
    }
}

fn free(desk: &Desk, queue: &Lines, called: usize) -> usize {
    if desk.retirement.is_retired() || desk.health.refused_for().is_some() {
        return 0;
    }
    let (rate, is_known) = desk.health.rate();
    let load = Load {
        rate,
        is_known,
        workers: desk.most_in_flight(),
        busy: queue.workers.load(Ordering::Acquire),
        waiting: queue.jobs.len(),
        called,
    };
    load.room()
}
