//! What holds for every answer there may be.

use super::tests::{PassCase, reply, target};
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
fn answered(class: Class, used: u16, retry_after: Option<u64>, jitter: f64) -> PassCase {
    let mut case = PassCase::one(class);
    case.replies[0].1.retry_after = retry_after.map(Duration::from_secs);
    case.notification.attempt_count = used;
    case.jitter = jitter;
    case
}

/// All lists of at most three answers of as many accounts.
fn answers() -> Vec<Vec<Class>> {
    let mut lists: Vec<Vec<Class>> = vec![];
    let mut shorter = vec![vec![]];
    for _ in 0..3 {
        let longer = shorter.iter().flat_map(|list: &Vec<Class>| {
            Class::ALL
                .iter()
                .map(|class| [list.as_slice(), &[*class]].concat())
        });
        shorter = longer.collect();
        lists.extend(shorter.iter().cloned());
    }
    lists
}

/// One address of which the accounts said this, one after the other.
fn told(list: &[Class], left_out: bool, has_next: bool, fail_over_unknown: bool) -> PassCase {
    let mut case = PassCase::one(list[0]);
    case.replies = list
        .iter()
        .map(|class| (target("a"), reply(*class)))
        .collect();
    (case.left_out, case.has_next, case.fail_over_unknown) =
        (left_out, has_next, fail_over_unknown);
    case
}

const EITHER: [bool; 2] = [false, true];

/// Whether these answers leave nothing open.
fn is_definite(list: &[Class], left_out: bool) -> bool {
    let has = |class| list.contains(&class);
    has(Class::Accepted)
        || has(Class::Permanent)
        || (!left_out && list.iter().all(|class| *class == Class::NotByAccount))
}

#[test]
fn a_message_ends_when_its_answers_leave_nothing_open_and_never_before() {
    for (list, left_out) in answers()
        .iter()
        .flat_map(|list| EITHER.map(|out| (list, out)))
    {
        let verdict = told(list, left_out, false, false).verdict();
        let has_ended = matches!(verdict, PassResult::Ended(_) | PassResult::Sent);
        assert_eq!(
            has_ended,
            is_definite(list, left_out),
            "{list:?} {left_out} {verdict:?}"
        );
        let sent = verdict == PassResult::Sent;
        assert_eq!(sent, list.contains(&Class::Accepted), "{list:?}");
        if verdict == PassResult::Ended(Reason::ProviderMisconfigured) {
            assert!(list.iter().all(|class| *class == Class::NotByAccount));
        }
    }
}

#[test]
fn the_next_provider_is_asked_for_all_that_was_surely_not_sent_and_else_only_if_told() {
    for (list, fails_over) in answers()
        .iter()
        .flat_map(|list| EITHER.map(|over| (list, over)))
    {
        let verdict = told(list, false, true, fails_over).verdict();
        let has = |class| list.contains(&class);
        let settled = has(Class::Accepted) || has(Class::Permanent);
        let expected = !settled && (fails_over || !has(Class::Unknown));
        let moves = matches!(verdict, PassResult::NextProvider(_));
        assert_eq!(moves, expected, "{list:?} {fails_over} {verdict:?}");
    }
}

#[test]
fn an_attempt_is_used_up_only_by_an_account_that_tried_and_failed() {
    for (list, left_out) in answers()
        .iter()
        .flat_map(|list| EITHER.map(|out| (list, out)))
    {
        let mut case = told(list, left_out, false, false);
        let tried = list
            .iter()
            .any(|class| matches!(class, Class::Transient | Class::Unknown));
        if let PassResult::Retry { attempt_used, .. } = case.verdict() {
            assert_eq!(attempt_used, tried, "{list:?}");
        }
        // With its retries used up it waits on, as long as nobody has tried.
        case.notification.attempt_count = case.notification.max_retries;
        let exhausted = case.verdict() == PassResult::Ended(Reason::RetriesExhausted);
        let expected = tried && !is_definite(list, left_out);
        assert_eq!(exhausted, expected, "{list:?} {left_out}");
    }
}

#[test]
fn the_order_of_the_answers_says_nothing() {
    for (list, left_out) in answers()
        .iter()
        .flat_map(|list| EITHER.map(|out| (list, out)))
    {
        let mut turned = list.clone();
        turned.reverse();
        let (one, other) = (
            told(list, left_out, false, false),
            told(&turned, left_out, false, false),
        );
        assert_eq!(one.verdict(), other.verdict(), "{list:?}");
    }
}

proptest! {
    #[test]
    fn accepted_or_permanently_refused_address_is_never_asked_again(
        classes in prop::collection::vec(class(), 1..5), has_next: bool, unknown: bool,
        used in 0..8_u16, jitter in 0.0..1.0_f64,
    ) {
        let targets: Vec<_> = (1..=classes.len()).map(|n| target(&"x".repeat(n))).collect();
        let mut case = answered(Class::Accepted, used, None, jitter);
        case.replies = targets.iter().cloned().zip(classes.iter().map(|c| reply(*c))).collect();
        case.asked = targets;
        case.has_next = has_next;
        case.fail_over_unknown = unknown;
        match case.verdict() {
            PassResult::NextProvider(left) => {
                prop_assert!(has_next && !left.is_empty());
                for (target, reply) in &case.replies {
                    if matches!(reply.class, Class::Accepted | Class::Permanent) {
                        prop_assert!(!left.contains(target));
                    }
                }
            }
            PassResult::Sent => prop_assert!(classes.contains(&Class::Accepted)),
            PassResult::Ended(reason) => {
                prop_assert!(!classes.contains(&Class::Accepted));
                prop_assert_eq!(reason.status(), crate::domain::Status::Failed);
            }
            PassResult::Retry { due_at, .. } => prop_assert!(due_at >= now()),
        }
    }

    #[test]
    fn a_permanent_refusal_leads_to_no_retry_and_no_next_provider(
        has_next: bool, unknown: bool, used in 0..200_u16,
        retry_after in prop::option::of(0..10_000_u64), jitter in 0.0..1.0_f64,
    ) {
        let mut case = answered(Class::Permanent, used, retry_after, jitter);
        case.has_next = has_next;
        case.fail_over_unknown = unknown;
        prop_assert_eq!(case.verdict(), PassResult::Ended(Reason::InvalidRecipient));
    }

    #[test]
    fn a_retry_waits_for_what_was_asked_for_and_at_most_the_ceiling_longer(
        class in class(), used in 0..100_u16, retry_after in prop::option::of(0..10_000_u64),
        jitter in 0.0..1.0_f64,
    ) {
        let mut case = answered(class, used, retry_after, jitter);
        case.notification.max_retries = 100;
        if let PassResult::Retry { due_at, attempt_used: true, .. } = case.verdict() {
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
        jitter in 0.0..1.0_f64,
    ) {
        let (mut used, mut ended) = (0, false);
        let fails = |class: &Class| !matches!(class, Class::Throttled | Class::AccountRefused);
        let enough = classes.iter().filter(|class| fails(class)).count() > 101;
        for class in classes {
            let mut case = answered(class, used, None, jitter);
            case.notification.max_retries = max_retries;
            match case.verdict() {
                PassResult::Retry { attempt_used, .. } => used += u16::from(attempt_used),
                _ => {
                    used += 1;
                    ended = true;
                    break;
                }
            }
        }
        prop_assert!(used <= max_retries + 1, "{used} attempts");
        prop_assert!(ended || !enough);
    }

    #[test]
    fn no_retry_is_later_than_the_provider_wants(
        class in class(), window in 0..7_200_u64, since in 0..7_200_i64, jitter in 0.0..1.0_f64,
        retry_after in prop::option::of(0..7_200_u64),
    ) {
        let mut case = answered(class, 0, retry_after, jitter);
        let first = now() - SignedDuration::from_secs(since);
        case.attempted(first);
        case.retry_window = Some(Duration::from_secs(window));
        if let PassResult::Retry { due_at, attempt_used: true, .. } = case.verdict() {
            let since_first = Duration::try_from(due_at.duration_since(first)).unwrap();
            let is_failure = matches!(class, Class::Transient | Class::Unknown);
            prop_assert!(!is_failure || since_first <= Duration::from_secs(window));
        }
    }
}
