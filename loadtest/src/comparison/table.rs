//! The result of a comparison, as a table and as JSON.

use std::fmt;

use serde::Serialize;

use super::go::{Figures, Go};
use super::spread::Spread;

const MIB: f64 = 1_048_576.0;

/// All goes of one kind of load.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    /// What kind of load: `flat out`, `4000/s`.
    pub load: String,
    /// The contenders; the first is what the others are divided by.
    pub contenders: Vec<String>,
    /// The goes, in the order in which they ran.
    pub goes: Vec<Go>,
}

/// All that was compared.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Messages of each go.
    pub count: u64,
    /// Seed of the load.
    pub seed: u64,
    /// Processors of the machine.
    pub processors: usize,
    /// Its phases.
    pub phases: Vec<Phase>,
    /// Spreads by phase, contender and figure; those that begin with `ratio_` are to the first.
    pub summary: Vec<Line>,
}

/// One figure of one contender.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The phase's load.
    pub load: String,
    /// Who.
    pub contender: String,
    /// What.
    pub figure: &'static str,
    /// How much.
    #[serde(flatten)]
    pub spread: Spread,
    /// The same divided by the first contender's, round by round.
    pub ratio: Spread,
}

/// A figure with its name, how to read it, and how many decimals are worth showing.
type Column = (&'static str, fn(&Figures) -> f64, usize);

const FLAT_OUT: [Column; 4] = [
    ("accepted/s", |f| f.per_second, 0),
    ("CPU us each", |f| f.cpu_micros, 1),
    ("RSS peak MiB", |f| f.resident_peak_bytes as f64 / MIB, 1),
    ("first after ms", |f| f.first_ms.unwrap_or(f64::NAN), 0),
];
const PACED: [Column; 5] = [
    ("p50 ms", |f| f.latency.p50_ms, 1),
    ("p99 ms", |f| f.latency.p99_ms, 1),
    ("p99.9 ms", |f| f.latency.p999_ms, 1),
    ("CPU us each", |f| f.cpu_micros, 1),
    ("RSS peak MiB", |f| f.resident_peak_bytes as f64 / MIB, 1),
];

impl Phase {
    /// A phase without goes.
    #[must_use]
    pub fn new(rate: f64, contenders: &[String]) -> Self {
        Self {
            load: match rate {
                rate if rate > 0.0 => format!("{rate:.0}/s"),
                _ => "flat out".to_owned(),
            },
            contenders: contenders.to_vec(),
            goes: Vec::new(),
        }
    }

    fn columns(&self) -> &'static [Column] {
        match self.load.as_str() {
            "flat out" => &FLAT_OUT,
            _ => &PACED,
        }
    }

    /// A contender's values, in the order of the rounds.
    #[must_use]
    pub fn values(&self, contender: &str, read: impl Fn(&Figures) -> f64) -> Vec<f64> {
        let mut goes: Vec<&Go> = self
            .goes
            .iter()
            .filter(|go| go.contender == contender)
            .collect();
        goes.sort_by_key(|go| go.round);
        goes.iter().map(|go| read(&go.figures)).collect()
    }

    fn lines(&self) -> Vec<Line> {
        let Some(first) = self.contenders.first() else {
            return Vec::new();
        };
        let line = |contender: &String, (figure, read, _): &Column| {
            let values = self.values(contender, read);
            Line {
                load: self.load.clone(),
                contender: contender.clone(),
                figure,
                ratio: Spread::of_ratios(&values, &self.values(first, read)),
                spread: Spread::of(values),
            }
        };
        self.contenders
            .iter()
            .flat_map(|contender| self.columns().iter().map(move |column| (contender, column)))
            .map(|(contender, column)| line(contender, column))
            .collect()
    }
}

impl Comparison {
    /// Sums up.
    #[must_use]
    pub fn new(count: u64, seed: u64, phases: Vec<Phase>) -> Self {
        Self {
            count,
            seed,
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            summary: phases.iter().flat_map(Phase::lines).collect(),
            phases,
        }
    }

    /// What went wrong, go by go.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let goes = self.phases.iter().flat_map(|phase| &phase.goes);
        goes.flat_map(|go| {
            go.faults
                .iter()
                .map(move |fault| format!("round {}, {}: {fault}", go.round, go.contender))
        })
        .collect()
    }

    fn write_phase(&self, f: &mut fmt::Formatter<'_>, phase: &Phase) -> fmt::Result {
        let loads = Spread::of(phase.goes.iter().map(|go| go.load_average));
        let rounds = phase.goes.iter().map(|go| go.round).max().unwrap_or(0);
        writeln!(
            f,
            "\n{}: {} messages, {rounds} rounds, seed {}, {} processors, load average {:.1} ({:.1}..{:.1})",
            phase.load, self.count, self.seed, self.processors, loads.median, loads.min, loads.max
        )?;
        writeln!(
            f,
            "  {:<16} {:<14} {:>28}   ratio to the first",
            "contender", "figure", "median (min..max)"
        )?;
        for line in self.summary.iter().filter(|line| line.load == phase.load) {
            if line.spread.count == 0 {
                continue;
            }
            let column = phase
                .columns()
                .iter()
                .find(|column| column.0 == line.figure);
            let decimals = column.map_or(1, |column| column.2);
            let shown = shown(&line.spread, decimals);
            write!(
                f,
                "  {:<16} {:<14} {shown:>28}",
                line.contender, line.figure
            )?;
            match phase.contenders.first() {
                Some(first) if *first == line.contender => writeln!(f)?,
                _ => writeln!(f, "   {}", self::shown(&line.ratio, 2))?,
            }
        }
        Ok(())
    }
}

fn shown(spread: &Spread, decimals: usize) -> String {
    let Spread {
        median, min, max, ..
    } = spread;
    format!("{median:.decimals$} ({min:.decimals$}..{max:.decimals$})")
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for phase in &self.phases {
            self.write_phase(f, phase)?;
        }
        let faults = self.faults();
        if faults.is_empty() {
            return writeln!(f, "\nnothing lost, nothing sent twice, everything stored");
        }
        writeln!(f)?;
        faults
            .iter()
            .try_for_each(|fault| writeln!(f, "FAILED: {fault}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Counts, Percentiles};

    fn go(contender: &str, round: u32, per_second: f64) -> Go {
        Go {
            contender: contender.to_owned(),
            round,
            load_average: 0.5,
            figures: Figures {
                per_second,
                cpu_micros: 40.0,
                resident_peak_bytes: 10_485_760,
                latency: Percentiles::default(),
                first_ms: None,
            },
            counts: Counts::default(),
            faults: Vec::new(),
        }
    }

    #[test]
    fn contenders_are_divided_by_the_first_round_by_round() {
        let names = ["floor".to_owned(), "engine".to_owned()];
        let mut phase = Phase::new(0.0, &names);
        // The second round went the other way about.
        phase.goes = vec![
            go("floor", 1, 1_000.0),
            go("engine", 1, 800.0),
            go("engine", 2, 350.0),
            go("floor", 2, 500.0),
        ];
        let mut comparison = Comparison::new(100, 1, vec![phase]);
        let line = comparison
            .summary
            .iter()
            .find(|line| line.contender == "engine" && line.figure == "accepted/s")
            .unwrap();
        assert_eq!((line.ratio.min, line.ratio.max), (0.7, 0.8));
        assert_eq!(line.spread.median, 575.0);
        let text = comparison.to_string();
        for shown in [
            "flat out: 100 messages, 2 rounds",
            "0.75 (0.70..0.80)",
            "nothing lost",
        ] {
            assert!(text.contains(shown), "{text}");
        }
        assert!(!text.contains("first after"), "{text}");
        let json = serde_json::to_value(&comparison).unwrap();
        assert_eq!(json["phases"][0]["goes"][2]["figures"]["per_second"], 350.0);
        comparison.phases[0].goes[1].faults = vec!["1 lost".to_owned()];
        assert!(
            comparison
                .to_string()
                .contains("FAILED: round 1, engine: 1 lost")
        );
    }
}
