//! One run: nodes of one variant deliver one load, on a database and a virtual host of their own.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use super::bench::{Bench, Started};
use super::books::Books;
use super::figures::{Answered, Measured, Work};
use super::meter::{self, Subjects};
use super::reading::{self, ReadTimes, Readers};
use super::variant::{Hook, Variant};
use super::warm_up::warm_up;
use crate::harness::database::Database;
use crate::harness::usage;
use crate::publisher::{ByHttp, HttpPublisher, Pace, Plan, Published, Publisher};
use crate::report::{Findings, Report};

/// Each run has 2^24 sequences of its own.
const RUN_BITS: u32 = 24;
const LOOK: Duration = Duration::from_millis(50);
/// How long repetitions are watched for.
const LINGER: Duration = Duration::from_millis(500);

impl Bench {
    /// Runs one variant on a copy of its prepared database.
    ///
    /// # Errors
    /// When a server or a program fails; what the variant did wrong is in the result instead.
    pub async fn compare(&mut self, variant: &Variant, work: &Work) -> Result<Measured> {
        let template = self.template(variant).await?;
        let nodes = std::slice::from_ref(variant);
        self.run(nodes, &template, "", work).await
    }

    /// Runs nodes on a copy of a database.
    pub(super) async fn run(
        &self,
        nodes: &[Variant],
        template: &Database,
        strategy: &str,
        work: &Work,
    ) -> Result<Measured> {
        // Whoever watches the ledger must not see the last run's.
        self.ledger.clear();
        let (database, vhost) = (self.database("run"), self.vhost()?);
        database.remove().await?;
        database.create(template.name(), strategy).await?;
        // What was written so far is not this run's to write out.
        database.ask("CHECKPOINT").await?;
        let done = match vhost.create().await {
            Ok(()) => self.deliver(nodes, &database, work).await,
            Err(error) => Err(error),
        };
        // Removed whatever came of it.
        let removed = database.remove().await;
        let vhost = vhost.remove().await;
        let measured = done?;
        vhost.and(removed)?;
        Ok(measured)
    }

    async fn deliver(
        &self,
        nodes: &[Variant],
        database: &Database,
        work: &Work,
    ) -> Result<Measured> {
        let load_average = load_average();
        // Idempotency keys and markers of their own, also for what an earlier run has left behind.
        let number: u32 = rand::random();
        let run = format!("lt-{number:08x}");
        let plan = Plan::new(work.mix.clone(), work.seed, run.clone())
            .starting_at(u64::from(number) << RUN_BITS);
        self.ledger.begin(plan.first()..plan.first() + work.count);
        let client = database.connect().await?;
        let posts = nodes
            .iter()
            .find_map(|node| Some((node.clone(), node.http?)));
        let backlog = work.backlog && posts.is_none();
        let waiting = match backlog {
            true => Ok(self.publish_ahead(nodes, plan, work).await?),
            false => Err(plan),
        };
        if work.warm_up {
            warm_up(&client).await?;
        }
        let began = clock(&client).await?;
        let before = Books::read(&client, work.servers).await?;
        let start = Instant::now();
        let asked = nodes.first().context("no node")?;
        let hook = nodes.iter().find_map(|node| node.hook);
        let nodes = self.start_all(nodes, !backlog || work.readers > 0).await?;
        let (hooked, taken_before) = (self.hooks.watch(), self.hooks.taken());
        let subjects = self.subjects(&nodes, &client, work).await?;
        let readers = self.readers(asked, &nodes, &client, work).await?;
        let meter = meter::start(subjects, Arc::clone(&self.ledger));
        let mut first_ms = None;
        let (published, taking_in) = match waiting {
            Ok(waiting) => {
                self.ledger.wait_for_accepted(1, work.patience).await;
                first_ms = Some(start.elapsed().as_secs_f64() * 1e3);
                waiting
            }
            Err(plan) => match &posts {
                Some((variant, by)) => {
                    (self.post(plan, work, variant, *by, &nodes).await?, f64::NAN)
                }
                None => (self.publish(plan, work).await?, f64::NAN),
            },
        };
        let expected = published.expected.acceptances();
        let accepted = || async { Ok(self.ledger.distinct()) };
        let settled = until(&nodes, work.patience, expected, accepted).await?;
        sleep(LINGER).await;
        let readings = meter.finish().await;
        let reads = match readers {
            Some(readers) => readers.finish().await.context("reading")?,
            None => ReadTimes::NONE,
        };
        // What goes to the inbox is accepted by nobody, and may come last.
        let messages = published.expected.messages();
        let stored = || stored_since(&client, began);
        until(&nodes, work.patience, messages, stored).await?;
        let written = written_for_webhooks(&client).await?;
        if hook == Some(Hook::Told) {
            let taken = || async { Ok(self.hooks.taken() - taken_before) };
            until(&nodes, work.patience, written, taken).await?;
        }
        let told = hooked.finish().await;
        let taken = self.hooks.taken() - taken_before;
        for node in nodes {
            node.process.stop().await?;
        }
        let after = Books::read(&client, work.servers).await?;
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
        let stored = stored_since(&client, began).await?;
        if stored != messages {
            faults.push(format!("{stored} of {messages} messages are stored"));
        }
        faults.extend(hook.and_then(|hook| unheard(hook, (messages, written, taken))));
        let pages = after.page_bytes_since(&client, before).await;
        Ok(Measured {
            load_average,
            per_second: report.throughput.middle_per_second,
            latency: report.latency,
            first_ms,
            times: readings.micros(expected),
            told_per_second: told.per_second(),
            resident_peak_bytes: readings.resident_peak,
            taking_in,
            before,
            grown: after.each_since(before, messages),
            page_bytes: pages / messages.max(1) as f64,
            acceptances_each: expected as f64 / messages.max(1) as f64,
            counts: report.counts,
            answered: Answered::of(&published),
            reads,
            faults,
        })
    }

    /// Whoever reads from the first node by HTTP while the load is delivered.
    async fn readers(
        &self,
        asked: &Variant,
        nodes: &[Started],
        client: &Client,
        work: &Work,
    ) -> Result<Option<Readers>> {
        if work.readers == 0 {
            return Ok(None);
        }
        let url = nodes.iter().find_map(|node| node.url.as_deref());
        let url = url.context("whoever reads needs an engine")?;
        let key = self.key(asked, reading::SCOPES).await?;
        Ok(Some(Readers::start(work.readers, url, &key, client).await?))
    }

    /// Posts all of it to the nodes.
    async fn post(
        &self,
        mut plan: Plan,
        work: &Work,
        variant: &Variant,
        by: ByHttp,
        nodes: &[Started],
    ) -> Result<Published> {
        let key = self.key(variant, "publisher").await?;
        let urls = nodes.iter().filter_map(|node| node.url.clone());
        let publisher = HttpPublisher::new(&key, urls.collect(), by.connections);
        let pace = Pace::starting_now(work.rate);
        let posted = publisher.run(&mut plan, work.count, pace, by, &work.progress);
        let published = posted.await.context("posting")?;
        match published.first_error {
            Some(error) => bail!("posting: {error}"),
            None => Ok(published),
        }
    }

    async fn start_all(&self, nodes: &[Variant], until_ready: bool) -> Result<Vec<Started>> {
        let start = |node: &Variant| self.start(node, &node.name);
        let started: Vec<Started> = nodes.iter().map(start).collect::<Result<_>>()?;
        if until_ready {
            for node in &started {
                node.ready().await?;
            }
        }
        Ok(started)
    }

    async fn subjects(&self, nodes: &[Started], client: &Client, work: &Work) -> Result<Subjects> {
        let mut subjects = Subjects {
            nodes: nodes.iter().map(|node| node.process.id()).collect(),
            ..Subjects::default()
        };
        if work.servers {
            subjects.postgresql = usage::postgresql(client).await;
            subjects.rabbitmq = usage::rabbitmq(self.vhost()?.url());
            subjects.instrument = Some(std::process::id());
        }
        Ok(subjects)
    }

    /// Publishes all of it into queues that a node has declared, which is all that it was started for;
    /// with what that cost RabbitMQ, microseconds for each.
    async fn publish_ahead(
        &self,
        nodes: &[Variant],
        plan: Plan,
        work: &Work,
    ) -> Result<(Published, f64)> {
        let declares = self.start(nodes.first().context("no node")?, "declares")?;
        declares.ready().await?;
        declares.process.stop().await?;
        let broker = usage::rabbitmq(self.vhost()?.url()).filter(|_| work.servers);
        let used = || {
            let sample = broker.and_then(|pid| usage::family(pid).ok());
            sample.map_or(f64::NAN, |sample| sample.cpu_seconds())
        };
        let before = used();
        let published = self.publish(plan, work).await?;
        let micros = (used() - before) * 1e6 / published.confirmed.max(1) as f64;
        Ok((published, micros))
    }

    async fn publish(&self, mut plan: Plan, work: &Work) -> Result<Published> {
        let publisher = Publisher::connect(self.vhost()?.url()).await;
        let publisher = publisher.context("publishing")?;
        let pace = Pace::starting_now(work.rate);
        let published = publisher
            .run(&mut plan, work.count, pace, work.window, &work.progress)
            .await
            .context("publishing")?;
        publisher.close().await;
        match published.first_error {
            Some(error) => bail!("publishing: {error}"),
            None => Ok(published),
        }
    }
}

/// What is wrong with what a webhook on everything was told of so many messages: of each at least that it was
/// accepted and what came of it.
fn unheard(hook: Hook, (messages, written, taken): (u64, u64, u64)) -> Option<String> {
    let wanted = if hook == Hook::Told { written } else { 0 };
    if written < 2 * messages {
        return Some(format!(
            "only {written} deliveries are written of {messages} messages"
        ));
    }
    (taken != wanted).then(|| format!("the webhook took {taken} deliveries of {wanted}"))
}

/// Deliveries to webhooks in the database of a run.
async fn written_for_webhooks(client: &Client) -> Result<u64> {
    let count = "SELECT count(*) FROM webhook_deliveries";
    let row = client.query_one(count, &[]).await.context(count)?;
    let count: i64 = row.try_get(0)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Waits until there are as many as there should be; false when nothing new came for too long.
async fn until<F: Future<Output = Result<u64>>>(
    nodes: &[Started],
    patience: Duration,
    wanted: u64,
    mut look: impl FnMut() -> F,
) -> Result<bool> {
    let (mut last, mut changed) = (0, Instant::now());
    loop {
        let there = look().await?;
        if there >= wanted {
            return Ok(true);
        }
        for node in nodes {
            node.process.must_run()?;
        }
        if there != last {
            (last, changed) = (there, Instant::now());
        } else if changed.elapsed() >= patience {
            return Ok(false);
        }
        sleep(LOOK).await;
    }
}

/// The server's time, in seconds.
async fn clock(client: &Client) -> Result<f64> {
    let now = "SELECT extract(epoch FROM now())::float8";
    let row = client.query_one(now, &[]).await.context(now)?;
    Ok(row.try_get(0)?)
}

/// Notifications with an id of this time or later: by index, because counting all takes too long.
async fn stored_since(client: &Client, seconds: f64) -> Result<u64> {
    let count = "SELECT count(*) FROM notifications WHERE id >= uuid_bound(to_timestamp($1))";
    let row = client.query_one(count, &[&seconds]).await.context(count)?;
    let count: i64 = row.try_get(0)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Over the last minute; not a number where the system does not say.
fn load_average() -> f64 {
    use procfs::Current as _;
    procfs::LoadAverage::current().map_or(f64::NAN, |load| f64::from(load.one))
}
