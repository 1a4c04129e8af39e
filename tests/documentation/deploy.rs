//! What is there to run Herald with names what exists: metrics, settings, classes, reasons, entries of the documentation.

use std::collections::BTreeSet;
use std::path::Path;

use herald::domain::{Class, Reason};

use crate::pages::{Page, collect, page, section};

/// The rules of Prometheus with their tests, and the dashboards of Grafana.
pub(crate) fn rules_and_dashboards() -> Vec<Page> {
    let mut paths = vec![];
    collect(Path::new("deploy/prometheus"), "yml", &mut paths);
    collect(Path::new("deploy/grafana"), "json", &mut paths);
    paths.into_iter().map(page).collect()
}

/// The files that set variables: containers, manifests, units.
pub(crate) fn deployment() -> Vec<Page> {
    let mut paths = vec!["compose.yaml".into(), "Dockerfile".into()];
    for extension in ["yml", "yaml", "service", "environment"] {
        collect(Path::new("deploy"), extension, &mut paths);
    }
    paths.into_iter().map(page).collect()
}

#[test]
fn each_alert_has_its_entry_and_each_entry_its_alert() {
    let rules = page("deploy/prometheus/alerts.yml").text;
    let after = |start: &str| -> Vec<String> {
        let lines = rules
            .lines()
            .filter_map(|line| line.trim().strip_prefix(start));
        lines.map(str::to_owned).collect()
    };
    let alerts = after("- alert: ");
    let operations = page("docs/operations.md");
    let entries: Vec<&str> = section(&operations.text, "## Alerts")
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    assert_eq!(alerts, entries);
    let linked: Vec<String> = alerts
        .iter()
        .map(|alert| format!("docs/operations.md#{}", alert.to_lowercase()))
        .collect();
    assert_eq!(after("runbook_url: "), linked);
    let tests: String = rules_and_dashboards()
        .into_iter()
        .filter(|page| page.path.starts_with("deploy/prometheus/tests"))
        .map(|page| page.text)
        .collect();
    let untested = alerts
        .iter()
        .filter(|alert| !tests.contains(alert.as_str()));
    assert_eq!(untested.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn rules_and_dashboards_name_results_and_reasons_that_exist() {
    let classes: BTreeSet<String> = Class::ALL.iter().map(ToString::to_string).collect();
    let reasons: BTreeSet<String> = Reason::ALL.iter().map(ToString::to_string).collect();
    let mut seen = BTreeSet::new();
    for page in rules_and_dashboards() {
        // In a dashboard's JSON the quotes of a query are escaped.
        let text = page.text.replace("\\\"", "\"");
        for (metric, label, known) in [
            ("herald_attempts_total{", "result", &classes),
            ("herald_deferred{", "reason", &reasons),
        ] {
            for value in values(&text, metric, label) {
                assert!(known.contains(&value), "{}: {value}", page.path.display());
                seen.insert(value);
            }
        }
    }
    assert!(seen.contains("account_refused") && seen.contains("waiting_for_provider"));
}

/// What a label is compared with, wherever a metric is asked with labels.
fn values(text: &str, metric: &str, label: &str) -> Vec<String> {
    let selectors = text
        .match_indices(metric)
        .filter_map(|(at, found)| text[at + found.len()..].split_once('}'));
    selectors
        .flat_map(|(labels, _)| labels.split(", "))
        .filter_map(|one| one.split_once('"'))
        .filter(|(name, _)| name.trim_end_matches(['=', '~', '!']) == label)
        .flat_map(|(_, values)| values.trim_end_matches('"').split('|'))
        .filter(|value| !value.starts_with('$'))
        .map(str::to_owned)
        .collect()
}
