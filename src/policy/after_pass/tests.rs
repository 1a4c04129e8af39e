use super::*;
use crate::domain::Channel;
use crate::policy::decide::tests::{notification, now};
use uuid::Uuid;

pub(super) fn target(address: &str) -> Target {
    Target {
        address: address.into(),
        device_id: Some(Uuid::from_u128(address.len() as u128)),
    }
}

pub(super) fn reply(class: Class) -> Reply {
    let reason = match class {
        Class::Permanent => Some(Reason::InvalidRecipient),
        Class::Misconfigured => Some(Reason::ProviderMisconfigured),
        _ => None,
    };
    Reply {
        reason,
        ..Reply::of(class, None, None)
    }
}

pub(super) struct Case {
    pub(super) notification: Notification,
    pub(super) replies: Vec<(Target, Reply)>,
    pub(super) asked: Vec<Target>,
    pub(super) has_next: bool,
    pub(super) fail_over_unknown: bool,
    pub(super) retry_window: Option<Duration>,
    pub(super) dice: f64,
}

impl Case {
    pub(super) fn one(class: Class) -> Self {
        let only = target("a");
        Self {
            notification: notification(Channel::Push),
            replies: vec![(only.clone(), reply(class))],
            asked: vec![only],
            has_next: false,
            fail_over_unknown: false,
            retry_window: None,
            dice: 0.5,
        }
    }

    /// Notes an attempt at this time.
    pub(super) fn attempted(&mut self, at: Timestamp) {
        use crate::domain::AttemptRecord;
        let record = AttemptRecord::of_reply(at, "a", None, &reply(Class::Transient), 3);
        self.notification.attempts.push(record);
    }

    pub(super) fn verdict(&self) -> Verdict {
        after_pass(&Pass {
            notification: &self.notification,
            replies: &self.replies,
            asked: &self.asked,
            has_next: self.has_next,
            fail_over_unknown: self.fail_over_unknown,
            retry_window: self.retry_window,
            backoff: Backoff::new(Duration::from_secs(2), Duration::from_secs(60)),
            minimum_delay: Duration::ZERO,
            now: now(),
            dice: self.dice,
        })
    }
}

#[test]
fn accepted_is_sent_and_permanent_fails_with_the_providers_category() {
    assert_eq!(Case::one(Class::Accepted).verdict(), Verdict::Sent);
    let refused = Case {
        has_next: true,
        ..Case::one(Class::Permanent)
    };
    assert_eq!(refused.verdict(), Verdict::Ended(Reason::InvalidRecipient));
}

#[test]
fn what_was_definitely_not_sent_goes_to_the_next_provider() {
    for class in [
        Class::Transient,
        Class::Throttled,
        Class::Credentials,
        Class::Misconfigured,
    ] {
        let case = Case {
            has_next: true,
            ..Case::one(class)
        };
        assert_eq!(
            case.verdict(),
            Verdict::NextProvider(case.asked.clone()),
            "{class}"
        );
    }
}

#[test]
fn an_unknown_outcome_stays_with_its_provider_unless_told_otherwise() {
    let stay = Case {
        has_next: true,
        ..Case::one(Class::Unknown)
    };
    assert!(matches!(
        stay.verdict(),
        Verdict::Retry {
            reason: Reason::Retry,
            ..
        }
    ));
    let move_on = Case {
        fail_over_unknown: true,
        ..stay
    };
    assert!(matches!(move_on.verdict(), Verdict::NextProvider(_)));
}

#[test]
fn a_retry_counts_and_the_last_one_ends_in_the_dead_letters() {
    let mut case = Case::one(Class::Transient);
    assert!(matches!(
        case.verdict(),
        Verdict::Retry {
            attempt_used: true,
            ..
        }
    ));
    case.notification.attempt_count = case.notification.max_retries;
    assert_eq!(case.verdict(), Verdict::Ended(Reason::RetriesExhausted));
}

#[test]
fn refused_credentials_everywhere_wait_without_using_an_attempt() {
    let verdict = Case::one(Class::Credentials).verdict();
    let Verdict::Retry {
        reason,
        attempt_used,
        ..
    } = verdict
    else {
        panic!("{verdict:?}")
    };
    assert_eq!((reason, attempt_used), (Reason::WaitingForProvider, false));
}

#[test]
fn an_account_that_failed_was_an_attempt_whatever_the_next_one_refuses() {
    let mut case = Case::one(Class::Transient);
    case.replies.push((target("a"), reply(Class::Credentials)));
    let used = |case: &Case| match case.verdict() {
        Verdict::Retry { attempt_used, .. } => attempt_used,
        other => panic!("{other:?}"),
    };
    assert!(used(&case));
    case.replies[0].1 = reply(Class::Misconfigured);
    assert!(!used(&case), "nobody could have sent it");
    case.replies[0] = (target("another"), reply(Class::Accepted));
    assert!(
        !used(&case),
        "what was accepted is no attempt for the other"
    );
}

#[test]
fn an_account_that_may_not_send_fails_when_nobody_else_is_left() {
    let case = Case::one(Class::Misconfigured);
    assert_eq!(
        case.verdict(),
        Verdict::Ended(Reason::ProviderMisconfigured)
    );
}

#[test]
fn a_retry_never_comes_before_what_the_provider_asked_for() {
    let mut case = Case {
        dice: 0.0,
        ..Case::one(Class::Throttled)
    };
    case.replies[0].1.retry_after = Some(Duration::from_secs(90));
    let Verdict::Retry { due_at, .. } = case.verdict() else {
        panic!()
    };
    assert_eq!(due_at, now() + jiff::SignedDuration::from_secs(90));
}

#[test]
fn a_retry_that_would_come_too_late_ends_as_expired() {
    let mut case = Case::one(Class::Throttled);
    case.replies[0].1.retry_after = Some(Duration::from_secs(90));
    case.notification.expires_at = Some(now() + jiff::SignedDuration::from_secs(60));
    assert_eq!(case.verdict(), Verdict::Ended(Reason::Expired));
}

#[test]
fn one_accepting_device_makes_it_sent_and_the_others_are_retried() {
    let (good, bad) = (target("a"), target("bb"));
    let mut case = Case::one(Class::Accepted);
    case.asked = vec![good.clone(), bad.clone()];
    case.replies = vec![
        (good, reply(Class::Accepted)),
        (bad, reply(Class::Transient)),
    ];
    assert!(matches!(case.verdict(), Verdict::Retry { .. }));
    case.has_next = true;
    assert!(matches!(case.verdict(), Verdict::NextProvider(left) if left.len() == 1));
    case.has_next = false;
    case.notification.attempt_count = case.notification.max_retries;
    assert_eq!(case.verdict(), Verdict::Sent);
}

#[test]
fn a_retry_beyond_the_providers_window_is_none() {
    let mut case = Case::one(Class::Throttled);
    case.replies[0].1.retry_after = Some(Duration::from_secs(90));
    case.retry_window = Some(Duration::from_secs(3_600));
    case.attempted(now() - jiff::SignedDuration::from_mins(58));
    assert!(matches!(case.verdict(), Verdict::Retry { .. }));
    case.notification.attempts.clear();
    case.attempted(now() - jiff::SignedDuration::from_mins(59));
    assert_eq!(case.verdict(), Verdict::Ended(Reason::RetriesExhausted));
}
