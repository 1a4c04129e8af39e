//! How much of what waits in the database an account can take.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::place::Place;
use super::{Desk, Lines};

/// How much work, in time, is called back ahead.
const AHEAD: Duration = Duration::from_secs(2);

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

/// What an account is busy with.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// Messages a second.
    rate: f64,
    /// Whether that is known, or what was asked lately.
    is_known: bool,
    /// Most requests in flight.
    workers: usize,
    /// Requests in flight.
    busy: usize,
    /// Jobs in its queue.
    waiting: usize,
    /// Jobs that were called back and have not ended.
    called: usize,
}

impl Load {
    /// What it can send within [`AHEAD`], or as many as it has idle workers for, less what it has. Half
    /// of that is never taken by what comes from the broker, however fast that comes.
    fn room(self) -> usize {
        let ahead = (self.rate * AHEAD.as_secs_f64()).ceil() as usize;
        let (most, in_hand) = match self.is_known {
            true => (ahead.max(1), self.waiting),
            false => (ahead.max(self.workers), self.waiting + self.busy),
        };
        // Nothing was asked lately and all are busy: it hangs.
        let hangs = !self.is_known && self.rate <= 0.0 && self.busy >= self.workers;
        let kept = if hangs { 0 } else { (most / 2).max(1) };
        // What was called back a moment ago may not have reached the queue.
        most.saturating_sub(in_hand.max(self.called))
            .max(kept.saturating_sub(self.called))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Load = Load {
        rate: 0.0,
        is_known: false,
        workers: 8,
        busy: 0,
        waiting: 0,
        called: 0,
    };

    #[test]
    fn an_idle_account_has_room_for_its_workers_and_a_quick_one_for_seconds() {
        assert_eq!(IDLE.room(), 8);
        let quick = Load {
            rate: 100.0,
            ..IDLE
        };
        assert_eq!(quick.room(), 200);
        assert_eq!(
            Load {
                waiting: 150,
                busy: 8,
                called: 158,
                ..quick
            }
            .room(),
            42
        );
    }

    #[test]
    fn an_account_with_a_limit_has_room_for_what_it_may_send_within_seconds() {
        let limited = Load {
            is_known: true,
            rate: 0.1,
            ..IDLE
        };
        assert_eq!(limited.room(), 1);
        assert_eq!(
            Load {
                waiting: 1,
                called: 1,
                ..limited
            }
            .room(),
            0
        );
        assert_eq!(
            Load {
                rate: 10.0,
                waiting: 5,
                called: 10,
                ..limited
            }
            .room(),
            10
        );
    }

    #[test]
    fn what_comes_from_the_broker_leaves_half_to_what_waits() {
        let busy = Load {
            rate: 10.0,
            busy: 8,
            waiting: 500,
            ..IDLE
        };
        assert_eq!(busy.room(), 10);
        assert_eq!(Load { called: 10, ..busy }.room(), 0);
    }

    #[test]
    fn an_account_that_hangs_has_none() {
        assert_eq!(Load { busy: 8, ..IDLE }.room(), 0);
    }
}
