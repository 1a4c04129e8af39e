//! The table of a run, for a terminal and for a page of the documentation.

use std::fmt::Write as _;

use super::finding::Result;

const HEAD: [&str; 8] = [
    "fault",
    "rounds",
    "published",
    "lost",
    "sent twice",
    "allowed",
    "recovered in",
    "verdict",
];

fn cells(result: &Result) -> [String; 8] {
    let sum = &result.sum;
    let recovered = sum.recovered.map_or_else(
        || "-".to_owned(),
        |time| format!("{:.1} s", time.as_secs_f64()),
    );
    let verdict = match sum.exceptions.len() {
        0 => "good".to_owned(),
        1 => "1 exception".to_owned(),
        count => format!("{count} exceptions"),
    };
    [
        result.row.fault().to_owned(),
        result.rounds.to_string(),
        sum.published.to_string(),
        sum.lost.to_string(),
        sum.twice.to_string(),
        sum.allowed.to_string(),
        recovered,
        verdict,
    ]
}

fn remarks(results: &[Result], each: impl Fn(&str, &str) -> String) -> String {
    let mut remarks = String::new();
    for result in results {
        let all = result.sum.exceptions.iter().chain(&result.sum.notes);
        for remark in all {
            remarks.push_str(&each(result.row.name(), remark));
        }
    }
    remarks
}

/// For people at a terminal: aligned columns, then every exception and note.
#[must_use]
pub fn text(results: &[Result]) -> String {
    let rows: Vec<_> = results.iter().map(cells).collect();
    let head = HEAD.map(ToOwned::to_owned);
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Words to the left, numbers to the right.
            let padded = match column {
                0 | 7 => format!("{cell:<width$}  "),
                _ => format!("{cell:>width$}  "),
            };
            table.push_str(&padded);
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table + &remarks(results, |row, remark| format!("{row}: {remark}\n"))
}

/// For a page of the documentation, `docs/faults.md`.
#[must_use]
pub fn markdown(results: &[Result], seed: u64) -> String {
    let mut table = format!("| {} |\n|{}\n", HEAD.join(" | "), "---|".repeat(HEAD.len()));
    for result in results {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {} |", cells(result).join(" | "));
    }
    let remarks = remarks(results, |row, remark| format!("- {row}: {remark}\n"));
    let _ = write!(table, "\nSeed {seed}.\n\n{remarks}");
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::{Finding, Row};

    #[test]
    fn both_tables_name_the_row_the_numbers_and_what_must_not_be() {
        let mut result = Result::new(Row::EngineKilled);
        let mut finding = Finding {
            published: 1_200,
            lost: 2,
            ..Finding::default()
        };
        finding.except("2 were lost");
        finding.note("injected in another way");
        result.add(finding);
        let good = Result::new(Row::Panics);
        for table in [
            text(&[result.clone(), good.clone()]),
            markdown(&[result, good], 7),
        ] {
            for part in [
                "SIGKILL",
                "1200",
                "1 exception",
                "2 were lost",
                "another way",
            ] {
                assert!(table.contains(part), "{part}: {table}");
            }
            assert!(!table.contains("exceptions"), "{table}");
            assert!(table.contains("good"));
        }
    }
}
