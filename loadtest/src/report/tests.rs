use super::*;
use crate::lane::{Lane, Priority};
use crate::ledger::Acceptance;
use crate::marker::{Marker, now_micros};
use crate::publisher::Expectations;
use crate::simulator::Provider;

const LANE: Lane = Lane {
    channel: Channel::Email,
    priority: Priority::Urgent,
};

fn accept(ledger: &Ledger, sequence: u64, answer_lost: bool) {
    let acceptance = Acceptance {
        notification_id: None,
        recipient: "a".into(),
        marker: Some(Marker::new(sequence, now_micros() - 10_000)),
    };
    ledger.accept(Provider::SendGrid, &acceptance, answer_lost);
}

fn report(ledger: &Ledger, expected: Expectations) -> Report {
    let published = Published {
        published: 4,
        confirmed: 4,
        expected,
        ..Published::default()
    };
    Report::new(Findings {
        run: "test".into(),
        seed: 1,
        rate: 0.0,
        settled: true,
        published: &published,
        ledger,
        simulators: &[],
        engine: Some(Usage {
            user_seconds: 1.0,
            ..Usage::default()
        }),
        instrument: None,
    })
}

#[test]
fn what_is_lost_repeated_or_forbidden_is_counted_and_shown() {
    let ledger = Ledger::new();
    let mut expected = Expectations::default();
    for (sequence, acceptances) in [(0, 1), (1, 1), (2, 1), (3, 0)] {
        expected.add(sequence, LANE, acceptances);
    }
    for (sequence, lost) in [(0, false), (0, false), (1, true), (1, false), (3, false)] {
        accept(&ledger, sequence, lost);
    }
    let report = report(&ledger, expected);
    let counts = &report.counts;
    assert_eq!(
        (counts.expected, counts.accepted, counts.distinct),
        (3, 5, 3)
    );
    assert_eq!((counts.duplicates, counts.unexcused_duplicates), (2, 1));
    assert_eq!((counts.missing, counts.forbidden), (1, 1));
    assert_eq!(
        (report.missing.as_slice(), report.forbidden.as_slice()),
        ([2].as_slice(), [3].as_slice())
    );
    assert_eq!(report.faults().len(), 3);
    assert!((report.engine.unwrap().cpu_micros_per_notification - 333_333.3).abs() < 1.0);
    let text = report.to_string();
    for shown in ["FAILED: 1 expected", "missing: [2]", "p99.9", "urgent"] {
        assert!(text.contains(shown), "{text}");
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["counts"]["missing"], 1);
    assert!(json["latency"]["p50_ms"].as_f64().unwrap() >= 10.0);
    assert_eq!(json["engine"]["user_seconds"], 1.0);
}

#[test]
fn a_good_run_has_no_faults() {
    let ledger = Ledger::new();
    let mut expected = Expectations::default();
    expected.add(0, LANE, 1);
    accept(&ledger, 0, false);
    let report = report(&ledger, expected);
    assert!(report.faults().is_empty());
    assert!(report.to_string().contains("nothing lost"));
}

#[test]
fn the_middle_leaves_out_a_slow_start_and_end() {
    let mut instants: Vec<u64> = (0..100).map(|n| 10_000_000 + n * 1_000).collect();
    instants[0] = 0;
    instants[99] = 20_000_000;
    let throughput = Throughput::of(&instants);
    assert_eq!(throughput.seconds, 20.0);
    assert!((throughput.per_second - 4.95).abs() < 0.01);
    assert!((throughput.middle_per_second - 1_000.0).abs() < 0.1);
    assert_eq!(Throughput::of(&[]), Throughput::default());
}
