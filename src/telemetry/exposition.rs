//! Several registries as one page in Prometheus' text format.

use std::collections::BTreeMap;

/// A metric with all its series.
#[derive(Default)]
struct Family<'a> {
    /// `# HELP` and `# TYPE`.
    head: Vec<&'a str>,
    series: Vec<&'a str>,
}

/// Joins what the registries render: a metric that several have is described once, and its series
/// stand together, as the format wants it.
pub(super) fn joined(pages: &[String]) -> String {
    let mut families: BTreeMap<&str, Family<'_>> = BTreeMap::new();
    // The renderer puts an empty line after each metric.
    for block in pages.iter().flat_map(|page| page.split("\n\n")) {
        let lines = || block.lines().filter(|line| !line.is_empty());
        let Some(name) = lines().find_map(described) else {
            continue;
        };
        let family = families.entry(name).or_default();
        let (head, series): (Vec<&str>, Vec<&str>) =
            lines().partition(|line| line.starts_with('#'));
        if family.head.is_empty() {
            family.head = head;
        }
        family.series.extend(series);
    }
    let mut page = String::new();
    for family in families.values() {
        for line in family.head.iter().chain(&family.series) {
            page.push_str(line);
            page.push('\n');
        }
        page.push('\n');
    }
    page
}

/// The metric that a `# TYPE` line is about.
fn described(line: &str) -> Option<&str> {
    line.strip_prefix("# TYPE ")?.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_of_several_registries_is_described_once_and_its_series_stand_together() {
        let pages = [
            "# HELP a First.\n# TYPE a counter\na{x=\"1\"} 1\n\n# TYPE b gauge\nb 2\n\n",
            "",
            "# HELP a First.\n# TYPE a counter\na{x=\"2\"} 3\n\n",
        ]
        .map(str::to_owned);
        assert_eq!(
            joined(&pages),
            "# HELP a First.\n# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 3\n\n# TYPE b gauge\nb 2\n\n"
        );
    }
}
