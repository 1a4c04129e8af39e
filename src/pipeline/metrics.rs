//! The hourly rollups: adds up what was settled and writes the sums every few seconds.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, Supervised};
use uuid::Uuid;

use crate::domain::Channel;
use crate::runtime::{Tasks, failpoint, mailbox};
use crate::store::metrics::{self, HourlyDelta};
use crate::store::{Database, StoreError};

/// Time between writes.
const FLUSH: Duration = Duration::from_secs(5);
/// Seconds in an hour.
const HOUR: i64 = 3_600;

/// The actor.
pub struct HourlyMetrics {
    database: Database,
    tasks: Tasks,
    sums: HashMap<Row, HourlyDelta>,
    flushing: bool,
}

/// Tenant, hour since the epoch, provider, channel: what a row of the rollup is about.
type Row = (Uuid, i64, String, Channel);

/// What a batch adds to the rollups.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Record(pub Vec<HourlyDelta>);

/// Writes what has been added up, at once; answered when it is written.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Flush;

/// A write has ended; what it could not write comes back.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Flushed(Vec<HourlyDelta>);

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
    pub fn new(database: Database, tasks: Tasks) -> Self {
        Self {
            database,
            tasks,
            sums: HashMap::new(),
            flushing: false,
        }
    }

    fn add(&mut self, deltas: Vec<HourlyDelta>) {
        for delta in deltas {
            let hour = delta.at.as_second().div_euclid(HOUR);
            let row = (delta.tenant_id, hour, delta.provider.clone(), delta.channel);
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
        if self.flushing || self.sums.is_empty() {
            return;
        }
        self.flushing = true;
        let deltas: Vec<HourlyDelta> = self.sums.drain().map(|(_, delta)| delta).collect();
        let (database, address) = (self.database.clone(), ctx.address());
        self.tasks.spawn("flush rollups", async move {
            let mut left = Unwritten { address, deltas };
            match write(&database, &left.deltas).await {
                Ok(()) => left.deltas.clear(),
                Err(error) => {
                    tracing::warn!(%error, "the hourly rollups could not be written; trying again");
                }
            }
        });
    }
}

/// Sums under way to the database; what is not written comes back, however the task ends.
struct Unwritten {
    address: actix::Addr<HourlyMetrics>,
    deltas: Vec<HourlyDelta>,
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        mailbox::post(&self.address, Flushed(std::mem::take(&mut self.deltas)));
    }
}

async fn write(database: &Database, deltas: &[HourlyDelta]) -> Result<(), StoreError> {
    metrics::add(&mut *database.get().await?, deltas).await
}

impl Actor for HourlyMetrics {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(FLUSH, |metrics, ctx| metrics.flush(ctx));
    }
}

impl Supervised for HourlyMetrics {
    /// The sums stay: each is added whole or not at all, and they exist nowhere else.
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.flushing = false;
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

    fn handle(&mut self, Flushed(left): Flushed, _: &mut Context<Self>) {
        self.flushing = false;
        self.add(left);
    }
}

impl Handler<Flush> for HourlyMetrics {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, _: Flush, _: &mut Context<Self>) -> Self::Result {
        let deltas: Vec<HourlyDelta> = self.sums.drain().map(|(_, delta)| delta).collect();
        let database = self.database.clone();
        Box::pin(async move {
            if deltas.is_empty() {
                Ok(())
            } else {
                write(&database, &deltas).await
            }
        })
    }
}
