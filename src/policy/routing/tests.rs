use super::*;
use crate::domain::{AttemptRecord, Channel, Class, Reason, Reply, Step};
use crate::policy::decide::tests::{account, notification, now};
use proptest::prelude::*;

/// The positions that are asked, and whether somebody who may carry it is left out.
fn asked(
    notification: &Notification,
    accounts: &[AccountFacts<'_>],
    on_unknown: OnUnknown,
) -> Result<(Vec<usize>, bool), Option<Timestamp>> {
    route(notification, accounts, on_unknown, 0.0).map(|route| (route.accounts, route.left_out))
}

/// Notes what an account answered, after anything else.
fn answer(notification: &mut Notification, provider: &str, class: Class) {
    let reply = Reply::of(class, None, None);
    let record = AttemptRecord::of_reply(now(), provider, None, &reply, 3);
    notification.attempts.push(record);
    let (reason, until) = (Reason::Retry, now());
    let step = Step::Deferred { reason, until };
    notification
        .attempts
        .push(AttemptRecord { at: now(), step });
}

fn out<'a>(name: &'a str, back: Timestamp) -> AccountFacts<'a> {
    AccountFacts {
        available_at: Some(back),
        ..account(name, 10)
    }
}

#[test]
fn a_pinned_provider_is_the_only_one() {
    let mut pinned = notification(Channel::Email);
    pinned.payload.provider = Some("b".into());
    let accounts = [account("a", 10), account("b", 0)];
    assert_eq!(
        asked(&pinned, &accounts, OnUnknown::Retry),
        Ok((vec![1], false))
    );
    pinned.payload.provider = Some("missing".into());
    assert_eq!(asked(&pinned, &accounts, OnUnknown::Retry), Err(None));
}

#[test]
fn unavailable_account_is_left_out_and_says_when_it_is_back() {
    let back = now() + SignedDuration::from_secs(5);
    let plain = notification(Channel::Email);
    let accounts = [out("a", back), account("b", 0)];
    assert_eq!(
        asked(&plain, &accounts, OnUnknown::Retry),
        Ok((vec![1], true))
    );
    assert_eq!(
        asked(&plain, &[out("a", back)], OnUnknown::Retry),
        Err(Some(back))
    );
    assert_eq!(wait(&plain, now(), Some(back)), back);
}

#[test]
fn each_wait_doubles_the_time_it_has_waited_up_to_an_hour() {
    let (mut plain, mut clock, mut waits) = (notification(Channel::Email), now(), vec![]);
    for _ in 0..10 {
        let until = wait(&plain, clock, None);
        waits.push(until.duration_since(clock).as_secs());
        if !plain.waits_on(Reason::WaitingForProvider, until) {
            let step = Step::Deferred {
                reason: Reason::WaitingForProvider,
                until,
            };
            plain.attempts.push(AttemptRecord { at: clock, step });
        }
        clock = until;
    }
    assert_eq!(waits, [15, 15, 30, 60, 120, 240, 480, 960, 1_920, 3_600]);
    assert_eq!(
        plain.attempts.len(),
        1,
        "nothing has changed, nothing is told"
    );
    let back = clock + SignedDuration::from_secs(5);
    assert_eq!(wait(&plain, clock, Some(back)), back);

    let step = Step::Deferred {
        reason: Reason::Retry,
        until: clock,
    };
    plain.attempts.push(AttemptRecord { at: clock, step });
    assert_eq!(wait(&plain, clock, None), clock + WAIT, "it begins anew");
    assert_eq!(spread(clock, clock + WAIT, 1.0), clock + WAIT * 3 / 2);
}

#[test]
fn refusals_in_between_do_not_make_the_waits_begin_anew() {
    let (mut plain, mut clock, mut waits) = (notification(Channel::Email), now(), vec![]);
    for class in [Class::AccountRefused, Class::NotByAccount].repeat(3) {
        let reply = Reply::of(class, None, None);
        let asked = AttemptRecord::of_reply(clock, "a", None, &reply, 3);
        plain.attempts.push(asked);
        let until = wait(&plain, clock, None);
        waits.push(until.duration_since(clock).as_secs());
        let step = Step::Deferred {
            reason: Reason::WaitingForProvider,
            until,
        };
        plain.attempts.push(AttemptRecord { at: clock, step });
        clock = until;
    }
    assert_eq!(waits, [15, 15, 30, 60, 120, 240]);
    answer(&mut plain, "a", Class::Transient);
    assert_eq!(wait(&plain, clock, None), clock + WAIT, "it begins anew");
}

#[test]
fn an_unknown_outcome_goes_back_to_the_same_account_however_many_attempts_later() {
    let back = now() + SignedDuration::from_secs(5);
    let accounts = [account("a", 10), account("b", 0)];
    let mut lost = notification(Channel::Email);
    answer(&mut lost, "b", Class::Unknown);
    for class in [Class::Transient, Class::Throttled, Class::AccountRefused] {
        assert_eq!(
            asked(&lost, &accounts, OnUnknown::Retry),
            Ok((vec![1], true)),
            "{class}"
        );
        let waits = asked(&lost, &[account("a", 10), out("b", back)], OnUnknown::Retry);
        assert_eq!(waits, Err(Some(back)), "it waits for its account");
        // Rather twice than late: nobody is preferred for having been asked.
        let twice = asked(&lost, &accounts, OnUnknown::FailOver);
        assert_eq!(twice, Ok((vec![0, 1], false)));
        answer(&mut lost, "b", class);
    }
}

#[test]
fn a_definite_answer_of_that_account_or_a_replay_ends_it() {
    let accounts = [account("a", 10), account("b", 0)];
    let mut lost = notification(Channel::Email);
    answer(&mut lost, "b", Class::Unknown);
    let mut declined = lost.clone();
    answer(&mut declined, "b", Class::NotByAccount);
    assert_eq!(
        asked(&declined, &accounts, OnUnknown::Retry),
        Ok((vec![0], false))
    );
    let failed = Reason::RetriesExhausted;
    let step = Step::Replayed {
        failed,
        detail: None,
        not_by: vec![],
    };
    lost.attempts.push(AttemptRecord { at: now(), step });
    assert_eq!(
        asked(&lost, &accounts, OnUnknown::Retry),
        Ok((vec![0, 1], false))
    );
}

#[test]
fn an_account_that_is_gone_is_told_once_and_others_are_asked() {
    let mut lost = notification(Channel::Email);
    answer(&mut lost, "b", Class::Unknown);
    let accounts = [account("a", 10)];
    let found = route(&lost, &accounts, OnUnknown::Retry, 0.0).unwrap();
    assert_eq!(
        (found.accounts, found.gone.as_deref()),
        (vec![0], Some("b"))
    );
    let step = Step::AccountGone {
        provider: "b".into(),
    };
    lost.attempts.push(AttemptRecord { at: now(), step });
    let found = route(&lost, &accounts, OnUnknown::Retry, 0.0).unwrap();
    assert_eq!(found.gone, None);
}

#[test]
fn an_account_that_is_switched_off_is_waited_for_and_not_taken_for_gone() {
    let mut lost = notification(Channel::Email);
    answer(&mut lost, "b", Class::Unknown);
    let accounts = [account("a", 10), AccountFacts::off("b")];
    assert_eq!(asked(&lost, &accounts, OnUnknown::Retry), Err(None));
    let twice = asked(&lost, &accounts, OnUnknown::FailOver);
    assert_eq!(twice, Ok((vec![0], false)), "rather twice than late");
    let plain = notification(Channel::Email);
    let others = asked(&plain, &accounts, OnUnknown::Retry);
    assert_eq!(others, Ok((vec![0], false)), "nothing of it may be there");
}

#[test]
fn an_account_with_a_place_of_its_own_carries_nothing_that_names_another() {
    let webhook = AccountFacts {
        needs_address: false,
        ..account("hook", 0)
    };
    let accounts = [account("bot", 10), webhook];
    let mut chat = notification(Channel::Chat);
    let without_to = asked(&chat, &accounts, OnUnknown::Retry);
    assert_eq!(without_to, Ok((vec![1], false)));
    chat.payload.to = Some("C0123456789".into());
    let with_to = asked(&chat, &accounts, OnUnknown::Retry);
    assert_eq!(with_to, Ok((vec![0], false)), "not through the webhook");
    assert_eq!(asked(&chat, &[webhook], OnUnknown::Retry), Err(None));
}

#[test]
fn incapable_account_is_asked_again_when_no_other_may_carry_it() {
    let back = now() + SignedDuration::from_secs(5);
    let accounts = [account("a", 10), account("b", 0)];
    let mut declined = notification(Channel::Email);
    answer(&mut declined, "a", Class::NotByAccount);
    assert_eq!(
        asked(&declined, &accounts, OnUnknown::Retry),
        Ok((vec![1], false))
    );
    let waits = asked(
        &declined,
        &[account("a", 10), out("b", back)],
        OnUnknown::Retry,
    );
    assert_eq!(waits, Err(Some(back)));
    let alone = asked(&declined, &[account("a", 10)], OnUnknown::Retry);
    assert_eq!(alone, Ok((vec![0], false)));
}

#[test]
fn equals_share_by_weight() {
    let heavy = AccountFacts {
        weight: 3,
        ..account("a", 0)
    };
    let accounts = [heavy, account("b", 0)];
    let plain = notification(Channel::Email);
    let first = |jitter| {
        route(&plain, &accounts, OnUnknown::Retry, jitter)
            .unwrap()
            .accounts[0]
    };
    let won = (0..100)
        .filter(|n| first(f64::from(*n) / 100.0) == 0)
        .count();
    assert_eq!(won, 75);
}

#[test]
fn the_categorys_word_on_an_unknown_outcome_wins_over_the_operators() {
    let mut global = GlobalPolicy::default();
    let mut rules = TenantRules::default();
    let mut sms = notification(Channel::Sms);
    sms.category = Some("codes".into());
    assert_eq!(on_unknown(&sms, &rules, &global), OnUnknown::Retry);
    global.fail_over_unknown.push(Channel::Sms);
    assert_eq!(on_unknown(&sms, &rules, &global), OnUnknown::FailOver);
    let email = notification(Channel::Email);
    assert_eq!(on_unknown(&email, &rules, &global), OnUnknown::Retry);
    let mut codes = crate::domain::Category::undeclared(sms.tenant_id, "codes");
    rules.categories.push(codes.clone());
    assert_eq!(on_unknown(&sms, &rules, &global), OnUnknown::FailOver);
    codes.on_unknown = Some(OnUnknown::Retry);
    rules.categories = vec![codes];
    assert_eq!(on_unknown(&sms, &rules, &global), OnUnknown::Retry);
}

proptest! {
    #[test]
    fn every_ready_account_is_asked_once_and_never_a_lower_priority_first(
        priorities in prop::collection::vec(-3..3_i32, 1..6), jitter in 0.0..1.0_f64
    ) {
        let names: Vec<String> = (0..priorities.len()).map(|n| n.to_string()).collect();
        let accounts: Vec<_> =
            names.iter().zip(&priorities).map(|(name, p)| account(name, *p)).collect();
        let plain = notification(Channel::Email);
        let route = route(&plain, &accounts, OnUnknown::Retry, jitter).unwrap().accounts;
        let mut sorted = route.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..accounts.len()).collect::<Vec<_>>());
        prop_assert!(route.is_sorted_by(|a, b| accounts[*a].priority >= accounts[*b].priority));
    }
}
