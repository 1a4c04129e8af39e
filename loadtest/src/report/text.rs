//! The report as a table for people.

use std::fmt;

use super::{Percentiles, Report};
use crate::harness::usage::Usage;

const MIB: f64 = 1_048_576.0;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = match self.rate {
            rate if rate > 0.0 => format!("{rate}/s"),
            _ => "flat out".to_owned(),
        };
        writeln!(f, "run {}  seed {}  {rate}", self.run, self.seed)?;
        self.write_counts(f)?;
        let throughput = &self.throughput;
        writeln!(
            f,
            "\nthroughput  {:.0}/s over {:.2} s, {:.0}/s over the middle 80 %",
            throughput.per_second, throughput.seconds, throughput.middle_per_second
        )?;
        self.write_latency(f)?;
        self.write_processes(f)?;
        self.write_simulators(f)?;
        self.write_faults(f)
    }
}

impl Report {
    fn write_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        let rows = [
            ("published", counts.published),
            ("confirmed", counts.confirmed),
            ("expected", counts.expected),
            ("accepted", counts.accepted),
            ("distinct", counts.distinct),
            ("duplicates", counts.duplicates),
            ("missing", counts.missing),
            ("other runs'", counts.foreign),
        ];
        writeln!(f)?;
        for (name, count) in rows {
            writeln!(f, "{name:<11} {count:>10}")?;
        }
        Ok(())
    }

    fn write_latency(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nend to end, ms {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "count", "p50", "p90", "p99", "p99.9", "max"
        )?;
        write_percentiles(f, "all", &self.latency)?;
        for (name, percentiles) in &self.latency_by {
            write_percentiles(f, name, percentiles)?;
        }
        Ok(())
    }

    fn write_processes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        if let Some(engine) = &self.engine {
            write_usage(f, "engine", &engine.usage)?;
            let each = engine.cpu_micros_per_notification;
            writeln!(f, "            {each:.1} us of CPU per notification")?;
        }
        match &self.instrument {
            Some(usage) => write_usage(f, "instrument", usage),
            None => Ok(()),
        }
    }

    fn write_simulators(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nsimulator   {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "requests", "accepted", "refused", "malformed", "unauth.", "faults"
        )?;
        for (name, stats) in &self.simulators {
            writeln!(
                f,
                "{name:<11} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
                stats.requests,
                stats.accepted,
                stats.refused,
                stats.malformed,
                stats.unauthorized,
                stats.faults
            )?;
            for reason in stats.reasons.iter().take(3) {
                writeln!(f, "            {reason}")?;
            }
        }
        Ok(())
    }

    fn write_faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.faults();
        if !self.settled {
            writeln!(
                f,
                "\nNOT SETTLED: acceptances were still expected when patience ended"
            )?;
        }
        for fault in &faults {
            writeln!(f, "FAILED: {fault}")?;
        }
        for (name, sequences) in [("missing", &self.missing), ("forbidden", &self.forbidden)] {
            if !sequences.is_empty() {
                writeln!(f, "  {name}: {sequences:?}")?;
            }
        }
        for twice in &self.sent_twice {
            writeln!(f, "  sent {} times: {:?}", twice.count, twice.subject)?;
        }
        if faults.is_empty() && self.settled {
            writeln!(f, "\nnothing lost, nothing sent twice without cause")?;
        }
        Ok(())
    }
}

fn write_percentiles(f: &mut fmt::Formatter<'_>, name: &str, of: &Percentiles) -> fmt::Result {
    writeln!(
        f,
        "{name:<14} {:>9} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
        of.count, of.p50_ms, of.p90_ms, of.p99_ms, of.p999_ms, of.max_ms
    )
}

fn write_usage(f: &mut fmt::Formatter<'_>, name: &str, usage: &Usage) -> fmt::Result {
    writeln!(
        f,
        "{name:<11} {:.2} s of CPU ({:.2} user, {:.2} system), memory {:.1} MiB at most, {:.1} MiB at the end",
        usage.cpu_seconds(),
        usage.user_seconds,
        usage.system_seconds,
        usage.resident_max_bytes as f64 / MIB,
        usage.resident_last_bytes as f64 / MIB,
    )
}
