use super::*;
use crate::domain::Channel;
use crate::policy::decide::tests::{account, notification, now};
use proptest::prelude::*;

#[test]
fn a_pinned_provider_is_the_only_one() {
    let mut pinned = notification(Channel::Email);
    pinned.payload.provider = Some("b".into());
    let accounts = [account("a", 10), account("b", 0)];
    assert_eq!(
        route(&pinned, &accounts, OnUnknown::Retry, 0.0),
        Ok(vec![1])
    );
    pinned.payload.provider = Some("missing".into());
    assert_eq!(route(&pinned, &accounts, OnUnknown::Retry, 0.0), Err(None));
}

#[test]
fn one_that_is_out_is_left_out_and_says_when() {
    let back = now() + SignedDuration::from_secs(5);
    let out = AccountFacts {
        available_at: Some(back),
        ..account("a", 10)
    };
    let plain = notification(Channel::Email);
    assert_eq!(
        route(&plain, &[out, account("b", 0)], OnUnknown::Retry, 0.0),
        Ok(vec![1])
    );
    assert_eq!(
        route(&plain, &[out], OnUnknown::Retry, 0.0),
        Err(Some(back))
    );
    assert_eq!(wait(now(), Some(back)), back);
}

#[test]
fn an_unknown_outcome_goes_back_to_the_same_account() {
    use crate::domain::{Class, Reply};
    let mut lost = notification(Channel::Email);
    let unknown = Reply::of(Class::Unknown, None, None);
    lost.attempts
        .push(AttemptRecord::of_reply(now(), "b", None, &unknown, 3));
    let until = now();
    let step = crate::domain::Step::Deferred {
        reason: crate::domain::Reason::Retry,
        until,
    };
    lost.attempts.push(AttemptRecord { at: now(), step });
    let accounts = [account("a", 10), account("b", 0)];
    assert_eq!(route(&lost, &accounts, OnUnknown::Retry, 0.0), Ok(vec![1]));
    assert_eq!(
        route(&lost, &[account("a", 10)], OnUnknown::Retry, 0.0),
        Ok(vec![0])
    );
    // Rather twice than late: nobody is preferred for having been asked.
    assert_eq!(
        route(&lost, &accounts, OnUnknown::FailOver, 0.0),
        Ok(vec![0, 1])
    );
}

#[test]
fn equals_share_by_weight() {
    let heavy = AccountFacts {
        weight: 3,
        ..account("a", 0)
    };
    let accounts = [heavy, account("b", 0)];
    let plain = notification(Channel::Email);
    let first = |dice| route(&plain, &accounts, OnUnknown::Retry, dice).unwrap()[0];
    let won = (0..100)
        .filter(|n| first(f64::from(*n) / 100.0) == 0)
        .count();
    assert_eq!(won, 75);
}

#[test]
fn the_categorys_word_on_an_unknown_outcome_wins_over_the_operators() {
    let mut house = HouseRules::default();
    let mut rules = TenantRules::default();
    let mut sms = notification(Channel::Sms);
    sms.category = Some("codes".into());
    assert_eq!(on_unknown(&sms, &rules, &house), OnUnknown::Retry);
    house.fail_over_unknown.push(Channel::Sms);
    assert_eq!(on_unknown(&sms, &rules, &house), OnUnknown::FailOver);
    let email = notification(Channel::Email);
    assert_eq!(on_unknown(&email, &rules, &house), OnUnknown::Retry);
    let mut codes = crate::domain::Category::undeclared(sms.tenant_id, "codes");
    rules.categories.push(codes.clone());
    assert_eq!(on_unknown(&sms, &rules, &house), OnUnknown::FailOver);
    codes.on_unknown = Some(OnUnknown::Retry);
    rules.categories = vec![codes];
    assert_eq!(on_unknown(&sms, &rules, &house), OnUnknown::Retry);
}

proptest! {
    #[test]
    fn every_ready_account_is_asked_once_and_never_a_lower_priority_first(
        priorities in prop::collection::vec(-3..3_i32, 1..6), dice in 0.0..1.0_f64
    ) {
        let names: Vec<String> = (0..priorities.len()).map(|n| n.to_string()).collect();
        let accounts: Vec<_> =
            names.iter().zip(&priorities).map(|(name, p)| account(name, *p)).collect();
        let route = route(&notification(Channel::Email), &accounts, OnUnknown::Retry, dice).unwrap();
        let mut sorted = route.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..accounts.len()).collect::<Vec<_>>());
        prop_assert!(route.is_sorted_by(|a, b| accounts[*a].priority >= accounts[*b].priority));
    }
}
