//! How much of what waits in the database an account can take.

use std::time::Duration;

/// How much work, in time, is called back ahead.
const AHEAD: Duration = Duration::from_secs(2);

/// What an account is busy with.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Messages a second.
    pub rate: f64,
    /// Whether that is known, or what was asked lately.
    pub is_known: bool,
    /// Most requests in flight.
    pub workers: usize,
    /// Requests in flight.
    pub busy: usize,
    /// Jobs in its queue.
    pub waiting: usize,
    /// Jobs that were called back and have not ended.
    pub called: usize,
}

impl Load {
    /// What it can send within `AHEAD`, or as many as it has idle workers for, less what it has. Half
    /// of that is never taken by what comes from the broker, however fast that comes.
    #[must_use]
    pub fn room(self) -> usize {
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
    fn broker_jobs_leave_half_of_the_room_to_deferred_jobs() {
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
