//! One go: one contender delivers one load on fresh ground.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, interval, sleep};

use super::contender::Contender;
use super::error::ComparisonError;
use super::ground::Ground;
use super::meter;
use crate::child::Child;
use crate::ledger::Ledger;
use crate::publisher::{Mix, Pace, Plan, Progress, Published, Publisher};
use crate::report::{Counts, Findings, Percentiles, Report};

/// Each go has 2^24 sequences of its own.
const RUN_BITS: u32 = 24;
const LOOK: Duration = Duration::from_millis(50);
/// How long a contender may deliver nothing while something is missing.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long repetitions are watched for.
const LINGER: Duration = Duration::from_millis(500);

/// The load of a go.
#[derive(Clone, Debug)]
pub struct Work {
    /// What is published.
    pub mix: Mix,
    /// Seed of the load: the same one publishes the same messages.
    pub seed: u64,
    /// How many messages.
    pub count: u64,
    /// Messages a second; 0 is flat out.
    pub rate: f64,
    /// Unconfirmed messages at most.
    pub window: usize,
    /// Whether everything is published before the contender begins.
    pub backlog: bool,
    /// What is counted while it is published.
    pub progress: Arc<Progress>,
}

/// What was measured in a go.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Acceptances a second over the middle 80 %.
    pub per_second: f64,
    /// CPU time of the contender for each acceptance over the middle 80 %, microseconds.
    pub cpu_micros: f64,
    /// The contender's resident memory at most, bytes.
    pub resident_peak_bytes: u64,
    /// Published to accepted.
    pub latency: Percentiles,
    /// From the start of the process to the first acceptance, where messages were waiting.
    pub first_ms: Option<f64>,
}

/// One go.
#[derive(Clone, Debug, Serialize)]
pub struct Go {
    /// Who.
    pub contender: String,
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

impl Ground {
    /// Runs one go.
    ///
    /// # Errors
    /// When a server or a program fails; what the contender did wrong is in the result instead.
    pub async fn go(
        &mut self,
        contender: &Contender,
        round: u32,
        work: &Work,
    ) -> Result<Go, ComparisonError> {
        // Whoever watches the ledger must not see the last go's.
        self.ledger.clear();
        let template = self.template(contender).await?;
        let name = self.name_of("go");
        self.databases.create(&name, &template).await?;
        self.vhosts
            .make_vhost(&name)
            .await
            .map_err(ComparisonError::Admin)?;
        let load_average = load_average();
        let done = self.deliver(contender, work, &name).await;
        // Removed whatever came of it.
        let removed = self.databases.drop(&name).await;
        let vhost = self.vhosts.delete_vhost(&name).await;
        vhost.map_err(ComparisonError::Admin)?;
        removed?;
        let (figures, counts, faults) = done?;
        Ok(Go {
            contender: contender.name.clone(),
            round,
            load_average,
            figures,
            counts,
            faults,
        })
    }

    async fn deliver(
        &self,
        contender: &Contender,
        work: &Work,
        name: &str,
    ) -> Result<(Figures, Counts, Vec<String>), ComparisonError> {
        // Idempotency keys and markers of their own, also for what an earlier go has left behind.
        let number: u32 = rand::random();
        let run = format!("lt-{number:08x}");
        let plan = Plan::new(work.mix.clone(), work.seed, run.clone())
            .starting_at(u64::from(number) << RUN_BITS);
        self.ledger.begin(plan.first()..plan.first() + work.count);
        let mut child = self.started(contender, name).await?;
        let (published, meter, first_ms);
        if work.backlog {
            // It has declared the queues, which is all that it was started for.
            child.stop().await?;
            published = self.publish(work, plan, name).await?;
            let begun = Instant::now();
            child = self.start(contender, name, name, &contender.name)?.0;
            meter = meter::start(child.pid(), self.ledger.clone());
            self.ledger.wait_for_accepted(1, PATIENCE).await;
            first_ms = Some(begun.elapsed().as_secs_f64() * 1e3);
        } else {
            meter = meter::start(child.pid(), self.ledger.clone());
            published = self.publish(work, plan, name).await?;
            first_ms = None;
        }
        let expected = published.expected.acceptances();
        let settled = settle(&self.ledger, expected, &mut child).await?;
        sleep(LINGER).await;
        let readings = meter.finish().await;
        child.stop().await?;
        let report = Report::new(Findings {
            run,
            seed: work.seed,
            rate: work.rate,
            settled,
            published: &published,
            ledger: &self.ledger,
            simulators: &[],
            engine: None,
            instrument: None,
        });
        let mut faults = report.faults();
        let (stored, messages) = (
            self.databases.stored(name).await?,
            published.expected.messages(),
        );
        if stored != messages {
            faults.push(format!("{stored} of {messages} messages are stored"));
        }
        let figures = Figures {
            per_second: report.throughput.middle_per_second,
            cpu_micros: readings.cpu_micros(expected),
            resident_peak_bytes: readings.resident_peak,
            latency: report.latency,
            first_ms,
        };
        Ok((figures, report.counts, faults))
    }

    async fn started(&self, contender: &Contender, name: &str) -> Result<Child, ComparisonError> {
        let (mut child, readiness) = self.start(contender, name, name, &contender.name)?;
        child.ready(&readiness).await?;
        Ok(child)
    }

    pub(crate) async fn publish(
        &self,
        work: &Work,
        mut plan: Plan,
        vhost: &str,
    ) -> Result<Published, ComparisonError> {
        let wrong =
            |error: crate::publisher::PublishError| ComparisonError::Publishing(error.to_string());
        let publisher = Publisher::connect(&self.vhost_url(vhost))
            .await
            .map_err(wrong)?;
        let pace = Pace::starting_now(work.rate);
        let published = publisher
            .run(&mut plan, work.count, pace, work.window, &work.progress)
            .await
            .map_err(wrong)?;
        publisher.close().await;
        match published.first_error {
            Some(error) => Err(ComparisonError::Publishing(error)),
            None => Ok(published),
        }
    }
}

/// Waits until `expected` pairs are accepted; false when nothing new came for too long.
async fn settle(
    ledger: &Ledger,
    expected: u64,
    child: &mut Child,
) -> Result<bool, ComparisonError> {
    let mut tick = interval(LOOK);
    let (mut last, mut changed) = (0, Instant::now());
    loop {
        tick.tick().await;
        let distinct = ledger.distinct();
        if distinct >= expected {
            return Ok(true);
        }
        child.must_run()?;
        if distinct != last {
            (last, changed) = (distinct, Instant::now());
        } else if changed.elapsed() >= PATIENCE {
            return Ok(false);
        }
    }
}

/// Over the last minute; not a number where the system does not say.
pub(crate) fn load_average() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(f64::NAN)
}
