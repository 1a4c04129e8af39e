//! Publishing what the desk tells: in the order of each ticket, at least once, by one node at a time.
//!
//! An event is removed by the transaction that has the turn to publish, once RabbitMQ has it. A node that dies
//! between both leaves it, and the next one publishes it once more with the same id.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::desk::TicketDesk;
use super::store::outbox;
use crate::runtime::{Shutdown, failpoint};
use crate::store::{Database, PgConnection, StoreError};

pub use super::store::outbox::OutboxEvent;

/// Events that are published at once.
const AT_ONCE: usize = 200;
/// Time between two looks when nobody has written anything here: another node may have, and died.
const LOOK: Duration = Duration::from_secs(1);
/// Wait after a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// What became of events that were to be published.
#[derive(Debug, Default)]
pub struct OutboxPublished {
    /// Those that RabbitMQ has, by their places.
    pub confirmed: Vec<i64>,
    /// What ended it before all were published.
    pub stopped_by: Option<String>,
}

/// Where events go. Of one ticket's, the first is confirmed before the second is published.
pub type OutboxSink =
    Arc<dyn Fn(Vec<OutboxEvent>) -> BoxFuture<'static, OutboxPublished> + Send + Sync>;

/// Publishes what the desk tells.
pub struct OutboxPublishing {
    /// Where events wait.
    pub desk: TicketDesk,
    /// Where they go.
    pub sink: OutboxSink,
    /// Ends it.
    pub stop: Shutdown,
}

impl fmt::Debug for OutboxPublishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutboxPublishing")
    }
}

impl OutboxPublishing {
    /// Publishes until told to stop.
    pub async fn run(self) {
        while !self.stop.is_raised() {
            // To its end: what is published and not removed is published twice.
            let look = AssertUnwindSafe(look(self.desk.database(), &self.sink));
            let wait = match look.catch_unwind().await {
                Ok(Ok(AT_ONCE)) => continue,
                Ok(Ok(_)) => LOOK,
                Ok(Err(why)) => {
                    tracing::warn!(why, "events of tickets are not published; they wait");
                    AGAIN
                }
                Err(_) => AGAIN,
            };
            let wait = async {
                tokio::select! { () = self.desk.written() => {} () = sleep(wait) => {} }
            };
            self.stop.or(wait).await;
        }
    }
}

/// Publishes the eldest events if nobody else does, and says how many RabbitMQ has.
async fn look(database: &Database, sink: &OutboxSink) -> Result<usize, String> {
    let publish = async |connection: &mut PgConnection| {
        let events = outbox::take(connection, AT_ONCE).await?;
        if events.is_empty() {
            return Ok((0, None));
        }
        let published = sink(events).await;
        failpoint::hit("ticket.published");
        let count = published.confirmed.len();
        if count > 0 {
            outbox::remove(connection, published.confirmed).await?;
        }
        Ok((count, published.stopped_by))
    };
    let ended = database.transaction(publish).await;
    match ended.map_err(|error: StoreError| error.without_data())? {
        (_, Some(why)) => Err(why),
        (count, None) => Ok(count),
    }
}
