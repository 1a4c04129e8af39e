//! The one place that reads the clock, so that tests can pause it.

use std::ops::Add;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// A moment by a clock that runs as long as the machine is up, asleep or not: for leases, which others
/// count by a clock that does not sleep. Linux's `CLOCK_BOOTTIME`; elsewhere the monotonic clock.
///
/// A process that is stopped (SIGSTOP) finds that it went on. A hypervisor that freezes a whole machine
/// may freeze this clock with it: nothing within such a machine can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uptime(Duration);

impl Uptime {
    /// How long this is after `earlier`; nothing if it is before it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Uptime {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

/// The present moment, for leases; it does not pause with `tokio::time`.
#[must_use]
pub fn uptime() -> Uptime {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let at = rustix::time::clock_gettime(clock);
    let (seconds, nanos) = (u64::try_from(at.tv_sec), u32::try_from(at.tv_nsec));
    Uptime(Duration::new(
        seconds.unwrap_or_default(),
        nanos.unwrap_or_default(),
    ))
}

/// What the database's clock shows when this machine's [`uptime`] is zero, in microseconds since 1970;
/// this while it is not known.
static REFERENCE: AtomicI64 = AtomicI64::new(UNKNOWN);
const UNKNOWN: i64 = i64::MIN;

/// The time of day, to the microsecond: PostgreSQL keeps no more.
///
/// Once the database has been asked it is the database's time, carried on by [`uptime`]: then all nodes
/// agree on what is due, too late, quiet or of today, and a machine whose own clock is set while it works
/// goes on as if it were not. Before that it is the machine's own.
#[must_use]
pub fn now() -> Timestamp {
    match REFERENCE.load(Ordering::Relaxed) {
        UNKNOWN => machine(),
        reference => {
            let at = reference.saturating_add(micros(uptime()));
            Timestamp::from_microsecond(at).unwrap_or_else(|_| machine())
        }
    }
}

/// The time of day by this machine's own clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
fn machine() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// What the database's clock showed, at some moment between the two at which it was asked and had
/// answered.
#[derive(Debug, Clone, Copy)]
pub struct Sighting {
    /// When it was asked.
    pub asked: Uptime,
    /// When its answer was here.
    pub answered: Uptime,
    /// What it showed.
    pub shown: Timestamp,
}

/// From now on [`now`] agrees with this. Says how far this machine's own clock is ahead of the database's.
pub fn follow(sighting: Sighting) -> SignedDuration {
    let known = REFERENCE.load(Ordering::Relaxed);
    let known = (known != UNKNOWN).then_some(known);
    REFERENCE.store(corrected(known, sighting), Ordering::Relaxed);
    machine().duration_since(now())
}

/// No further from what is known than the sighting makes sure, so that the time does not jump to and fro
/// by what an answer took on its way; the middle of what is possible, when nothing is known.
fn corrected(known: Option<i64>, sighting: Sighting) -> i64 {
    let shown = sighting.shown.as_microsecond();
    let latest = shown.saturating_sub(micros(sighting.asked));
    let earliest = shown.saturating_sub(micros(sighting.answered)).min(latest);
    let middle = earliest + (latest - earliest) / 2;
    known.map_or(middle, |known| known.clamp(earliest, latest))
}

fn micros(uptime: Uptime) -> i64 {
    i64::try_from(uptime.0.as_micros()).unwrap_or(i64::MAX)
}

/// A new id (UUIDv7) that carries the present moment by [`now`]: partitions and the time of acceptance
/// are read from it.
#[must_use]
pub fn new_id() -> Uuid {
    let now = now();
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}

/// A monotonic instant, for durations; tokio's, so that it pauses with `tokio::time`.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn instant() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asked at `asked` and answered at `answered` ms of uptime, when 1970 was `shown` ms ago.
    fn sighting(asked: u64, answered: u64, shown: i64) -> Sighting {
        Sighting {
            asked: Uptime(Duration::from_millis(asked)),
            answered: Uptime(Duration::from_millis(answered)),
            shown: Timestamp::from_millisecond(shown).unwrap(),
        }
    }

    #[test]
    fn the_first_sighting_sets_the_time_to_the_middle_of_what_is_possible() {
        assert_eq!(corrected(None, sighting(100, 300, 10_000)), 9_800_000);
    }

    #[test]
    fn a_later_sighting_moves_the_time_no_further_than_it_makes_sure() {
        let later = sighting(1_000, 1_200, 11_000);
        for (known, expected) in [
            (9_850_000, 9_850_000),
            (9_700_000, 9_800_000),
            (10_100_000, 10_000_000),
            // A database whose clock was set by 25 minutes.
            (9_800_000 + 1_500_000_000, 10_000_000),
        ] {
            assert_eq!(corrected(Some(known), later), expected, "{known}");
        }
    }

    #[test]
    fn a_new_id_carries_the_present_moment() {
        let (seconds, _) = new_id().get_timestamp().unwrap().to_unix();
        let apart = now().as_second() - i64::try_from(seconds).unwrap();
        assert!((0..60).contains(&apart), "{apart} s");
    }
}
