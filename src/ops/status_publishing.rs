//! Status events on their way to RabbitMQ: the node whose turn it is publishes what was written, in order.
//!
//! Whatever ails it, what is written waits in PostgreSQL, and nobody else waits for it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::event_reporter::{self, EventReporter};
use crate::broker::status::{StatusMessage, StatusPublisher};
use crate::domain::{RunId, Severity, SystemEvent};
use crate::runtime::{Shutdown, Tasks, clock, failpoint};
use crate::store::status_outbox::{self, StatusRow};
use crate::store::{Database, StoreError};
use crate::work::lease_gate::LeaseGate;

/// Most events of one look.
const AT_ONCE: usize = 500;
/// Time from one look to the next, while there is nothing: other nodes write as well.
const LOOK: Duration = Duration::from_millis(250);
/// The same while nothing can be published.
const AGAIN: Duration = Duration::from_secs(1);
/// For how long publishing may fail before operators are told.
const TOLD_AFTER: Duration = Duration::from_secs(15);
/// What operators are told.
const EVENT: &str = "status_not_published";

/// Publishes until told to stop.
#[derive(Debug)]
pub struct StatusPublishing {
    /// Where events wait.
    pub database: Database,
    /// Where they go.
    pub publisher: StatusPublisher,
    /// Says whether this run is sure to live.
    pub lease_gate: LeaseGate,
    /// The node's name, for operators.
    pub node: String,
    /// Where operators are told.
    pub tasks: Tasks,
    /// Ends it.
    pub stop: Shutdown,
}

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatusLook {
    /// There may be more.
    More,
    /// There is no more at present, or it is another run's turn.
    Nothing,
}

impl StatusPublishing {
    /// Runs until told to stop.
    pub async fn run(self) {
        let ailment = watch::Sender::new(None);
        let reporter = EventReporter {
            database: self.database.clone(),
            lease_gate: self.lease_gate.clone(),
            again: event_reporter::AGAIN,
            stop: self.stop.clone(),
        };
        let told = reporter.tell(EVENT, ailment.subscribe());
        self.tasks.spawn("write status events", told);
        let mut failing_since = None;
        while !self.stop.is_raised() {
            // To its end: what is published and not removed is published twice.
            match self.look().await {
                Ok(look) => {
                    failing_since = None;
                    ailment.send_if_modified(|told| told.take().is_some());
                    if look == StatusLook::Nothing {
                        let written = self.database.webhooks().status_awaited();
                        let wait = async {
                            tokio::select! { () = written => {} () = sleep(LOOK) => {} }
                        };
                        self.stop.or(wait).await;
                    }
                }
                Err(why) => {
                    let since = *failing_since.get_or_insert_with(clock::instant);
                    let age = clock::instant().saturating_duration_since(since);
                    tracing::warn!(why, "status events are not published; they wait");
                    if age >= TOLD_AFTER {
                        let event = self.event(why);
                        ailment.send_if_modified(|told| told.replace(event).is_none());
                    }
                    self.stop.or(sleep(AGAIN)).await;
                }
            }
        }
    }

    /// Publishes the eldest events, if it is this run's turn. What is published and not removed then is
    /// published once more.
    async fn look(&self) -> Result<StatusLook, String> {
        let Some(run) = self.lease_gate.holding_run() else {
            return Ok(StatusLook::Nothing);
        };
        let store = |error: StoreError| error.to_string();
        let rows = status_outbox::take(&self.database, run, AT_ONCE).await;
        let rows = rows.map_err(store)?;
        if rows.is_empty() {
            return Ok(StatusLook::Nothing);
        }
        // Between the look and here another run may have taken this one for dead.
        if self.lease_gate.holding_run() != Some(run) {
            return Ok(StatusLook::Nothing);
        }
        let messages: Vec<StatusMessage<'_>> = rows.iter().map(message).collect();
        let (confirmed, published) = self.publisher.publish(&messages).await;
        failpoint::hit("status.published");
        let ids = confirmed.into_iter().filter_map(|at| rows.get(at));
        let ids: Vec<i64> = ids.map(|row| row.id).collect();
        if !ids.is_empty() {
            let removed = status_outbox::remove(&self.database, ids).await;
            removed.map_err(store)?;
        }
        if let Err(error) = published {
            self.give_up(run).await;
            return Err(error.words());
        }
        Ok(match rows.len() < AT_ONCE {
            true => StatusLook::Nothing,
            false => StatusLook::More,
        })
    }

    /// Another node may reach RabbitMQ.
    async fn give_up(&self, run: RunId) {
        if let Err(error) = status_outbox::give_up(&self.database, run).await {
            tracing::debug!(%error, "the turn to publish status events could not be given back");
        }
    }

    fn event(&self, why: String) -> SystemEvent {
        let mut details = serde_json::Map::new();
        details.insert("node".to_owned(), self.node.clone().into());
        details.insert("why".to_owned(), why.into());
        SystemEvent {
            event_type: EVENT.to_owned(),
            severity: Severity::Medium,
            description:
                "Status events are not published: they wait in PostgreSQL, in status_outbox"
                    .to_owned(),
            details,
            tenant_id: None,
            user_id: None,
        }
    }
}

fn message(row: &StatusRow) -> StatusMessage<'_> {
    StatusMessage {
        event_id: row.event_id,
        about: row.notification_id,
        routing_key: &row.routing_key,
        body: &row.payload,
    }
}
