use super::*;
use crate::evidence::Mark;
use crate::ledger::Moment;
use crate::simulator::Provider;
use crate::watch::{Glimpse, Timeline};

fn page(evidence: &Evidence, verdicts: &[Verdict]) -> String {
    Page {
        title: "steady <1>".to_owned(),
        about: "It is steady.".to_owned(),
        settings: vec![("seed".to_owned(), "7".to_owned())],
        machine: machine(),
        settled: true,
        verdicts,
        evidence,
    }
    .html()
}

fn evidence() -> Evidence {
    let moment = |number: u64| Moment {
        sequence: number,
        at_micros: number * 10_000,
        latency_micros: 5_000 + number,
        recipient: number,
        provider: Provider::SendGrid,
    };
    Evidence {
        moments: (0..500).map(moment).collect(),
        marks: vec![Mark {
            at_micros: 2_000_000,
            what: "node </script> & b is killed".to_owned(),
        }],
        timeline: Timeline {
            glimpses: (0..10)
                .map(|number| Glimpse {
                    at_micros: number * 500_000,
                    published: number * 50,
                    ..Glimpse::default()
                })
                .collect(),
            ..Timeline::default()
        },
        ..Evidence::default()
    }
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_shows_what_there_is() {
    let html = page(&evidence(), &[]);
    for foreign in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    for shown in [
        "steady &lt;1&gt;",
        "<h3>Throughput</h3>",
        "Publish to acceptance",
        "is killed",
        "prefers-color-scheme: dark",
        "<dt>seed</dt>",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
    // What was not measured has no chart.
    assert!(!html.contains("<h3>What waits</h3>"));
    assert_eq!(
        html.matches("<script").count(),
        html.matches("</script>").count()
    );
}

#[test]
fn a_missed_interval_is_seen_at_once() {
    let verdict = Verdict {
        word: Word::Missed,
        what: "p99_ms of urgent".to_owned(),
        figure: Some(120.0),
        interval: "at most 100".to_owned(),
    };
    let html = page(&evidence(), &[verdict]);
    assert!(html.contains("1 of 1 figures lie outside"), "{html}");
    assert!(html.contains("<td class=\"bad\">MISSED</td><td>p99_ms of urgent</td><td class=\"n\">120</td><td>at most 100</td>"));
}

#[test]
fn an_empty_run_makes_a_page_too() {
    let html = page(&Evidence::default(), &[]);
    assert!(html.contains("</html>"));
}
