//! Whose wishes cannot be read is not written to: nobody knows whether they want it. It waits until they
//! can be.

use jiff::{SignedDuration, Timestamp};

use super::routing::spread;
use crate::domain::{Notification, Reason, Step};

/// How long it waits at first.
pub const WAIT: SignedDuration = SignedDuration::from_secs(15);
/// Longest such wait: as with a time zone that nobody knows, somebody has to mend it.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// When to look again: after as long as it has waited for that already, so that each wait doubles that
/// time. Not after it has expired.
#[must_use]
pub fn wait(notification: &Notification, now: Timestamp, jitter: f64) -> Timestamp {
    let waited = waiting_since(notification).map(|since| now.duration_since(since));
    let wait = waited.unwrap_or_default().clamp(WAIT, LONGEST_WAIT);
    let until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
    let until = spread(now, until, jitter);
    notification
        .expires_at
        .map_or(until, |expires_at| until.min(expires_at))
}

fn waiting_since(notification: &Notification) -> Option<Timestamp> {
    let waits = |step: &Step| {
        matches!(
            step,
            Step::Deferred {
                reason: Reason::Retry,
                ..
            }
        )
    };
    let last = notification.present_attempts().rev();
    last.take_while(|record| waits(&record.step))
        .last()
        .map(|record| record.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AttemptRecord;
    use crate::domain::Channel;
    use crate::policy::decide::tests::notification;

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn each_wait_is_as_long_as_all_before_it_up_to_a_quarter_of_an_hour() {
        let (mut notification, mut now) = (notification(Channel::Email), seconds(1_000));
        let mut waits = vec![];
        for _ in 0..9 {
            let until = wait(&notification, now, 0.0);
            waits.push(until.duration_since(now).as_secs());
            let step = Step::Deferred {
                reason: Reason::Retry,
                until,
            };
            notification.attempts.push(AttemptRecord { at: now, step });
            now = until;
        }
        assert_eq!(waits, [15, 15, 30, 60, 120, 240, 480, 900, 900]);
        let spread = wait(&notification, now, 1.0);
        assert_eq!(spread.duration_since(now).as_secs(), 1_350);
    }

    #[test]
    fn it_comes_up_when_it_expires() {
        let mut notification = notification(Channel::Email);
        notification.expires_at = Some(seconds(1_007));
        assert_eq!(wait(&notification, seconds(1_000), 0.0), seconds(1_007));
    }
}
