use std::collections::BTreeMap;

use super::*;
use crate::harness::usage::Sample;
use crate::lane::{Channel, Priority};
use crate::scenario::{Expect, Figure, parse};
use crate::simulator::Provider;
use crate::watch::Glimpse;

fn lane(priority: Priority) -> Lane {
    Lane {
        channel: Channel::Email,
        priority,
    }
}

fn act(name: &str, first: u64, count: u64) -> Act {
    let mut published = Published {
        published: count,
        confirmed: count,
        expected: crate::publisher::Expectations::starting_at(first),
        ..Published::default()
    };
    for sequence in first..first + count {
        let priority = if sequence % 2 == 0 {
            Priority::Urgent
        } else {
            Priority::Low
        };
        published.expected.add(sequence, lane(priority), 1);
    }
    Act {
        name: name.to_owned(),
        sequences: first..first + 1_000,
        began_micros: first * 1_000,
        published_micros: first * 1_000 + 500_000,
        published,
        may_be_stopped: false,
    }
}

/// Two phases: a hundred messages of 1 ms each from 0 s on, and fifty of 3 ms from 1 s on.
fn evidence() -> Evidence {
    let mut moments = Vec::new();
    for number in 0..100 {
        moments.push(Moment {
            sequence: number,
            at_micros: number * 10_000,
            latency_micros: 1_000,
            recipient: number % 50,
            provider: Provider::SendGrid,
        });
    }
    for number in 0..50 {
        let at_micros = 1_000_000 + number * 20_000;
        moments.push(Moment {
            sequence: 1_000 + number,
            at_micros,
            latency_micros: 3_000,
            recipient: 0,
            provider: Provider::SendGrid,
        });
    }
    let glimpse = |at_micros, seconds| {
        let sample = Sample {
            user_seconds: seconds,
            resident_bytes: 50_000_000,
            ..Sample::default()
        };
        Glimpse {
            at_micros,
            nodes: BTreeMap::from([("a".to_owned(), (1, sample))]),
            ..Glimpse::default()
        }
    };
    Evidence {
        acts: vec![act("one", 0, 100), act("two", 1_000, 51)],
        moments,
        lacking: vec![0, 1],
        forbidden: vec![0, 0],
        engine_started_micros: Some(0),
        timeline: Timeline {
            glimpses: vec![
                glimpse(0, 1.0),
                glimpse(1_000_000, 2.0),
                glimpse(2_000_000, 4.0),
            ],
            ..Timeline::default()
        },
        rows: Some(vec![Rows {
            status: "sent".into(),
            reason: String::new(),
            count: 150,
        }]),
        ..Evidence::default()
    }
}

fn expect(text: &str) -> Expect {
    let file = format!(
        "about = \"x\"\n[[load]]\nname = \"one\"\ncount = 1\n[[load]]\nname = \"two\"\ncount = 1\n[[expect]]\n{text}"
    );
    parse("x", &file).unwrap().expect.remove(0)
}

#[test]
fn figures_are_of_what_they_say() {
    let evidence = evidence();
    for (asked, value) in [
        ("figure = \"p50_ms\"\nphase = \"one\"\nat_most = 1", 1.0),
        ("figure = \"p99_ms\"\nphase = \"two\"\nat_most = 3", 3.0),
        (
            "figure = \"p99_ms\"\nphase = \"two\"\nagainst = \"one\"\nat_most = 3",
            3.0,
        ),
        (
            "figure = \"throughput\"\nphase = \"one\"\nat_least = 100",
            100.0,
        ),
        (
            "figure = \"throughput\"\nphase = \"two\"\nat_least = 50",
            50.0,
        ),
        ("figure = \"peak_per_second\"\nat_most = 100", 100.0),
        (
            "figure = \"accepted\"\npriority = \"urgent\"\nphase = \"two\"\nat_least = 25",
            25.0,
        ),
        ("figure = \"lost\"\nphase = \"one\"\nat_most = 0", 0.0),
        ("figure = \"rss_mb\"\nat_most = 50", 50.0),
        ("figure = \"most_per_recipient\"\nat_most = 52", 52.0),
        (
            "figure = \"rows\"\nstatus = \"sent\"\nat_least = 150",
            150.0,
        ),
        ("figure = \"rows\"\nstatus = \"failed\"\nat_most = 0", 0.0),
        ("figure = \"start_to_first_delivery_s\"\nat_most = 0", 0.0),
    ] {
        let verdict = judge(&evidence, &[expect(asked)], 1.0).remove(0);
        assert_eq!(
            (verdict.figure, verdict.word),
            (Some(value), Word::Ok),
            "{asked}"
        );
    }
    let cpu = judge(
        &evidence,
        &[expect(
            "figure = \"cpu_us\"\nphase = \"two\"\nat_most = 50000",
        )],
        1.0,
    )
    .remove(0);
    // 0.98 seconds of the second second, in which two seconds of CPU time were used.
    assert!((cpu.figure.unwrap() - 39_200.0).abs() < 1.0, "{cpu}");
}

#[test]
fn what_was_not_measured_is_missed_and_short_runs_are_not_judged() {
    let evidence = evidence();
    let lost = judge(&evidence, &[expect("figure = \"lost\"\nat_most = 0")], 1.0).remove(0);
    assert_eq!((lost.figure, lost.word), (Some(1.0), Word::Missed));
    assert!(lost.to_string().starts_with("MISSED"), "{lost}");
    let quiet = judge(
        &evidence,
        &[expect("figure = \"released_within_s\"\nat_most = 9")],
        1.0,
    )
    .remove(0);
    assert_eq!(
        (quiet.shown().as_str(), quiet.word),
        ("not measured", Word::Missed)
    );
    let short = judge(
        &evidence,
        &[expect("figure = \"lost\"\nat_most = 0\nfrom_scale = 0.5")],
        0.1,
    )
    .remove(0);
    assert_eq!(short.word, Word::NotJudged);
    assert_eq!(Figure::Lost.name(), "lost");
}
