//! Status events on their way to RabbitMQ: the node whose turn it is publishes what was written, in order.
//!
//! Whatever ails it, what is written waits in PostgreSQL, and nobody else waits for it.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

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
/// The same where nothing is written: what other nodes wrote, or this one before a restart, is published still.
const SELDOM: Duration = Duration::from_secs(15);
/// The same while nothing can be published.
const AGAIN: Duration = Duration::from_secs(1);
/// For how long publishing may fail before operators are told.
const TOLD_AFTER: Duration = Duration::from_secs(15);
/// For how long nothing may have been refused before it is over: what was comes again every five minutes.
const OVER_AFTER: Duration = Duration::from_secs(6 * 60);
/// What operators are told of a refusal.
const REFUSED: &str = "a queue that is bound to herald.status refuses events (x-overflow: reject-publish, or its node is \
                       away): they come again, also to the queues that took them";
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
    /// Whether anybody on this node writes more.
    pub is_written: bool,
    /// Ends it.
    pub stop: Shutdown,
}

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StatusLook {
    /// Whether there may be more at once.
    has_more: bool,
    /// Whether a queue refused some.
    has_refused: bool,
    /// Whether what was refused waits to come again, though nothing is written any more.
    has_left: bool,
}

impl StatusLook {
    /// There is nothing at present, or it is another run's turn.
    const NOTHING: Self = Self {
        has_more: false,
        has_refused: false,
        has_left: false,
    };
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
        let (mut failing_since, mut refused_at) = (None, None);
        while !self.stop.is_raised() {
            // To its end: what is published and not removed is published twice.
            match self.look().await {
                Ok(look) => {
                    failing_since = None;
                    if look.has_refused {
                        refused_at = Some(clock::instant());
                        let event = self.event(REFUSED.to_owned());
                        if ailment.send_if_modified(|told| told.replace(event).is_none()) {
                            tracing::warn!("{REFUSED}");
                        }
                    }
                    // What was refused comes again every five minutes at the latest.
                    let since = |at| clock::instant().saturating_duration_since(at);
                    if refused_at.is_none_or(|at| since(at) > OVER_AFTER) {
                        refused_at = None;
                        ailment.send_if_modified(|told| told.take().is_some());
                    }
                    if !look.has_more {
                        let written = self.database.webhooks().status_awaited();
                        let next = match (self.is_written, look.has_left) {
                            (true, _) => LOOK,
                            (false, true) => AGAIN,
                            (false, false) => SELDOM,
                        };
                        let wait = async {
                            tokio::select! { () = written => {} () = sleep(next) => {} }
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
            return Ok(StatusLook::NOTHING);
        };
        let store = |error: StoreError| error.to_string();
        let rows = status_outbox::take(&self.database, run, AT_ONCE).await;
        let rows = rows.map_err(store)?;
        // Between the look and here another run may have taken this one for dead.
        if rows.is_empty() && !self.is_written {
            let waiting = status_outbox::waiting(&self.database)
                .await
                .map_err(store)?;
            return Ok(StatusLook {
                has_left: waiting > 0,
                ..StatusLook::NOTHING
            });
        }
        if rows.is_empty() || self.lease_gate.holding_run() != Some(run) {
            return Ok(StatusLook::NOTHING);
        }
        let (behind, ready): (Vec<&StatusRow>, Vec<&StatusRow>) =
            rows.iter().partition(|row| row.is_behind);
        let messages: Vec<StatusMessage<'_>> = ready.iter().map(|row| message(row)).collect();
        let published = self.publisher.publish(&messages).await;
        failpoint::hit("status.published");
        let ids = |places: &[usize]| -> Vec<i64> {
            let rows = places.iter().filter_map(|at| ready.get(*at));
            rows.map(|row| row.id).collect()
        };
        let (confirmed, refused) = (ids(&published.confirmed), ids(&published.refused));
        if !confirmed.is_empty() {
            let removed = status_outbox::remove(&self.database, confirmed).await;
            removed.map_err(store)?;
        }
        let refused_of: HashSet<Uuid> = published
            .refused
            .iter()
            .filter_map(|at| Some(ready.get(*at)?.notification_id))
            .collect();
        let follow = ready
            .iter()
            .filter(|row| refused_of.contains(&row.notification_id) && !refused.contains(&row.id));
        let held_up: Vec<i64> = behind.iter().chain(follow).map(|row| row.id).collect();
        let has_refused = !refused.is_empty();
        if has_refused || !held_up.is_empty() {
            let noted = status_outbox::refuse(&self.database, refused, held_up).await;
            noted.map_err(store)?;
        }
        if let Some(error) = published.stopped_by {
            self.give_up(run).await;
            return Err(error.words());
        }
        Ok(StatusLook {
            has_more: ready.len() >= AT_ONCE,
            has_refused,
            has_left: true,
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
