//! What growth was measured to cost, as Markdown and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::axis::{Series, shown};
use super::point::{Figures, Point};
use super::setup::Setup;
use crate::measure::spread::Spread;
use crate::measure::table::{Column, Line, lines};

/// A point that could not be measured in a round.
#[derive(Clone, Debug, Serialize)]
pub struct Refused {
    /// What it would have met.
    pub setup: Setup,
    /// The round.
    pub round: u32,
    /// Why.
    pub why: String,
}

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// Messages of each run.
    pub count: u64,
    /// Seed of the load.
    pub seed: u64,
    /// Whether every run began right after a checkpoint.
    pub after_checkpoint: bool,
    /// Processors of the machine.
    pub processors: usize,
    /// What all axes have in common.
    pub base: Setup,
    /// The axes.
    pub series: Vec<Series>,
    /// What was measured, in its order.
    pub measured: Vec<Point>,
    /// Those that could not be made.
    pub refused: Vec<Refused>,
}

const COLUMNS: [Column<Figures>; 13] = [
    ("accepted/s", |f| f.per_second, 0),
    ("engine CPU, µs each", |f| f.engine_us, 1),
    ("PostgreSQL CPU, µs each", |f| f.postgresql_us, 1),
    ("RabbitMQ CPU handing out, µs each", |f| f.rabbitmq_us, 1),
    ("RabbitMQ CPU taking in, µs each", |f| f.rabbitmq_in_us, 1),
    ("simulators CPU, µs each", |f| f.simulators_us, 1),
    ("RSS of a node at most, MiB", |f| f.resident_mib, 0),
    ("log (WAL), bytes each", |f| f.wal_bytes, 0),
    ("of them full pages, bytes each", |f| f.wal_page_bytes, 0),
    ("tables and indexes grew, bytes each", |f| f.stored_bytes, 0),
    ("stored before, bytes a row", |f| f.row_bytes, 0),
    ("one read by id, p99, ms", |f| f.reads.one_p99_ms, 1),
    ("a page of a list read, p99, ms", |f| f.reads.page_p99_ms, 1),
];

impl Growth {
    fn rounds(&self) -> u32 {
        self.measured.iter().map(|one| one.round).max().unwrap_or(0)
    }

    /// Every figure at every point of an axis.
    #[must_use]
    pub fn lines(&self, series: &Series) -> Vec<Line> {
        let of = |(setup, point): (Setup, &u64)| {
            let in_round = |round| {
                let mut measured = self.measured.iter();
                let one = measured.find(|one| one.setup == setup && one.round == round)?;
                Some(&one.figures)
            };
            let rounds = (1..=self.rounds()).map(in_round).collect();
            (shown(*point), rounds)
        };
        let points = series.setups(self.base).zip(&series.points);
        let subjects: Vec<_> = points.map(of).collect();
        lines(&subjects, &COLUMNS)
    }

    /// What went wrong, point by point.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let said = self.measured.iter().flat_map(|one| {
            let of = move |fault| format!("round {}, {}: {fault}", one.round, one.setup);
            one.faults.iter().map(of)
        });
        let refused = self.refused.iter().map(|one| {
            let Refused { setup, round, why } = one;
            format!("round {round}, {setup}: not measured: {why}")
        });
        said.chain(refused).collect()
    }

    /// Everything with its summary, as JSON.
    ///
    /// # Errors
    /// Never, but that is for the library to know.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(flatten)]
            growth: &'a Growth,
            summary: Vec<(&'a str, Vec<Line>)>,
            faults: Vec<String>,
        }
        serde_json::to_vec_pretty(&Whole {
            growth: self,
            summary: self
                .series
                .iter()
                .map(|series| (series.axis.name(), self.lines(series)))
                .collect(),
            faults: self.faults(),
        })
    }

    /// Two tables an axis: what was measured, and that divided by the first point.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let loads = Spread::of(self.measured.iter().map(|one| one.load_average));
        let (base, loads, rounds) = (self.base, loads.shown(1), self.rounds());
        let state = match self.after_checkpoint {
            true => " Each right after a checkpoint.",
            false => "",
        };
        // Writing to a string never fails.
        let _ = writeln!(
            text,
            "{} messages a run, {rounds} rounds, seed {}, {} processors, load average {loads}. \
             Median (smallest..largest). Base: {base}.{state}",
            self.count, self.seed, self.processors
        );
        for series in &self.series {
            let lines = self.lines(series);
            table(&mut text, series, &lines, "", |line| {
                line.value.shown(line.decimals)
            });
            table(&mut text, series, &lines, ", to the first", |line| {
                line.ratio.shown(2)
            });
        }
        for fault in self.faults() {
            let _ = writeln!(text, "\nFAILED: {fault}");
        }
        text
    }
}

fn table(
    text: &mut String,
    series: &Series,
    lines: &[Line],
    title: &str,
    cell: impl Fn(&Line) -> String,
) {
    let points: Vec<String> = series.points.iter().map(|point| shown(*point)).collect();
    let (axis, head) = (series.axis.name(), points.join(" | "));
    let rule = "---|".repeat(points.len());
    let _ = writeln!(text, "\n| {axis}{title} | {head} |\n|---|{rule}");
    for (figure, ..) in COLUMNS {
        let known: Vec<&Line> = lines.iter().filter(|line| line.figure == figure).collect();
        if known.iter().all(|line| line.value.count == 0) {
            continue;
        }
        let cells: Vec<String> = known.into_iter().map(&cell).collect();
        let _ = writeln!(text, "| {figure} | {} |", cells.join(" | "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::reading::ReadTimes;
    use crate::report::Counts;

    fn growth(measured: Vec<Point>) -> Growth {
        Growth {
            count: 100,
            seed: 7,
            after_checkpoint: false,
            processors: 2,
            base: Setup::BASE,
            series: vec!["rows=10k,1M".parse().unwrap()],
            measured,
            refused: Vec::new(),
        }
    }

    fn point(rows: u64, round: u32, engine_us: f64) -> Point {
        Point {
            setup: Setup {
                rows,
                ..Setup::BASE
            },
            round,
            load_average: 0.5,
            figures: Figures {
                per_second: 1_000.0,
                engine_us,
                postgresql_us: 30.0,
                rabbitmq_us: f64::NAN,
                rabbitmq_in_us: f64::NAN,
                simulators_us: 20.0,
                resident_mib: 90.0,
                wal_bytes: 2_000.0,
                wal_page_bytes: 80.0,
                stored_bytes: 1_200.0,
                row_bytes: 1_100.0,
                reads: ReadTimes::NONE,
            },
            counts: Counts::default(),
            faults: Vec::new(),
        }
    }

    #[test]
    fn points_are_divided_by_the_first_round_by_round() {
        // The second round met a slower machine, and went the other way about.
        let growth = growth(vec![
            point(10_000, 1, 40.0),
            point(1_000_000, 1, 44.0),
            point(1_000_000, 2, 96.0),
            point(10_000, 2, 80.0),
        ]);
        let lines = growth.lines(&growth.series[0]);
        let line = lines
            .iter()
            .find(|line| line.subject == "1M" && line.figure.starts_with("engine"));
        let ratio = line.unwrap().ratio;
        assert!((ratio.min - 1.1).abs() < 1e-9 && (ratio.max - 1.2).abs() < 1e-9);
        let text = growth.markdown();
        for shown in [
            "| rows | 10k | 1M |",
            "| rows, to the first | 10k | 1M |",
            "| engine CPU, µs each | 60.0 (40.0..80.0) | 70.0 (44.0..96.0) |",
            "1.15 (1.10..1.20)",
        ] {
            assert!(text.contains(shown), "{text}");
        }
        assert!(!text.contains("RabbitMQ"), "{text}");
    }

    #[test]
    fn what_could_not_be_measured_is_named_and_leaves_the_rest_in_place() {
        let mut growth = growth(vec![
            point(10_000, 1, 40.0),
            point(10_000, 2, 80.0),
            point(1_000_000, 2, 96.0),
        ]);
        growth.refused = vec![Refused {
            setup: growth.measured[2].setup,
            round: 1,
            why: "the disk is full".to_owned(),
        }];
        let text = growth.markdown();
        assert!(text.contains("not measured: the disk is full"), "{text}");
        assert!(text.contains("| 96.0 |"), "{text}");
        let json: serde_json::Value = serde_json::from_slice(&growth.json().unwrap()).unwrap();
        let summary = json["summary"][0][1].as_array().unwrap();
        let line = summary
            .iter()
            .find(|line| line["subject"] == "1M" && line["figure"] == "engine CPU, µs each");
        let ratio = line.unwrap()["ratio"]["median"].as_f64().unwrap();
        assert!((ratio - 1.2).abs() < 1e-9);
    }
}
