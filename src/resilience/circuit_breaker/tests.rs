use proptest::prelude::*;

use super::*;

const SETTINGS: CircuitSettings = CircuitSettings {
    failure_ratio: 0.5,
    slow_ratio: 0.8,
    window: Duration::from_secs(10),
    minimum_requests: 10,
    open_for: Duration::from_secs(5),
    open_max: Duration::from_secs(60),
    concurrency: 16,
};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pass(breaker: &mut CircuitBreaker, now: Duration) -> Ticket {
    match breaker.admit(now) {
        Permission::Pass(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

fn probe(breaker: &mut CircuitBreaker, now: Duration) -> Ticket {
    match breaker.admit(now) {
        Permission::Probe(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

fn answer(
    breaker: &mut CircuitBreaker,
    answer: CallOutcome,
    now: Duration,
) -> Option<CircuitChange> {
    let ticket = pass(breaker, now);
    breaker.report(ticket, answer, now)
}

/// A breaker that tripped at `now`.
fn tripped(now: Duration) -> CircuitBreaker {
    let mut breaker = CircuitBreaker::new(SETTINGS);
    let changes: Vec<_> = (0..10)
        .filter_map(|_| answer(&mut breaker, CallOutcome::Bad, now))
        .collect();
    let until = now + SETTINGS.open_for;
    assert_eq!(changes, [CircuitChange::Opened { until }]);
    breaker
}

#[test]
fn half_of_enough_answers_failing_opens_it() {
    let mut breaker = CircuitBreaker::new(SETTINGS);
    for n in 0..9 {
        let given = if n % 2 == 0 {
            CallOutcome::Good
        } else {
            CallOutcome::Bad
        };
        assert_eq!(
            answer(&mut breaker, given, at(n)),
            None,
            "{n}: too few to tell"
        );
    }
    assert_eq!(
        answer(&mut breaker, CallOutcome::Bad, at(9)),
        Some(CircuitChange::Opened { until: at(14) })
    );
}

#[test]
fn slow_answers_open_it_too() {
    let mut breaker = CircuitBreaker::new(SETTINGS);
    let opened = (0..10).find_map(|n| answer(&mut breaker, CallOutcome::Slow, at(n)));
    assert_eq!(opened, Some(CircuitChange::Opened { until: at(14) }));
}

#[test]
fn a_quiet_account_that_only_fails_is_opened_by_failures_in_a_row() {
    let mut breaker = CircuitBreaker::new(SETTINGS);
    let opened = (0..10).filter_map(|n| answer(&mut breaker, CallOutcome::Bad, at(n * 60)));
    assert_eq!(opened.count(), 1, "no two of them share a window");
}

#[test]
fn failures_that_are_few_or_old_open_nothing() {
    let mut breaker = CircuitBreaker::new(SETTINGS);
    for n in 0..1_000 {
        let given = if n % 3 == 0 {
            CallOutcome::Bad
        } else {
            CallOutcome::Good
        };
        assert_eq!(answer(&mut breaker, given, at(n)), None);
        assert_eq!(answer(&mut breaker, CallOutcome::Neutral, at(n)), None);
    }
}

#[test]
fn half_open_circuit_admits_one_probe_until_it_reports() {
    let mut breaker = tripped(at(0));
    assert_eq!(
        breaker.admit(at(4)),
        Permission::Refused { until: Some(at(5)) }
    );
    let probe = probe(&mut breaker, at(5));
    assert_eq!(breaker.admit(at(5)), Permission::Refused { until: None });
    assert_eq!(
        breaker.report(probe, CallOutcome::Good, at(6)),
        Some(CircuitChange::Recovered)
    );
    assert_eq!(breaker.standing(at(6)), CircuitStanding::Closed);
    assert_eq!(
        answer(&mut breaker, CallOutcome::Bad, at(6)),
        None,
        "the history is cleared"
    );
}

#[test]
fn circuit_stays_open_longer_with_each_trip_up_to_the_maximum() {
    let mut breaker = tripped(at(0));
    let (mut now, mut waits) = (at(5), vec![]);
    for _ in 0..5 {
        let probe = probe(&mut breaker, now);
        let Some(CircuitChange::Opened { until }) = breaker.report(probe, CallOutcome::Bad, now)
        else {
            panic!("a bad probe opens it again");
        };
        waits.push((until - now).as_secs());
        now = until;
    }
    assert_eq!(waits, [10, 20, 40, 60, 60]);
}

#[test]
fn a_trip_right_after_a_recovery_is_one_more_in_the_row_and_a_whole_recovery_ends_it() {
    let mut breaker = tripped(at(0));
    let first = probe(&mut breaker, at(5));
    breaker.report(first, CallOutcome::Good, at(5));
    let again = (0..10).find_map(|_| answer(&mut breaker, CallOutcome::Bad, at(5)));
    assert_eq!(again, Some(CircuitChange::Opened { until: at(15) }));
    let second = probe(&mut breaker, at(15));
    breaker.report(second, CallOutcome::Good, at(15));
    assert_eq!(breaker.most_in_flight(), 2);
    while breaker.most_in_flight() < SETTINGS.concurrency {
        answer(&mut breaker, CallOutcome::Good, at(15));
    }
    let late = (0..100).find_map(|_| answer(&mut breaker, CallOutcome::Bad, at(15)));
    assert_eq!(late, Some(CircuitChange::Opened { until: at(20) }));
}

#[test]
fn an_abandoned_probe_makes_room_for_the_next() {
    let mut breaker = tripped(at(0));
    let lost = probe(&mut breaker, at(5));
    breaker.abandon(lost, at(5));
    let next = probe(&mut breaker, at(5));
    assert_eq!(
        breaker.report(lost, CallOutcome::Good, at(6)),
        None,
        "it was given up"
    );
    breaker.abandon(lost, at(6));
    assert_eq!(breaker.admit(at(6)), Permission::Refused { until: None });
    assert_eq!(
        breaker.report(next, CallOutcome::Good, at(6)),
        Some(CircuitChange::Recovered)
    );
}

#[test]
fn refused_credentials_open_it_at_once_and_for_as_long_as_said() {
    let mut breaker = CircuitBreaker::new(SETTINGS);
    let (one, other) = (pass(&mut breaker, at(0)), pass(&mut breaker, at(0)));
    let pause = CallOutcome::Refusing(at(60));
    assert_eq!(
        breaker.report(one, pause, at(1)),
        Some(CircuitChange::Opened { until: at(61) })
    );
    assert_eq!(breaker.report(other, pause, at(9)), None, "the same news");
    let probe = probe(&mut breaker, at(61));
    assert_eq!(
        breaker.report(probe, pause, at(61)),
        Some(CircuitChange::Opened { until: at(121) })
    );
}

#[test]
fn a_probe_that_says_nothing_is_followed_by_another() {
    let mut breaker = tripped(at(0));
    let probe = probe(&mut breaker, at(5));
    let change = breaker.report(probe, CallOutcome::Neutral, at(5));
    assert_eq!(change, Some(CircuitChange::Opened { until: at(10) }));
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Admit,
    Report { which: usize, answer: CallOutcome },
    Abandon { which: usize },
    Wait { milliseconds: u64 },
}

fn answers() -> impl Strategy<Value = CallOutcome> {
    prop_oneof![
        3 => Just(CallOutcome::Good),
        5 => Just(CallOutcome::Bad),
        2 => Just(CallOutcome::Slow),
        1 => Just(CallOutcome::Neutral),
        1 => (1_u64..100).prop_map(|s| CallOutcome::Refusing(at(s))),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => Just(Event::Admit),
        5 => (any::<usize>(), answers()).prop_map(|(which, answer)| Event::Report { which, answer }),
        1 => any::<usize>().prop_map(|which| Event::Abandon { which }),
        3 => (0_u64..4_000).prop_map(|milliseconds| Event::Wait { milliseconds }),
    ];
    prop::collection::vec(event, 0..400)
}

proptest! {
    #[test]
    fn in_every_order_of_events_one_probe_at_most_and_no_pass_while_it_is_open(events in events()) {
        let mut breaker = CircuitBreaker::new(SETTINGS);
        let (mut now, mut open_until) = (Duration::ZERO, None);
        let mut out: Vec<(Ticket, bool)> = vec![];
        for event in events {
            match event {
                Event::Wait { milliseconds } => now += Duration::from_millis(milliseconds),
                Event::Admit => match breaker.admit(now) {
                    Permission::Pass(ticket) => {
                        prop_assert_eq!(open_until, None);
                        out.push((ticket, false));
                    }
                    Permission::Probe(ticket) => {
                        prop_assert!(open_until.is_some_and(|until| now >= until));
                        prop_assert!(!out.iter().any(|(_, is_probe)| *is_probe));
                        out.push((ticket, true));
                    }
                    Permission::Refused { .. } => prop_assert!(open_until.is_some()),
                },
                Event::Report { which, answer } if !out.is_empty() => {
                    let (ticket, is_probe) = out.swap_remove(which % out.len());
                    let before = open_until;
                    match breaker.report(ticket, answer, now) {
                        Some(CircuitChange::Opened { until }) => open_until = Some(until),
                        Some(CircuitChange::Recovered) => open_until = None,
                        None => {}
                    }
                    prop_assert!(
                        is_probe || before.is_none() || open_until == before,
                        "only the probe says anything while it is open"
                    );
                }
                Event::Abandon { which } if !out.is_empty() => {
                    let (ticket, is_probe) = out.swap_remove(which % out.len());
                    breaker.abandon(ticket, now);
                    if is_probe {
                        open_until = Some(now);
                    }
                }
                Event::Report { .. } | Event::Abandon { .. } => {}
            }
        }
        // However it stands, good answers bring it back.
        for (ticket, _) in out {
            breaker.abandon(ticket, now);
        }
        now += SETTINGS.open_max + at(100);
        if let Permission::Probe(ticket) = breaker.admit(now) {
            prop_assert_eq!(breaker.report(ticket, CallOutcome::Good, now), Some(CircuitChange::Recovered));
        }
        let mut answers = 0;
        while breaker.most_in_flight() < SETTINGS.concurrency {
            answer(&mut breaker, CallOutcome::Good, now);
            answers += 1;
            prop_assert!(answers <= SETTINGS.concurrency);
        }
    }
}
