//! What holds for every answer there may be.

use super::tests::{Case, reply, target};
use super::*;
use crate::policy::decide::tests::now;
use jiff::SignedDuration;
use proptest::prelude::*;

const BASE: Duration = Duration::from_secs(2);
const MAX: Duration = Duration::from_secs(60);

fn class() -> impl Strategy<Value = Class> {
    prop::sample::select(Class::ALL)
}

/// One address, which was answered so; at most with a wait asked for.
fn answered(class: Class, used: u16, retry_after: Option<u64>, dice: f64) -> Case {
    let mut case = Case::one(class);
    case.replies[0].1.retry_after = retry_after.map(Duration::from_secs);
    case.notification.attempt_count = used;
    case.dice = dice;
    case
}

proptest! {
    #[test]
    fn what_was_accepted_or_refused_for_good_is_never_asked_again(
        classes in prop::collection::vec(class(), 1..5), has_next: bool, unknown: bool,
        used in 0..8_u16, dice in 0.0..1.0_f64,
    ) {
        let targets: Vec<_> = (1..=classes.len()).map(|n| target(&"x".repeat(n))).collect();
        let mut case = answered(Class::Accepted, used, None, dice);
        case.replies = targets.iter().cloned().zip(classes.iter().map(|c| reply(*c))).collect();
        case.asked = targets;
        case.has_next = has_next;
        case.fail_over_unknown = unknown;
        match case.verdict() {
            Verdict::NextProvider(left) => {
                prop_assert!(has_next && !left.is_empty());
                for (target, reply) in &case.replies {
                    if matches!(reply.class, Class::Accepted | Class::Permanent) {
                        prop_assert!(!left.contains(target));
                    }
                }
            }
            Verdict::Sent => prop_assert!(classes.contains(&Class::Accepted)),
            Verdict::Ended(reason) => {
                prop_assert!(!classes.contains(&Class::Accepted));
                prop_assert_eq!(reason.status(), crate::domain::Status::Failed);
            }
            Verdict::Retry { due_at, .. } => prop_assert!(due_at >= now()),
        }
    }

    #[test]
    fn a_permanent_refusal_leads_to_no_retry_and_no_next_provider(
        has_next: bool, unknown: bool, used in 0..200_u16,
        retry_after in prop::option::of(0..10_000_u64), dice in 0.0..1.0_f64,
    ) {
        let mut case = answered(Class::Permanent, used, retry_after, dice);
        case.has_next = has_next;
        case.fail_over_unknown = unknown;
        prop_assert_eq!(case.verdict(), Verdict::Ended(Reason::InvalidRecipient));
    }

    #[test]
    fn a_retry_waits_for_what_was_asked_for_and_at_most_the_ceiling_longer(
        class in class(), used in 0..100_u16, retry_after in prop::option::of(0..10_000_u64),
        dice in 0.0..1.0_f64,
    ) {
        let mut case = answered(class, used, retry_after, dice);
        case.notification.max_retries = 100;
        if let Verdict::Retry { due_at, attempt_used: true, .. } = case.verdict() {
            let wait = Duration::try_from(due_at.duration_since(now())).unwrap();
            let asked_for = Duration::from_secs(retry_after.unwrap_or(0));
            let ceiling = BASE.saturating_mul(1 << used.min(20)).min(MAX);
            prop_assert!(wait >= asked_for, "{wait:?}");
            prop_assert!(wait <= asked_for + ceiling, "{wait:?}");
        }
    }

    #[test]
    fn there_is_never_an_attempt_more_than_the_retries_and_the_first(
        classes in prop::collection::vec(class(), 300), max_retries in 0..100_u16,
        dice in 0.0..1.0_f64,
    ) {
        let (mut used, mut ended) = (0, false);
        for class in classes {
            let mut case = answered(class, used, None, dice);
            case.notification.max_retries = max_retries;
            match case.verdict() {
                Verdict::Retry { attempt_used, .. } => used += u16::from(attempt_used),
                _ => {
                    used += 1;
                    ended = true;
                    break;
                }
            }
        }
        prop_assert!(used <= max_retries + 1, "{used} attempts");
        // Three hundred answers, of which few use no attempt, are more than enough.
        prop_assert!(ended);
    }

    #[test]
    fn no_retry_is_later_than_the_provider_wants(
        class in class(), window in 0..7_200_u64, since in 0..7_200_i64, dice in 0.0..1.0_f64,
        retry_after in prop::option::of(0..7_200_u64),
    ) {
        let mut case = answered(class, 0, retry_after, dice);
        let first = now() - SignedDuration::from_secs(since);
        case.attempted(first);
        case.retry_window = Some(Duration::from_secs(window));
        if let Verdict::Retry { due_at, attempt_used: true, .. } = case.verdict() {
            let since_first = Duration::try_from(due_at.duration_since(first)).unwrap();
            prop_assert!(since_first <= Duration::from_secs(window));
        }
    }
}
