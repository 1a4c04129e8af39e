//! Events that happen, and how long they take to become what people are told.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_postgres::Client;

use super::{PATIENCE, PEOPLE};
use crate::harness::engine::Engine;
use crate::harness::environment::Environment;
use crate::harness::http;
use crate::harness::usage::Sample;
use crate::ledger::new_histogram;

/// Lists of events a second, while they come at a rate.
const LISTS: u32 = 40;
/// Rows of runs that were read so far, in whatever way.
const READ: &str = "SELECT (seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_user_tables
    WHERE schemaname = 'notification_schema' AND relname = 'workflow_runs'";

/// Where events happen.
pub(super) struct Happening<'a> {
    pub(super) environment: &'a Environment,
    pub(super) engine: &'a Engine,
    pub(super) database: Client,
    people: Vec<String>,
    key: String,
}

impl<'a> Happening<'a> {
    pub(super) async fn new(
        environment: &'a Environment,
        engine: &'a Engine,
        key: String,
    ) -> Result<Self> {
        let database = environment.database.connect().await?;
        let people = "SELECT id::text FROM notification_schema.users ORDER BY id LIMIT $1";
        let rows = database.query(people, &[&i64::from(PEOPLE)]).await?;
        Ok(Self {
            environment,
            engine,
            database,
            people: rows.iter().map(|row| row.get(0)).collect(),
            key,
        })
    }

    /// Events that happen one after the other: the next when the provider has accepted the mail of the one before.
    pub(super) async fn alone(&self, what: &str, many: u32) -> Result<bool> {
        let ledger = &self.environment.ledger;
        let (mut times, read) = (new_histogram(), self.count(READ).await?);
        for number in 0..many {
            let (before, began) = (ledger.accepted(), Instant::now());
            let event = self.event("flow.mail", &format!("{what} {number}"), number);
            self.happens(&event).await?;
            let is_told = ledger.wait_for_accepted(before + 1, PATIENCE).await;
            ensure!(is_told, "event {number} was not told within {PATIENCE:?}");
            let took = u64::try_from(began.elapsed().as_micros())?;
            times.saturating_record(took);
        }
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1_000.0;
        let read = self.count(READ).await?.saturating_sub(read);
        println!(
            "{what}: {many} events, to the provider's acceptance p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms; {:.1} rows of \
             runs read for each",
            at(0.5),
            at(0.99),
            times.max() as f64 / 1_000.0,
            read as f64 / f64::from(many.max(1)),
        );
        Ok(true)
    }

    /// Events at a rate for some seconds, each a run of two steps.
    pub(super) async fn at_a_rate(&self, rate: u32, seconds: u32) -> Result<bool> {
        let each = (rate / LISTS).max(1);
        let (mut sent, wanted) = (0, rate * seconds);
        let mut tick = interval(Duration::from_secs(1) * each / rate.max(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (before, began) = (Sample::take(self.engine.id())?, Instant::now());
        while sent < wanted {
            tick.tick().await;
            let list = sent..(sent + each).min(wanted);
            sent = list.end;
            let event = |number| self.event("flow.two-steps", &format!("rate {number}"), number);
            let list: Vec<Value> = list.map(event).collect();
            self.happens(&Value::from(list)).await?;
        }
        let accepted = began.elapsed().as_secs_f64();
        let done = "SELECT count(*) FROM notification_schema.workflow_runs
                    WHERE workflow = 'two-steps' AND status = 'finished'";
        let all = u64::from(wanted);
        self.until(done, all).await?;
        let ran = began.elapsed().as_secs_f64();
        let told = "SELECT count(*) FROM notification_schema.notifications n
                    WHERE message_type = 'in_app' AND metadata ->> 'workflow' = 'two-steps' AND status = 'sent'";
        self.until(told, all).await?;
        let told = began.elapsed().as_secs_f64();
        let after = Sample::take(self.engine.id())?;
        println!(
            "{wanted} events at {rate} a second: accepted in {accepted:.1} s ({:.0} a second), both steps done after {ran:.1} s, \
             all told after {told:.1} s; {:.2} cores of the engine",
            f64::from(wanted) / accepted,
            (after.cpu_seconds() - before.cpu_seconds()) / told,
        );
        let once =
            "SELECT count(DISTINCT metadata ->> 'run') FROM notification_schema.notifications
                    WHERE metadata ->> 'workflow' = 'two-steps'";
        Ok(self.count(once).await? == all)
    }

    /// One event, about somebody.
    pub(super) fn event(&self, kind: &str, id: &str, number: u32) -> Value {
        let at = usize::try_from(number).unwrap_or_default() % self.people.len().max(1);
        let who = self.people.get(at);
        json!({
            "specversion": "1.0", "id": id, "source": "/loadtest", "type": kind,
            "data": { "who": who, "text": "It is on its way." },
        })
    }

    /// Sends one event, or a list of them.
    pub(super) async fn happens(&self, said: &Value) -> Result<()> {
        let bearer = format!("Authorization: Bearer {}", self.key);
        let headers = [&*bearer, "Content-Type: application/json"];
        let body = said.to_string();
        let url = self.engine.url("/v1/events");
        let answer = http::request("POST", &url, &headers, body.as_bytes()).await?;
        ensure!(
            matches!(answer.status, 202 | 207) && !answer.text().contains("\"problem\""),
            "events are refused: {}",
            answer.text()
        );
        Ok(())
    }

    pub(super) async fn count(&self, query: &str) -> Result<u64> {
        let row = self.database.query_one(query, &[]).await?;
        Ok(u64::try_from(row.get::<_, i64>(0))?)
    }

    /// Waits until so many are counted, as long as there are more.
    pub(super) async fn until(&self, query: &str, wanted: u64) -> Result<()> {
        let (mut last, mut moved) = (0, Instant::now());
        loop {
            let now = self.count(query).await.context("counting")?;
            if now >= wanted {
                return Ok(());
            }
            if now > last {
                (last, moved) = (now, Instant::now());
            }
            ensure!(moved.elapsed() < PATIENCE, "{now} of {wanted}, and no more");
            sleep(Duration::from_millis(50)).await;
        }
    }
}
