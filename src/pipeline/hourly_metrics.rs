//! The hourly rollups: adds up what was settled and writes the sums every few seconds.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, Supervised};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::domain::Channel;
use crate::runtime::{Tasks, failpoint, mailbox};
use crate::store::lease::RunId;
use crate::store::metrics::{self, HourlyDelta, RollupBatch};
use crate::store::{Database, StoreError};

/// Time between writes.
const FLUSH: Duration = Duration::from_secs(5);
/// Seconds in a minute.
const MINUTE: i64 = 60;

/// The actor.
pub struct HourlyMetrics {
    writer: Arc<Mutex<Writer>>,
    tasks: Tasks,
    sums: HashMap<RollupKey, HourlyDelta>,
    flushing: bool,
    /// The last write has failed: what it wrote waits in the writer, and what is added meanwhile here.
    is_behind: bool,
}

/// Tenant, minute since the epoch, provider, channel: what is added up in memory.
type RollupKey = (Uuid, i64, String, Channel);

/// What a batch adds to the rollups.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Record(pub Vec<HourlyDelta>);

/// Writes what has been added up, at once; answered when it is written.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Flush;

/// A write has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Flushed {
    /// Whether all of it is written.
    whole: bool,
}

impl fmt::Debug for HourlyMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HourlyMetrics")
            .field("rows", &self.sums.len())
            .finish_non_exhaustive()
    }
}

impl HourlyMetrics {
    /// Nothing added up yet.
    #[must_use]
    pub fn new(database: Database, run: RunId, tasks: Tasks) -> Self {
        let writer = Writer {
            database,
            run,
            last: 0,
            unwritten: VecDeque::new(),
        };
        Self {
            writer: Arc::new(Mutex::new(writer)),
            tasks,
            sums: HashMap::new(),
            flushing: false,
            is_behind: false,
        }
    }

    fn add(&mut self, deltas: Vec<HourlyDelta>) {
        for delta in deltas {
            let minute = delta.at.as_second().div_euclid(MINUTE);
            let row = (
                delta.tenant_id,
                minute,
                delta.provider.clone(),
                delta.channel,
            );
            match self.sums.get_mut(&row) {
                Some(sum) => {
                    sum.sent = sum.sent.saturating_add(delta.sent);
                    sum.failed = sum.failed.saturating_add(delta.failed);
                    sum.pending = sum.pending.saturating_add(delta.pending);
                    sum.delivery_ms = sum.delivery_ms.saturating_add(delta.delivery_ms);
                }
                None => drop(self.sums.insert(row, delta)),
            }
        }
    }

    fn flush(&mut self, ctx: &Context<Self>) {
        if self.flushing || (self.sums.is_empty() && !self.is_behind) {
            return;
        }
        self.flushing = true;
        let deltas = if self.is_behind { vec![] } else { self.take() };
        let (writer, address) = (Arc::clone(&self.writer), ctx.address());
        self.tasks.spawn("flush rollups", async move {
            // Told however it ends.
            let mut is_whole = scopeguard::guard(false, |whole| {
                mailbox::post(&address, Flushed { whole });
            });
            match writer.lock().await.write(deltas).await {
                Ok(()) => *is_whole = true,
                Err(error) => {
                    tracing::warn!(%error, "the hourly rollups could not be written; trying again");
                }
            }
        });
    }

    fn take(&mut self) -> Vec<HourlyDelta> {
        self.sums.drain().map(|(_, delta)| delta).collect()
    }
}

/// Writes batches, one after the other and each under its number, until it is known that it is stored.
struct Writer {
    database: Database,
    run: RunId,
    /// The last number that was given.
    last: i64,
    unwritten: VecDeque<RollupBatch>,
}

impl Writer {
    /// Writes what could not be written before, then this.
    async fn write(&mut self, deltas: Vec<HourlyDelta>) -> Result<(), StoreError> {
        if !deltas.is_empty() {
            self.last += 1;
            self.unwritten.push_back(RollupBatch {
                run: self.run,
                number: self.last,
                deltas,
            });
        }
        while let Some(batch) = self.unwritten.front() {
            metrics::add(&mut *self.database.get().await?, batch).await?;
            self.unwritten.pop_front();
        }
        Ok(())
    }
}

impl Actor for HourlyMetrics {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(FLUSH, |metrics, ctx| metrics.flush(ctx));
    }
}

impl Supervised for HourlyMetrics {
    /// The sums stay: each is added whole or not at all, and they exist nowhere else. A write that is
    /// under way ends by itself; the next one comes after it.
    fn restarting(&mut self, _: &mut Context<Self>) {
        (self.flushing, self.is_behind) = (false, false);
    }
}

impl Handler<Record> for HourlyMetrics {
    type Result = ();

    fn handle(&mut self, Record(deltas): Record, _: &mut Context<Self>) {
        self.add(deltas);
        failpoint::hit("metrics");
    }
}

impl Handler<Flushed> for HourlyMetrics {
    type Result = ();

    fn handle(&mut self, Flushed { whole }: Flushed, _: &mut Context<Self>) {
        (self.flushing, self.is_behind) = (false, !whole);
    }
}

impl Handler<Flush> for HourlyMetrics {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, _: Flush, _: &mut Context<Self>) -> Self::Result {
        let (writer, deltas) = (Arc::clone(&self.writer), self.take());
        Box::pin(async move { writer.lock().await.write(deltas).await })
    }
}
