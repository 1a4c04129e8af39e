//! One point of an axis: its database is filled once and copied for each run.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::fill;
use super::setup::Setup;
use crate::measure::bench::Bench;
use crate::measure::figures::{Measured, Work};
use crate::measure::reading::ReadTimes;
use crate::measure::variant::Variant;
use crate::report::Counts;

const MIB: f64 = 1_048_576.0;
const PATIENCE: Duration = Duration::from_secs(60);
/// By file: of a large database much quicker than by page.
const BY_FILE: &str = "STRATEGY FILE_COPY";

/// What was measured in a run. All that is for each notification counts messages, not the requests
/// that they lead to; processor time is that of the middle 80 %, and not a number for a server that
/// does not run on this machine.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Notifications accepted a second over the middle 80 %.
    pub per_second: f64,
    /// CPU time of all nodes, microseconds for each.
    pub engine_us: f64,
    /// CPU time of PostgreSQL, microseconds for each.
    pub postgresql_us: f64,
    /// CPU time of RabbitMQ for handing out and for acknowledgements, microseconds for each.
    pub rabbitmq_us: f64,
    /// CPU time of RabbitMQ for taking in what is published, microseconds for each.
    pub rabbitmq_in_us: f64,
    /// CPU time of the simulators, microseconds for each.
    pub simulators_us: f64,
    /// Resident memory of the largest node at most, MiB.
    pub resident_mib: f64,
    /// Bytes of the write-ahead log for each.
    pub wal_bytes: f64,
    /// Bytes of full pages among them, for each: the first change of a page after a checkpoint logs
    /// all of it, so that a short run has more of them than a long one.
    pub wal_page_bytes: f64,
    /// By how many bytes tables and indexes grew for each.
    pub stored_bytes: f64,
    /// Bytes of tables and indexes before, for each row that was stored then.
    pub row_bytes: f64,
    /// What those who read by HTTP meanwhile waited for.
    pub reads: ReadTimes,
}

/// What was measured at a point in one round.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// What it met.
    pub setup: Setup,
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

impl Bench {
    /// Makes the databases of these setups: before anything is measured, so that the first round is
    /// like the others.
    ///
    /// # Errors
    /// When the server fails, or its disk is full.
    pub async fn fill(&mut self, setups: &[Setup]) -> Result<()> {
        let empty = self.template(&Variant::node(1, &[])).await?;
        for setup in setups {
            let filling = setup.filling();
            if self.filled.contains_key(&filling) {
                continue;
            }
            println!("filling a database for {setup}");
            let database = self.database(&format!("filled_{}", self.filled.len()));
            // Remembered before it is filled, so that it is removed whatever happens.
            self.filled.insert(filling, database.clone());
            database.create(empty.name(), BY_FILE).await?;
            fill::fill(&database.url(), *setup).await?;
        }
        Ok(())
    }

    /// Measures a point: a load that waits in RabbitMQ is delivered by fresh nodes. The variables are
    /// set for every node.
    ///
    /// # Errors
    /// When a server or a program fails; what the engine did wrong is in the result instead.
    pub async fn measure(
        &self,
        setup: Setup,
        round: u32,
        environment: &[(String, String)],
        work: &Work,
    ) -> Result<Point> {
        let nodes = (1..=setup.nodes).map(|number| Variant::node(number, environment));
        let nodes: Vec<Variant> = nodes.collect();
        let filled = self.filled.get(&setup.filling());
        let filled = filled.with_context(|| format!("no database is filled for {setup}"))?;
        let work = Work {
            mix: setup.mix(),
            servers: true,
            patience: PATIENCE,
            ..work.clone()
        };
        let measured = self.run(&nodes, filled, BY_FILE, &work).await?;
        Ok(Point::new(setup, round, measured))
    }
}

impl Point {
    fn new(setup: Setup, round: u32, measured: Measured) -> Self {
        let times = measured.times.by(measured.acceptances_each);
        Self {
            setup,
            round,
            load_average: measured.load_average,
            figures: Figures {
                per_second: measured.per_second / measured.acceptances_each,
                engine_us: times.engine,
                postgresql_us: times.postgresql,
                rabbitmq_us: times.rabbitmq,
                rabbitmq_in_us: measured.taking_in,
                simulators_us: times.instrument,
                resident_mib: measured.resident_peak_bytes as f64 / MIB,
                wal_bytes: measured.grown.wal_bytes,
                wal_page_bytes: measured.page_bytes,
                stored_bytes: measured.grown.stored_bytes,
                row_bytes: measured.before.stored_bytes / setup.rows.max(1) as f64,
                reads: measured.reads,
            },
            counts: measured.counts,
            faults: measured.faults,
        }
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let figures = &self.figures;
        write!(
            f,
            "  {:.0}/s; CPU each: engine {:.1} us, PostgreSQL {:.1} us, RabbitMQ {:.1} + {:.1} us, simulators {:.1} us; \
             {:.0} MiB; {:.0} bytes of log ({:.0} of full pages), {:.0} stored; load average {:.1}",
            figures.per_second,
            figures.engine_us,
            figures.postgresql_us,
            figures.rabbitmq_in_us,
            figures.rabbitmq_us,
            figures.simulators_us,
            figures.resident_mib,
            figures.wal_bytes,
            figures.wal_page_bytes,
            figures.stored_bytes,
            self.load_average,
        )?;
        let ReadTimes {
            calls,
            one_p99_ms,
            page_p99_ms,
        } = figures.reads;
        if calls > 0 {
            write!(
                f,
                "\n  {calls} reads beside: one by its id p99 {one_p99_ms:.1} ms, a page of a person's list p99 {page_p99_ms:.1} ms"
            )?;
        }
        self.faults
            .iter()
            .try_for_each(|fault| write!(f, "\n  FAILED: {fault}"))
    }
}
