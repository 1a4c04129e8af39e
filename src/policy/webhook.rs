//! What follows from a webhook's answer: for what it was told, and for the webhook itself.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::WebhookDisabledReason;

/// Waits after the first failure, the second, and so on; the last one repeats. Ten retries last two days and
/// a half.
const STEPS: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(300),
    Duration::from_secs(1_800),
    Duration::from_secs(7_200),
    Duration::from_secs(18_000),
    Duration::from_secs(36_000),
];
/// Least and longest share of chance on top of a wait: what failed together must not come back together.
const JITTER: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(900));
/// A webhook that has not failed for so long is not failing any more.
const FORGOTTEN: Duration = Duration::from_secs(172_800);

/// How one try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebhookTry {
    /// The HTTP status; `None` when there was no answer.
    pub status: Option<u16>,
    /// What the receiver asks for beside it.
    pub wish: Option<ReceiverWish>,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
}

/// What a receiver says in the header `webhook-delivery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverWish {
    /// Send nothing more.
    Disable,
    /// Do not send this again.
    Abort,
}

/// What becomes of what was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterTry {
    /// It has arrived.
    Delivered,
    /// It is tried again after this wait.
    Again(Duration),
    /// It is not tried again by itself.
    GivenUp,
}

/// Since when a webhook fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebhookFailing {
    /// Since its first failure after the last success.
    pub since: Option<Timestamp>,
    /// When it failed last.
    pub last: Option<Timestamp>,
}

impl ReceiverWish {
    /// The wish that a header expresses.
    #[must_use]
    pub fn read(header: &str) -> Option<Self> {
        match header.trim() {
            "disable" => Some(Self::Disable),
            "abort-message" => Some(Self::Abort),
            _ => None,
        }
    }
}

impl WebhookTry {
    /// Whether it has arrived: any status of success, and no other, for redirects are not followed.
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        self.status
            .is_some_and(|status| (200..=299).contains(&status))
    }

    /// Whether the receiver wants nothing more.
    #[must_use]
    pub fn disables(&self) -> Option<WebhookDisabledReason> {
        match (self.status, self.wish) {
            (Some(410), _) => Some(WebhookDisabledReason::Gone),
            (_, Some(ReceiverWish::Disable)) => Some(WebhookDisabledReason::Receiver),
            _ => None,
        }
    }

    /// What becomes of what was told: `tries` have been made, of which the first is no retry. `jitter` lies
    /// in `[0, 1)`.
    #[must_use]
    pub fn follows(&self, tries: u32, retry_count: u32, jitter: f64) -> AfterTry {
        if self.has_arrived() {
            return AfterTry::Delivered;
        }
        let unwanted = self.disables().is_some() || self.wish == Some(ReceiverWish::Abort);
        if unwanted || tries > retry_count {
            return AfterTry::GivenUp;
        }
        AfterTry::Again(wait(tries, self.retry_after, jitter))
    }
}

/// A receiver may ask for up to twice the step.
fn wait(tries: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let at = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let [.., last] = STEPS;
    let step = STEPS.get(at).copied().unwrap_or(last);
    let asked = retry_after.unwrap_or(step).clamp(step, step * 2);
    let (least, longest) = JITTER;
    let spread = (asked / 10).clamp(least, longest);
    asked
        + spread.mul_f64(if jitter.is_nan() {
            0.0
        } else {
            jitter.clamp(0.0, 1.0)
        })
}

impl WebhookFailing {
    /// It has failed again; says whether that was for longer than `limit`, so that it is disabled.
    #[must_use]
    pub fn again(self, now: Timestamp, limit: Duration) -> (Self, bool) {
        let age = |moment: Timestamp| {
            Duration::try_from(now.duration_since(moment)).unwrap_or(Duration::ZERO)
        };
        let lasts = self.last.is_some_and(|last| age(last) <= FORGOTTEN);
        let since = self.since.filter(|_| lasts).unwrap_or(now);
        let failing = Self {
            since: Some(since),
            last: Some(now),
        };
        (failing, age(since) >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5 * 86_400);

    fn answered(status: u16) -> WebhookTry {
        WebhookTry {
            status: Some(status),
            ..WebhookTry::default()
        }
    }

    #[test]
    fn only_success_is_arrival() {
        for (status, arrived) in [
            (200, true),
            (204, true),
            (299, true),
            (302, false),
            (101, false),
            (500, false),
        ] {
            assert_eq!(answered(status).has_arrived(), arrived, "{status}");
        }
        assert!(!WebhookTry::default().has_arrived());
        assert_eq!(answered(200).follows(1, 0, 0.5), AfterTry::Delivered);
    }

    #[test]
    fn each_retry_waits_for_its_own_step_and_the_jitter_is_only_added() {
        let failed = answered(500);
        let waits: Vec<Duration> = (1..=8)
            .map(|tries| match failed.follows(tries, 10, 0.0) {
                AfterTry::Again(wait) => wait,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits[..6], STEPS);
        assert_eq!(waits[6..], [STEPS[5]; 2]);
        for tries in 1..=12 {
            let AfterTry::Again(wait) = failed.follows(tries, 12, 0.999) else {
                panic!("{tries}")
            };
            let step = waits[usize::min(tries as usize, 8) - 1];
            let most = step + (step / 10).clamp(JITTER.0, JITTER.1);
            assert!(wait > step && wait < most, "{tries}: {wait:?}");
        }
        let all: Duration = waits.iter().sum::<Duration>() + STEPS[5] * 2;
        assert!(all > Duration::from_secs(2 * 86_400), "over days: {all:?}");
    }

    #[test]
    fn the_rows_own_number_of_retries_is_the_end() {
        let failed = answered(500);
        assert_eq!(failed.follows(1, 0, 0.0), AfterTry::GivenUp);
        assert!(matches!(failed.follows(3, 3, 0.0), AfterTry::Again(_)));
        assert_eq!(failed.follows(4, 3, 0.0), AfterTry::GivenUp);
    }

    #[test]
    fn a_receiver_may_ask_to_wait_for_up_to_twice_the_step() {
        let asks = |seconds| WebhookTry {
            retry_after: Some(Duration::from_secs(seconds)),
            ..answered(503)
        };
        for (seconds, waits) in [(0, 300), (400, 400), (86_400, 600)] {
            let follows = asks(seconds).follows(2, 3, 0.0);
            assert_eq!(
                follows,
                AfterTry::Again(Duration::from_secs(waits)),
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_receiver_can_have_its_peace() {
        let gone = answered(410);
        assert_eq!(gone.disables(), Some(WebhookDisabledReason::Gone));
        assert_eq!(gone.follows(1, 10, 0.0), AfterTry::GivenUp);
        let enough = WebhookTry {
            wish: ReceiverWish::read(" disable "),
            ..answered(200)
        };
        assert_eq!(enough.disables(), Some(WebhookDisabledReason::Receiver));
        assert_eq!(enough.follows(1, 10, 0.0), AfterTry::Delivered);
        let unwanted = WebhookTry {
            wish: ReceiverWish::read("abort-message"),
            ..answered(500)
        };
        assert_eq!(unwanted.disables(), None);
        assert_eq!(unwanted.follows(1, 10, 0.0), AfterTry::GivenUp);
        assert_eq!(ReceiverWish::read("later"), None);
    }

    #[test]
    fn days_of_nothing_but_failures_disable_and_a_pause_begins_anew() {
        let start: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let after = |hours: u64| start + Duration::from_secs(hours * 3_600);
        let (mut failing, mut at) = (WebhookFailing::default(), 0);
        let disabled_at = loop {
            let (next, disables) = failing.again(after(at), LIMIT);
            failing = next;
            if disables {
                break at;
            }
            at += 11;
        };
        assert_eq!(disabled_at, 121, "the first failure after 120 hours");
        let once = WebhookFailing::default().again(start, LIMIT).0;
        let (anew, disables) = once.again(after(130), LIMIT);
        assert_eq!(
            (anew.since, disables),
            (Some(after(130)), false),
            "two failures are not five days of them"
        );
        // A clock that was set back ends nothing.
        assert!(!once.again(start - Duration::from_secs(60), LIMIT).1);
    }
}
