//! What growth was measured to cost, as Markdown and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::axis::{Axis, Series, shown};
use super::go::{Figures, Go, Load};
use super::setup::Setup;
use crate::comparison::Spread;

/// A go that could not be made.
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
    /// Messages of each go.
    pub count: u64,
    /// Seed of the load.
    pub seed: u64,
    /// Whether every go began right after a checkpoint.
    pub after_checkpoint: bool,
    /// Processors of the machine.
    pub processors: usize,
    /// What all axes have in common.
    pub base: Setup,
    /// The axes.
    pub series: Vec<Series>,
    /// The goes, in the order in which they ran.
    pub goes: Vec<Go>,
    /// Those that could not be made.
    pub refused: Vec<Refused>,
}

/// One figure at one point, over all rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What grows.
    pub axis: Axis,
    /// How much of it.
    pub point: u64,
    /// What was measured.
    pub figure: &'static str,
    /// How much.
    pub value: Spread,
    /// Divided by the axis's first point, round by round.
    pub ratio: Spread,
}

/// A figure with its name, how to read it, and how many decimals are worth showing.
type Column = (&'static str, fn(&Figures) -> f64, usize);

const COLUMNS: [Column; 11] = [
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
];

impl Growth {
    /// Nothing yet.
    #[must_use]
    pub fn new(load: &Load, base: Setup, series: Vec<Series>) -> Self {
        Self {
            count: load.count,
            seed: load.seed,
            after_checkpoint: load.after_checkpoint,
            base,
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            series,
            goes: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// A setup's values, one a round; not a number where it could not be measured.
    fn values(&self, setup: Setup, read: fn(&Figures) -> f64) -> Vec<f64> {
        let rounds = self.goes.iter().map(|go| go.round).max().unwrap_or(0);
        let of = |round: u32| {
            let go = self
                .goes
                .iter()
                .find(|go| go.setup == setup && go.round == round);
            go.map_or(f64::NAN, |go| read(&go.figures))
        };
        (1..=rounds).map(of).collect()
    }

    /// Every figure at every point.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for series in &self.series {
            let Some(first) = series.setups(self.base).next() else {
                continue;
            };
            for (setup, point) in series.setups(self.base).zip(&series.points) {
                for (figure, read, _) in COLUMNS {
                    let values = self.values(setup, read);
                    lines.push(Line {
                        axis: series.axis,
                        point: *point,
                        figure,
                        ratio: Spread::of_ratios(&values, &self.values(first, read)),
                        value: Spread::of(values),
                    });
                }
            }
        }
        lines
    }

    /// What went wrong, go by go.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let said = self.goes.iter().flat_map(|go| {
            let of = move |fault| format!("round {}, {}: {fault}", go.round, go.setup);
            go.faults.iter().map(of)
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
            summary: Vec<Line>,
            faults: Vec<String>,
        }
        serde_json::to_vec_pretty(&Whole {
            growth: self,
            summary: self.lines(),
            faults: self.faults(),
        })
    }

    /// Two tables an axis: what was measured, and that divided by the first point.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let loads = Spread::of(self.goes.iter().map(|go| go.load_average));
        let rounds = self.goes.iter().map(|go| go.round).max().unwrap_or(0);
        let (base, loads) = (self.base, written(&loads, 1));
        let state = match self.after_checkpoint {
            true => " Each right after a checkpoint.",
            false => "",
        };
        // Writing to a string never fails.
        let _ = writeln!(
            text,
            "{} messages a go, {rounds} rounds, seed {}, {} processors, load average {loads}. \
             Median (smallest..largest). Base: {base}.{state}",
            self.count, self.seed, self.processors
        );
        let lines = self.lines();
        for series in &self.series {
            let lines: Vec<&Line> = lines
                .iter()
                .filter(|line| line.axis == series.axis)
                .collect();
            table(&mut text, series, &lines, "", |line, decimals| {
                written(&line.value, decimals)
            });
            table(&mut text, series, &lines, ", to the first", |line, _| {
                written(&line.ratio, 2)
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
    lines: &[&Line],
    title: &str,
    cell: impl Fn(&Line, usize) -> String,
) {
    let _ = write!(text, "\n| {}{title} |", series.axis.name());
    for point in &series.points {
        let _ = write!(text, " {} |", shown(*point));
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(series.points.len()));
    for (figure, _, decimals) in COLUMNS {
        let known: Vec<&&Line> = lines.iter().filter(|line| line.figure == figure).collect();
        if known.iter().all(|line| line.value.count == 0) {
            continue;
        }
        let _ = write!(text, "| {figure} |");
        for line in known {
            let _ = write!(text, " {} |", cell(line, decimals));
        }
        text.push('\n');
    }
}

fn written(spread: &Spread, decimals: usize) -> String {
    let Spread {
        median,
        min,
        max,
        count,
    } = spread;
    match count {
        0 => "unknown".to_owned(),
        1 => format!("{median:.decimals$}"),
        _ => format!("{median:.decimals$} ({min:.decimals$}..{max:.decimals$})"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::report::Counts;

    fn load() -> Load {
        Load {
            count: 100,
            seed: 7,
            window: 1,
            after_checkpoint: false,
            progress: Arc::default(),
        }
    }

    fn go(rows: u64, round: u32, engine_us: f64) -> Go {
        Go {
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
            },
            counts: Counts::default(),
            faults: Vec::new(),
        }
    }

    #[test]
    fn points_are_divided_by_the_first_round_by_round() {
        let series = vec!["rows=10k,1M".parse().unwrap()];
        let mut growth = Growth::new(&load(), Setup::BASE, series);
        // The second round met a slower machine, and went the other way about.
        growth.goes = vec![
            go(10_000, 1, 40.0),
            go(1_000_000, 1, 44.0),
            go(1_000_000, 2, 96.0),
            go(10_000, 2, 80.0),
        ];
        let lines = growth.lines();
        let line = lines
            .iter()
            .find(|line| line.point == 1_000_000 && line.figure.starts_with("engine"));
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
        let series = vec!["rows=10k,1M".parse().unwrap()];
        let mut growth = Growth::new(&load(), Setup::BASE, series);
        growth.goes = vec![
            go(10_000, 1, 40.0),
            go(10_000, 2, 80.0),
            go(1_000_000, 2, 96.0),
        ];
        growth.refused = vec![Refused {
            setup: growth.goes[2].setup,
            round: 1,
            why: "the disk is full".to_owned(),
        }];
        let text = growth.markdown();
        assert!(text.contains("not measured: the disk is full"), "{text}");
        assert!(text.contains("| 96.0 |"), "{text}");
        let json: serde_json::Value = serde_json::from_slice(&growth.json().unwrap()).unwrap();
        let summary = json["summary"].as_array().unwrap();
        let line = summary
            .iter()
            .find(|line| line["point"] == 1_000_000 && line["figure"] == "engine CPU, µs each");
        let ratio = line.unwrap()["ratio"]["median"].as_f64().unwrap();
        assert!((ratio - 1.2).abs() < 1e-9);
    }
}
