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
        _ => None,
    };
    Reply {
        reason,
        ..Reply::of(class, None, None)
    }
}

pub(super) struct PassCase {
    pub(super) notification: Notification,
    pub(super) replies: Vec<(Target, Reply)>,
    pub(super) asked: Vec<Target>,
    pub(super) has_next: bool,
    pub(super) left_out: bool,
    pub(super) fail_over_unknown: bool,
    pub(super) retry_window: Option<Duration>,
    pub(super) jitter: f64,
}

impl PassCase {
    pub(super) fn one(class: Class) -> Self {
        let only = target("a");
        Self {
            notification: notification(Channel::Push),
            replies: vec![(only.clone(), reply(class))],
            asked: vec![only],
            has_next: false,
            left_out: false,
            fail_over_unknown: false,
            retry_window: None,
            jitter: 0.5,
        }
    }

    /// Notes an attempt at this time.
    pub(super) fn attempted(&mut self, at: Timestamp) {
        use crate::domain::AttemptRecord;
        let record = AttemptRecord::of_reply(at, "a", None, &reply(Class::Transient), 3);
        self.notification.attempts.push(record);
    }

    pub(super) fn verdict(&self) -> PassResult {
        after_pass(&Pass {
            notification: &self.notification,
            replies: &self.replies,
            asked: &self.asked,
            has_next: self.has_next,
            left_out: self.left_out,
            fail_over_unknown: self.fail_over_unknown,
            retry_window: self.retry_window,
            backoff: Backoff::new(Duration::from_secs(2), Duration::from_secs(60)),
            minimum_delay: Duration::ZERO,
            now: now(),
            jitter: self.jitter,
        })
    }
}

#[test]
fn accepted_is_sent_and_permanent_fails_with_the_providers_category() {
    assert_eq!(PassCase::one(Class::Accepted).verdict(), PassResult::Sent);
    let refused = PassCase {
        has_next: true,
        ..PassCase::one(Class::Permanent)
    };
    assert_eq!(
        refused.verdict(),
        PassResult::Ended(Reason::InvalidRecipient)
    );
}

#[test]
fn greylisted_address_is_put_off_without_an_attempt_for_a_day() {
    let mut case = PassCase::one(Class::Throttled);
    for (_, reply) in &mut case.replies {
        reply.subject = Subject::Message;
        reply.retry_after = Some(Duration::from_secs(300));
    }
    let asked = |case: &PassCase| match case.verdict() {
        PassResult::Retry {
            due_at,
            attempt_used,
            ..
        } => (attempt_used, due_at.duration_since(now()).as_secs() >= 300),
        other => panic!("{other:?}"),
    };
    let record = |hours| {
        let at = now() - SignedDuration::from_hours(hours);
        AttemptRecord::of_reply(at, "a", None, &reply(Class::Throttled), 3)
    };
    assert_eq!(asked(&case), (false, true));
    case.notification.attempts.extend([record(23), record(1)]);
    assert_eq!(asked(&case), (false, true));
    case.notification.attempts.insert(0, record(25));
    assert_eq!(asked(&case), (true, true), "and no longer");
}

#[test]
fn incapable_account_uses_no_attempt() {
    let used = |classes: &[Class]| {
        let case = PassCase::one(Class::Throttled);
        let replies: Vec<_> = classes
            .iter()
            .map(|class| (target("a"), reply(*class)))
            .collect();
        attempts_used(&case.notification, &replies, now())
    };
    assert_eq!(used(&[]), 0);
    assert_eq!(used(&[Class::AccountRefused]), 0);
    assert_eq!(used(&[Class::Throttled, Class::NotByAccount]), 0);
    assert_eq!(used(&[Class::AccountRefused, Class::Transient]), 1);
    assert_eq!(used(&[Class::Unknown]), 1);
    assert_eq!(used(&[Class::Transient, Class::Permanent]), 0);
}

#[test]
fn definitely_unsent_message_goes_to_the_next_provider() {
    for class in [
        Class::Transient,
        Class::Throttled,
        Class::AccountRefused,
        Class::NotByAccount,
    ] {
        let case = PassCase {
            has_next: true,
            ..PassCase::one(class)
        };
        assert_eq!(
            case.verdict(),
            PassResult::NextProvider(case.asked.clone()),
            "{class}"
        );
    }
}

#[test]
fn an_unknown_outcome_stays_with_its_provider_unless_told_otherwise() {
    let stay = PassCase {
        has_next: true,
        ..PassCase::one(Class::Unknown)
    };
    assert!(matches!(
        stay.verdict(),
        PassResult::Retry {
            reason: Reason::Retry,
            ..
        }
    ));
    let move_on = PassCase {
        fail_over_unknown: true,
        ..stay
    };
    assert!(matches!(move_on.verdict(), PassResult::NextProvider(_)));
}

#[test]
fn a_retry_counts_and_the_last_one_ends_in_the_dead_letters() {
    let mut case = PassCase::one(Class::Transient);
    assert!(matches!(
        case.verdict(),
        PassResult::Retry {
            attempt_used: true,
            ..
        }
    ));
    case.notification.attempt_count = case.notification.max_retries;
    assert_eq!(case.verdict(), PassResult::Ended(Reason::RetriesExhausted));
}

/// The reason and whether an attempt was used, when it waits.
fn waits(case: &PassCase) -> (Reason, bool) {
    match case.verdict() {
        PassResult::Retry {
            reason,
            attempt_used,
            ..
        } => (reason, attempt_used),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_account_that_is_refused_or_too_slow_uses_up_no_attempt() {
    let mut case = PassCase::one(Class::AccountRefused);
    case.notification.attempt_count = case.notification.max_retries;
    assert_eq!(waits(&case), (Reason::WaitingForProvider, false));
    case.replies[0].1 = reply(Class::Throttled);
    assert_eq!(waits(&case), (Reason::Retry, false));
}

#[test]
fn an_account_that_failed_was_an_attempt_whatever_the_next_one_refuses() {
    for next in [Class::AccountRefused, Class::NotByAccount, Class::Throttled] {
        let mut case = PassCase::one(Class::Transient);
        case.replies.push((target("a"), reply(next)));
        assert_eq!(waits(&case), (Reason::Retry, true), "{next}");
        // The order says nothing.
        case.replies.reverse();
        assert_eq!(waits(&case), (Reason::Retry, true), "{next}");
        case.replies[1] = (target("another"), reply(Class::Accepted));
        case.left_out = true;
        assert!(
            !waits(&case).1,
            "what was accepted is no attempt for the other"
        );
    }
}

#[test]
fn message_fails_as_unsendable_only_when_every_account_has_refused_it() {
    let mut case = PassCase::one(Class::NotByAccount);
    case.replies.push((target("a"), reply(Class::NotByAccount)));
    let failed = PassResult::Ended(Reason::ProviderMisconfigured);
    assert_eq!(case.verdict(), failed);
    case.left_out = true;
    assert_eq!(waits(&case), (Reason::WaitingForProvider, false));
    case.left_out = false;
    for other in [
        Class::AccountRefused,
        Class::Throttled,
        Class::Transient,
        Class::Unknown,
    ] {
        case.replies[1].1 = reply(other);
        assert!(
            matches!(case.verdict(), PassResult::Retry { .. }),
            "{other}"
        );
    }
    case.replies[1].1 = reply(Class::Permanent);
    assert_eq!(case.verdict(), PassResult::Ended(Reason::InvalidRecipient));
}

#[test]
fn message_that_may_have_been_sent_earlier_is_asked_of_no_other_account() {
    let mut case = PassCase {
        has_next: true,
        ..PassCase::one(Class::Transient)
    };
    let lost = reply(Class::Unknown);
    let device = case.asked[0].device_id;
    let record = crate::domain::AttemptRecord::of_reply(now(), "a", device, &lost, 3);
    case.notification.attempts.push(record);
    assert_eq!(waits(&case), (Reason::Retry, true));
    case.fail_over_unknown = true;
    assert!(matches!(case.verdict(), PassResult::NextProvider(_)));
}

#[test]
fn all_devices_stay_with_the_account_that_may_have_served_one() {
    let (lost, busy) = (target("a"), target("bb"));
    let mut case = PassCase {
        has_next: true,
        ..PassCase::one(Class::Unknown)
    };
    case.asked = vec![lost.clone(), busy.clone()];
    case.replies = vec![
        (lost, reply(Class::Unknown)),
        (busy, reply(Class::Transient)),
    ];
    assert_eq!(waits(&case), (Reason::Retry, true));
    case.fail_over_unknown = true;
    assert!(matches!(case.verdict(), PassResult::NextProvider(left) if left.len() == 2));
}

#[test]
fn a_retry_waits_for_the_longest_that_anybody_of_the_pass_asked_for() {
    let mut case = PassCase {
        jitter: 0.0,
        ..PassCase::one(Class::Throttled)
    };
    case.replies[0].1.retry_after = Some(Duration::from_secs(90));
    case.replies.push((target("a"), reply(Class::Transient)));
    let PassResult::Retry { due_at, .. } = case.verdict() else {
        panic!()
    };
    assert_eq!(due_at, now() + jiff::SignedDuration::from_secs(90));
}

#[test]
fn a_retry_never_comes_before_what_the_provider_asked_for() {
    let mut case = PassCase {
        jitter: 0.0,
        ..PassCase::one(Class::Throttled)
    };
    case.replies[0].1.retry_after = Some(Duration::from_secs(90));
    let PassResult::Retry { due_at, .. } = case.verdict() else {
        panic!()
    };
    assert_eq!(due_at, now() + jiff::SignedDuration::from_secs(90));
}

#[test]
fn a_retry_that_would_come_too_late_ends_as_expired() {
    let mut case = PassCase::one(Class::Throttled);
    case.replies[0].1.retry_after = Some(Duration::from_secs(90));
    case.notification.expires_at = Some(now() + jiff::SignedDuration::from_secs(60));
    assert_eq!(case.verdict(), PassResult::Ended(Reason::Expired));
}

#[test]
fn push_is_sent_by_one_accepting_device_and_the_others_are_retried() {
    let (good, bad) = (target("a"), target("bb"));
    let mut case = PassCase::one(Class::Accepted);
    case.asked = vec![good.clone(), bad.clone()];
    case.replies = vec![
        (good, reply(Class::Accepted)),
        (bad, reply(Class::Transient)),
    ];
    assert!(matches!(case.verdict(), PassResult::Retry { .. }));
    case.has_next = true;
    assert!(matches!(case.verdict(), PassResult::NextProvider(left) if left.len() == 1));
    case.has_next = false;
    case.notification.attempt_count = case.notification.max_retries;
    assert_eq!(case.verdict(), PassResult::Sent);
}

#[test]
fn a_retry_beyond_the_providers_window_is_none() {
    let mut case = PassCase::one(Class::Transient);
    case.replies[0].1.retry_after = Some(Duration::from_secs(90));
    case.retry_window = Some(Duration::from_secs(3_600));
    case.attempted(now() - jiff::SignedDuration::from_mins(58));
    assert!(matches!(case.verdict(), PassResult::Retry { .. }));
    case.notification.attempts.clear();
    case.attempted(now() - jiff::SignedDuration::from_mins(59));
    assert_eq!(case.verdict(), PassResult::Ended(Reason::RetriesExhausted));
    case.replies[0].1.class = Class::Throttled;
    assert_eq!(
        waits(&case),
        (Reason::Retry, false),
        "no failure of the provider's"
    );
}

#[test]
fn the_window_counts_from_the_first_failure_of_this_sending() {
    use crate::domain::{AttemptRecord, Step};
    let until = now();
    for step in [
        Step::Replayed {
            failed: Reason::RetriesExhausted,
            detail: None,
            not_by: vec![],
        },
        Step::Deferred {
            reason: Reason::QuietHours,
            until,
        },
    ] {
        let mut case = PassCase::one(Class::Transient);
        case.retry_window = Some(Duration::from_secs(3_600));
        case.attempted(now() - jiff::SignedDuration::from_hours(9));
        assert_eq!(case.verdict(), PassResult::Ended(Reason::RetriesExhausted));
        case.notification
            .attempts
            .push(AttemptRecord { at: until, step });
        case.attempted(now() - jiff::SignedDuration::from_mins(1));
        assert_eq!(waits(&case), (Reason::Retry, true));
    }
}

#[test]
fn shortage_of_this_node_uses_no_attempt() {
    let mut case = PassCase::one(Class::Transient);
    case.notification.max_retries = 0;
    case.replies[0].1.subject = Subject::Node;
    assert!(matches!(
        case.verdict(),
        PassResult::Retry {
            reason: Reason::WaitingForProvider,
            attempt_used: false,
            ..
        }
    ));
    // Another account may have a connection open already.
    case.has_next = true;
    assert!(matches!(case.verdict(), PassResult::NextProvider(_)));
}
