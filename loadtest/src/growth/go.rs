//! One go: a load that waits in RabbitMQ is delivered by fresh nodes on a copy of a filled database.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use super::books::Books;
use super::error::GrowthError;
use super::field::Field;
use super::meter::{self, Readings, Subjects};
use super::rehearsal::rehearse;
use super::setup::Setup;
use crate::child::Child;
use crate::comparison::{Work, load_average};
use crate::database;
use crate::process::{self, server};
use crate::publisher::{Plan, Progress, Published};
use crate::report::{Counts, Findings, Report};

/// Each go has 2^24 sequences of its own.
const RUN_BITS: u32 = 24;
const LOOK: Duration = Duration::from_millis(50);
/// How long nothing may happen while something is missing.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long repetitions are watched for.
const LINGER: Duration = Duration::from_millis(500);
const MIB: f64 = 1_048_576.0;

/// What is published in each go.
#[derive(Clone, Debug)]
pub struct Load {
    /// How many messages.
    pub count: u64,
    /// Seed of the load: the same one publishes the same messages.
    pub seed: u64,
    /// Unconfirmed messages at most.
    pub window: usize,
    /// Whether the nodes meet a database right after a checkpoint, with every page still to be
    /// logged, instead of one in the midst of its day.
    pub after_checkpoint: bool,
    /// What is counted while it is published.
    pub progress: Arc<Progress>,
}

/// What was measured in a go. All that is for each notification counts messages, not the requests
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
}

/// One go.
#[derive(Clone, Debug, Serialize)]
pub struct Go {
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

impl Field {
    /// Runs one go.
    ///
    /// # Errors
    /// When a server or a program fails; what the engine did wrong is in the result instead.
    pub async fn go(&self, setup: Setup, round: u32, load: &Load) -> Result<Go, GrowthError> {
        // Whoever watches the ledger must not see the last go's.
        self.ground.ledger.clear();
        let name = self.name();
        self.ground
            .databases
            .copy(&name, self.filled(setup))
            .await?;
        let vhost = self.ground.vhosts.make_vhost(&name).await;
        let load_average = load_average();
        let done = match vhost {
            Ok(()) => self.deliver(setup, load, &name).await,
            Err(error) => Err(GrowthError::Admin(error)),
        };
        // Removed whatever came of it.
        let removed = self.ground.databases.drop(&name).await;
        let vhost = self.ground.vhosts.delete_vhost(&name).await;
        let (figures, counts, faults) = done?;
        vhost.map_err(GrowthError::Admin)?;
        removed?;
        Ok(Go {
            setup,
            round,
            load_average,
            figures,
            counts,
            faults,
        })
    }

    async fn deliver(
        &self,
        setup: Setup,
        load: &Load,
        name: &str,
    ) -> Result<(Figures, Counts, Vec<String>), GrowthError> {
        let ledger = &self.ground.ledger;
        let number: u32 = rand::random();
        let run = format!("lt-{number:08x}");
        let plan = Plan::new(setup.mix(), load.seed, run.clone())
            .starting_at(u64::from(number) << RUN_BITS);
        ledger.begin(plan.first()..plan.first() + load.count);
        let (published, taking_in) = self.publish(setup, load, plan, name).await?;

        let client = database::connect(&self.ground.databases.url_of(name)).await?;
        if !load.after_checkpoint {
            rehearse(&client).await?;
        }
        let began = clock(&client).await?;
        let before = Books::read(&client).await?;
        let mut nodes = Vec::new();
        for number in 1..=setup.nodes {
            nodes.push(self.start(number, name)?);
        }
        let subjects = Subjects {
            nodes: nodes.iter().map(Child::pid).collect(),
            postgresql: server::postgresql(&client).await,
            rabbitmq: server::rabbitmq(&self.ground.vhost_url(name)),
        };
        let meter = meter::start(subjects, Arc::clone(ledger));
        let expected = published.expected.acceptances();
        let settled = until(&mut nodes, || async { Ok((ledger.distinct(), expected)) }).await?;
        sleep(LINGER).await;
        let readings = meter.finish().await;
        // What goes to the inbox is accepted by nobody, and may come last.
        let messages = published.expected.messages();
        let all = until(&mut nodes, || async {
            Ok((stored_since(&client, began).await?, messages))
        });
        let all = all.await?;
        for node in nodes {
            node.stop().await?;
        }
        let after = Books::read(&client).await?;

        let report = Report::new(Findings {
            run,
            seed: load.seed,
            rate: 0.0,
            settled,
            published: &published,
            ledger,
            simulators: &[],
            engine: None,
            instrument: None,
        });
        let mut faults = report.faults();
        if !all {
            let stored = stored_since(&client, began).await?;
            faults.push(format!("{stored} of {messages} messages are stored"));
        }
        let per_second = report.throughput.middle_per_second;
        let mut figures = figures(per_second, &readings, &published, (before, after), setup);
        figures.rabbitmq_in_us = taking_in;
        figures.wal_page_bytes =
            after.page_bytes_since(&client, before).await / messages.max(1) as f64;
        Ok((figures, report.counts, faults))
    }

    /// Publishes all of it into queues that a node has declared; with what that cost RabbitMQ,
    /// microseconds for each.
    async fn publish(
        &self,
        setup: Setup,
        load: &Load,
        plan: Plan,
        name: &str,
    ) -> Result<(Published, f64), GrowthError> {
        let (mut child, readiness) = self.ground.start(&self.node(1), name, name, "declares")?;
        child.ready(&readiness).await?;
        child.stop().await?;
        let work = Work {
            mix: setup.mix(),
            seed: load.seed,
            count: load.count,
            rate: 0.0,
            window: load.window,
            backlog: true,
            progress: Arc::clone(&load.progress),
        };
        let used = || {
            let broker = server::rabbitmq(&self.ground.vhost_url(name));
            let sample = broker.and_then(|pid| process::family(pid).ok());
            sample.map_or(f64::NAN, |sample| {
                sample.user_seconds + sample.system_seconds
            })
        };
        let before = used();
        let published = self.ground.publish(&work, plan, name).await?;
        let micros = (used() - before) * 1e6 / published.confirmed.max(1) as f64;
        Ok((published, micros))
    }

    fn start(&self, number: u64, name: &str) -> Result<Child, GrowthError> {
        let node = self.node(number);
        Ok(self.ground.start(&node, name, name, &node.name)?.0)
    }
}

/// Waits until what there is has become what there should be; false when nothing new came for too
/// long.
async fn until<F: Future<Output = Result<(u64, u64), GrowthError>>>(
    nodes: &mut [Child],
    mut look: impl FnMut() -> F,
) -> Result<bool, GrowthError> {
    let (mut last, mut changed) = (0, Instant::now());
    loop {
        let (there, wanted) = look().await?;
        if there >= wanted {
            return Ok(true);
        }
        for node in &mut *nodes {
            node.must_run()?;
        }
        if there != last {
            (last, changed) = (there, Instant::now());
        } else if changed.elapsed() >= PATIENCE {
            return Ok(false);
        }
        sleep(LOOK).await;
    }
}

/// The server's time, in seconds.
async fn clock(client: &Client) -> Result<f64, GrowthError> {
    let row = client.query_one("SELECT extract(epoch FROM now())::float8", &[]);
    let row = row.await.and_then(|row| row.try_get(0));
    row.map_err(GrowthError::at("the server's clock"))
}

/// Notifications with an id of this time or later: by index, because counting all takes too long.
async fn stored_since(client: &Client, seconds: f64) -> Result<u64, GrowthError> {
    let count = "SELECT count(*) FROM notifications WHERE id >= uuid_bound(to_timestamp($1))";
    let row = client.query_one(count, &[&seconds]).await;
    let count: Result<i64, _> = row.and_then(|row| row.try_get(0));
    let count = count.map_err(GrowthError::at("counting what is stored"))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

fn figures(
    acceptances_per_second: f64,
    readings: &Readings,
    published: &Published,
    (before, after): (Books, Books),
    setup: Setup,
) -> Figures {
    let (messages, acceptances) = (
        published.expected.messages(),
        published.expected.acceptances(),
    );
    let each = acceptances as f64 / messages.max(1) as f64;
    let times = readings.micros(acceptances).by(each);
    let grown = after.each_since(before, messages);
    Figures {
        per_second: acceptances_per_second / each,
        engine_us: times.engine,
        postgresql_us: times.postgresql,
        rabbitmq_us: times.rabbitmq,
        rabbitmq_in_us: f64::NAN,
        simulators_us: times.instrument,
        resident_mib: readings.resident_peak as f64 / MIB,
        wal_bytes: grown.wal_bytes,
        wal_page_bytes: f64::NAN,
        stored_bytes: grown.stored_bytes,
        row_bytes: before.stored_bytes / setup.rows.max(1) as f64,
    }
}
