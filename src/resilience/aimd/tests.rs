use proptest::prelude::*;

use super::*;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A request goes, if it may.
fn go(pace: &mut AimdLimiter, at: u64) -> bool {
    let goes = pace.take(ms(at)).is_ok();
    if goes {
        pace.sent(ms(at));
    }
    goes
}

/// Requests that go in the second from `start`, asking every millisecond.
fn rate(pace: &mut AimdLimiter, start: u64) -> usize {
    (start..start + 1_000).filter(|at| go(pace, *at)).count()
}

#[test]
fn many_reproaches_at_once_lower_the_pace_once() {
    let mut pace = AimdLimiter::default();
    let full = (0..100).filter(|n| go(&mut pace, n * 10)).count();
    assert_eq!(full, 100);
    for n in 0..50 {
        pace.throttled(ms(1_000 + n), None);
    }
    assert!((65..=71).contains(&rate(&mut pace, 1_050)), "0.7 of 100");
    pace.throttled(ms(2_100), None);
    assert!((47..=51).contains(&rate(&mut pace, 2_100)), "0.49 of 100");
}

#[test]
fn successes_bring_full_pace_back_step_by_step() {
    let mut pace = AimdLimiter::default();
    for n in 0..100 {
        assert!(go(&mut pace, n * 10));
    }
    pace.throttled(ms(1_000), None);
    let mut now = 1_000;
    let mut last = pace.factor();
    while pace.is_slowed(ms(now)) {
        now += 20;
        pace.succeeded(ms(now));
        assert!(pace.factor() - last < 0.01, "no jump");
        last = pace.factor();
    }
    assert!(
        (3_900..=4_100).contains(&now),
        "0.3 at 10 % a second: {now}"
    );
    assert_eq!(rate(&mut pace, now), 1_000);
}

#[test]
fn the_rate_counts_messages_and_the_pace_requests() {
    let mut pace = AimdLimiter::default();
    for n in 0..20 {
        pace.sent_many(ms(n * 50), 100);
    }
    assert!((pace.rate(ms(1_000)) - 2_000.0).abs() < 1e-6);
    pace.throttled(ms(1_000), None);
    assert!((pace.rate(ms(1_000)) - 1_400.0).abs() < 1e-6);
    assert!((13..=15).contains(&rate(&mut pace, 1_000)), "0.7 of twenty");
}

#[test]
fn a_retry_after_pauses_and_a_shorter_one_does_not_cut_it_short() {
    let mut pace = AimdLimiter::default();
    pace.throttled(ms(0), Some(ms(3_000)));
    pace.throttled(ms(10), Some(ms(100)));
    assert_eq!(pace.take(ms(10)), Err(ms(2_990)));
    assert_eq!(pace.take(ms(2_999)), Err(ms(1)));
    assert_eq!(pace.take(ms(3_000)), Ok(()));
    assert_eq!(pace.paused_for(ms(3_000)), None);
}

/// Asks every millisecond, at most 200 a second, for five minutes; how many of these were accepted, and
/// how many were too many, a second.
fn asked(mut answer: impl FnMut(u64) -> Option<Option<Duration>>) -> (f64, f64) {
    const SECONDS: u64 = 300;
    let mut pace = AimdLimiter::default();
    let (mut accepted, mut refused) = (0.0, 0.0);
    let mut next = 0;
    for at in 0..SECONDS * 1_000 {
        if at < next || !go(&mut pace, at) {
            continue;
        }
        next = at + 5;
        match answer(at) {
            None => {
                pace.succeeded(ms(at));
                accepted += 1.0;
            }
            Some(retry_after) => {
                pace.throttled(ms(at), retry_after);
                refused += 1.0;
            }
        }
    }
    (accepted / SECONDS as f64, refused / SECONDS as f64)
}

#[test]
fn a_provider_that_throttles_one_in_a_thousand_costs_little_more_than_its_pauses() {
    let mut requests = 0;
    let (accepted, _) = asked(|_| {
        requests += 1;
        (requests % 1_000 == 0).then_some(Some(ms(1_000)))
    });
    // A thousand take five seconds at full pace, and the pause is one.
    assert!((165.0..166.7).contains(&accepted), "{accepted}");
}

#[test]
fn second_throttle_after_many_successes_slows_down() {
    let mut pace = AimdLimiter::default();
    for n in 0..u64::from(SELDOM) {
        assert!(go(&mut pace, n));
        pace.succeeded(ms(n));
    }
    pace.throttled(ms(600), None);
    assert!(!pace.is_slowed(ms(600)));
    pace.throttled(ms(601), None);
    assert!(pace.is_slowed(ms(601)));
}

/// A provider that takes so many requests in each second, and says of the others that they are too many.
fn takes(most: u32) -> (f64, f64) {
    let (mut second, mut taken) = (0, 0);
    asked(|at| {
        if at / 1_000 != second {
            (second, taken) = (at / 1_000, 0);
        }
        taken += 1;
        (taken > most).then_some(None)
    })
}

#[test]
fn a_provider_that_takes_half_as_much_gets_nearly_that_and_is_seldom_overrun() {
    let (accepted, refused) = takes(100);
    assert!(accepted > 80.0, "{accepted} a second of 100");
    assert!(refused < 10.0, "{refused} refusals a second");
}

#[test]
fn a_provider_that_takes_a_twentieth_is_seldom_overrun() {
    let (accepted, refused) = takes(10);
    assert!(accepted > 7.0, "{accepted} a second of 10");
    assert!(refused < 2.0, "{refused} refusals a second");
}

#[test]
fn a_quiet_account_is_never_slowed_to_nothing() {
    let mut pace = AimdLimiter::default();
    for n in 0..100 {
        pace.throttled(ms(n * 2_000), None);
    }
    let wait = (0..)
        .find_map(|n| pace.take(ms(300_000 + n)).err())
        .unwrap();
    assert!(wait <= Duration::from_secs(7), "{wait:?}");
}

proptest! {
    #[test]
    fn pause_blocks_requests_and_announced_waits_suffice(
        events in prop::collection::vec((0_u64..500, 0..4, 0_u64..5_000), 1..200)
    ) {
        let mut pace = AimdLimiter::default();
        let mut now = Duration::ZERO;
        for (gap, what, number) in events {
            now += ms(gap);
            match what {
                0 => pace.throttled(now, Some(ms(number))),
                1 => pace.throttled(now, None),
                2 => pace.succeeded(now),
                _ => match pace.take(now) {
                    Ok(()) => prop_assert_eq!(pace.paused_for(now), None),
                    Err(wait) => {
                        prop_assert!(!wait.is_zero());
                        now += wait;
                        prop_assert_eq!(pace.take(now), Ok(()));
                    }
                },
            }
            prop_assert!(pace.factor() >= SLOWEST && pace.factor() <= 1.0);
        }
    }
}
