//! The result of a comparison, as a table and as JSON.

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

use super::figures::{Answered, Measured};
use super::spread::Spread;
use super::table::{Column, Line, lines};
use super::variant::{Kind, Variant};
use crate::report::{Counts, Percentiles};

const MIB: f64 = 1_048_576.0;

/// What was measured in a run.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Acceptances a second over the middle 80 %.
    pub per_second: f64,
    /// CPU time of the variant for each acceptance over the middle 80 %, microseconds.
    pub cpu_micros: f64,
    /// Deliveries a second to the webhook, where there is one.
    pub told_per_second: f64,
    /// The variant's resident memory at most, bytes.
    pub resident_peak_bytes: u64,
    /// Published to accepted.
    pub latency: Percentiles,
    /// From the start of the process to the first acceptance, where messages were waiting.
    pub first_ms: Option<f64>,
    /// How calls by HTTP were answered.
    pub answered: Answered,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Which variant.
    pub variant: String,
    /// Number of the round, from 1.
    pub round: u32,
    /// The machine's load average over a minute when it began: other work shows here.
    pub load_average: f64,
    /// What was measured.
    pub figures: Figures,
    /// Counts.
    pub counts: Counts,
    /// Why it is not good; empty when it is.
    pub faults: Vec<String>,
}

/// All runs of one kind of load.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    /// What kind of load: `flat out`, `4000/s`.
    pub load: String,
    /// The variants; the first is what the others are divided by.
    pub variants: Vec<String>,
    /// The runs, in their order.
    pub runs: Vec<Run>,
    /// Spreads by variant and figure.
    pub summary: Vec<Line>,
}

/// All that was compared.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Messages of each run.
    pub count: u64,
    /// Seed of the load.
    pub seed: u64,
    /// Processors of the machine.
    pub processors: usize,
    /// Its phases.
    pub phases: Vec<Phase>,
}

const FLAT_OUT: [Column<Figures>; 8] = [
    ("accepted/s", |f| f.per_second, 0),
    ("CPU us each", |f| f.cpu_micros, 1),
    ("RSS peak MiB", |f| f.resident_peak_bytes as f64 / MIB, 1),
    ("told/s", |f| f.told_per_second, 0),
    ("first after ms", |f| f.first_ms.unwrap_or(f64::NAN), 0),
    ("answered/s", |f| f.answered.per_second, 0),
    ("answer p50 ms", |f| f.answered.p50_ms, 1),
    ("answer p99 ms", |f| f.answered.p99_ms, 1),
];
const PACED: [Column<Figures>; 8] = [
    ("p50 ms", |f| f.latency.p50_ms, 1),
    ("p99 ms", |f| f.latency.p99_ms, 1),
    ("p99.9 ms", |f| f.latency.p999_ms, 1),
    ("CPU us each", |f| f.cpu_micros, 1),
    ("RSS peak MiB", |f| f.resident_peak_bytes as f64 / MIB, 1),
    ("told/s", |f| f.told_per_second, 0),
    ("answer p50 ms", |f| f.answered.p50_ms, 1),
    ("answer p99 ms", |f| f.answered.p99_ms, 1),
];

impl Run {
    fn new(variant: &str, round: u32, measured: Measured) -> Self {
        Self {
            variant: variant.to_owned(),
            round,
            load_average: measured.load_average,
            figures: Figures {
                per_second: measured.per_second,
                cpu_micros: measured.times.engine,
                told_per_second: measured.told_per_second,
                resident_peak_bytes: measured.resident_peak_bytes,
                latency: measured.latency,
                first_ms: measured.first_ms,
                answered: measured.answered,
            },
            counts: measured.counts,
            faults: measured.faults,
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        write!(
            f,
            "  {}: {:.0}/s, {:.1} us of CPU each, {:.1} MiB, p50 {:.1} ms, p99 {:.1} ms; load average {:.1}",
            self.variant,
            figures.per_second,
            figures.cpu_micros,
            figures.resident_peak_bytes as f64 / MIB,
            figures.latency.p50_ms,
            figures.latency.p99_ms,
            self.load_average,
        )?;
        self.faults
            .iter()
            .try_for_each(|fault| write!(f, "\n  FAILED: {fault}"))
    }
}

impl Phase {
    /// A phase without runs.
    #[must_use]
    pub fn new(rate: f64, variants: &[Variant]) -> Self {
        Self {
            load: match rate {
                rate if rate > 0.0 => format!("{rate:.0}/s"),
                _ => "flat out".to_owned(),
            },
            variants: variants.iter().map(|one| one.name.clone()).collect(),
            runs: Vec::new(),
            summary: Vec::new(),
        }
    }

    /// Adds a run, and sums up anew; returns it as it was added.
    pub fn add(&mut self, variant: &Variant, round: u32, measured: Measured) -> Run {
        let run = Run::new(&variant.name, round, measured);
        self.runs.push(run.clone());
        self.summary = self.lines();
        run
    }

    fn rounds(&self) -> u32 {
        self.runs.iter().map(|run| run.round).max().unwrap_or(0)
    }

    fn lines(&self) -> Vec<Line> {
        let of = |variant: &String| {
            let in_round = |round| {
                let mut runs = self.runs.iter();
                let run = runs.find(|run| run.round == round && run.variant == *variant)?;
                Some(&run.figures)
            };
            let rounds = (1..=self.rounds()).map(in_round).collect();
            (variant.clone(), rounds)
        };
        let subjects: Vec<_> = self.variants.iter().map(of).collect();
        match self.load.as_str() {
            "flat out" => lines(&subjects, &FLAT_OUT),
            _ => lines(&subjects, &PACED),
        }
    }
}

/// Half of the first engine's median in messages: one message may be several acceptances.
///
/// # Errors
/// When nothing was delivered.
pub fn half_of(phase: &Phase, variants: &[Variant]) -> Result<f64> {
    let engine = variants.iter().find(|one| one.kind == Kind::Engine);
    let engine = engine.or(variants.first());
    let runs = phase.runs.iter();
    let own = runs.filter(|run| engine.is_some_and(|engine| engine.name == run.variant));
    let per_second = Spread::of(own.map(|run| {
        let acceptances = run.counts.expected.max(1) as f64;
        run.figures.per_second * run.counts.confirmed as f64 / acceptances
    }));
    match per_second.median {
        rate if rate >= 2.0 => Ok((rate / 2.0).round()),
        _ => bail!("nothing was delivered flat out, so that there is no half of it"),
    }
}

impl Comparison {
    /// What went wrong, run by run.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let runs = self.phases.iter().flat_map(|phase| &phase.runs);
        let of = |run: &Run| {
            let named = |fault| format!("round {}, {}: {fault}", run.round, run.variant);
            run.faults.iter().map(named).collect::<Vec<_>>()
        };
        runs.flat_map(of).collect()
    }

    fn write_phase(&self, f: &mut fmt::Formatter<'_>, phase: &Phase) -> fmt::Result {
        let loads = Spread::of(phase.runs.iter().map(|run| run.load_average));
        writeln!(
            f,
            "\n{}: {} messages, {} rounds, seed {}, {} processors, load average {}",
            phase.load,
            self.count,
            phase.rounds(),
            self.seed,
            self.processors,
            loads.shown(1)
        )?;
        writeln!(
            f,
            "  {:<16} {:<14} {:>28}   ratio to the first",
            "variant", "figure", "median (min..max)"
        )?;
        let measured = phase.summary.iter().filter(|line| line.value.count > 0);
        for line in measured {
            let Line {
                subject, figure, ..
            } = line;
            let value = line.value.shown(line.decimals);
            write!(f, "  {subject:<16} {figure:<14} {value:>28}")?;
            match phase.variants.first() {
                Some(first) if first == subject => writeln!(f)?,
                _ => writeln!(f, "   {}", line.ratio.shown(2))?,
            }
        }
        Ok(())
    }
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

    fn run(variant: &str, round: u32, per_second: f64) -> Run {
        Run {
            variant: variant.to_owned(),
            round,
            load_average: 0.5,
            figures: Figures {
                per_second,
                cpu_micros: 40.0,
                told_per_second: f64::NAN,
                resident_peak_bytes: 10_485_760,
                latency: Percentiles::default(),
                first_ms: None,
                answered: Answered::NOT_A_NUMBER,
            },
            counts: Counts::default(),
            faults: Vec::new(),
        }
    }

    #[test]
    fn variants_are_divided_by_the_first_round_by_round() {
        let variants = ["floor", "engine"].map(|name| name.parse().unwrap());
        let mut phase = Phase::new(0.0, &variants);
        // The second round went the other way about.
        phase.runs = vec![
            run("floor", 1, 1_000.0),
            run("engine", 1, 800.0),
            run("engine", 2, 350.0),
            run("floor", 2, 500.0),
        ];
        phase.summary = phase.lines();
        let mut lines = phase.summary.iter();
        let line = lines
            .find(|line| line.subject == "engine" && line.figure == "accepted/s")
            .unwrap();
        assert_eq!((line.ratio.min, line.ratio.max), (0.7, 0.8));
        assert_eq!(line.value.median, 575.0);
        assert!(half_of(&phase, &variants).is_err());
        let mut comparison = Comparison {
            count: 100,
            seed: 1,
            processors: 2,
            phases: vec![phase],
        };
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
        assert_eq!(json["phases"][0]["runs"][2]["figures"]["per_second"], 350.0);
        comparison.phases[0].runs[1].faults = vec!["1 lost".to_owned()];
        let text = comparison.to_string();
        assert!(text.contains("FAILED: round 1, engine: 1 lost"), "{text}");
    }
}
