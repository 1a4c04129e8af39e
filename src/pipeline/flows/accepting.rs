//! Accepting events: those that come at the same time share a transaction, with the runs that they start.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use super::acceptor::EventOrder;
use super::book::WorkflowBook;
use super::starting::{Following, TopicRuns, ended_by_event, following};
use crate::broker::Refusal;
use crate::broker::cloud_event::EventDraft;
use crate::domain::{Rejection, RunEnd};
use crate::pipeline::accept::{AcceptAnswer, AcceptedNotification, NotAccepted};
use crate::runtime::{Shutdown, clock, failpoint};
use crate::store::events::{self, EventKey};
use crate::store::runs::cancel_on;
use crate::store::{Database, Halves, PgConnection, StoreError};
use crate::telemetry::Metrics;

/// Most events of a batch.
const BATCH: usize = 256;
/// Bytes of data beyond which no more events are taken into a batch: those who are told are named in it, and each is a
/// row of its own.
const BATCH_BYTES: usize = 128 * 1_024;
/// How often a batch is tried, and the wait between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Stores events, as long as the node runs: also where there is no engine.
pub struct EventAccepting {
    /// Where events are stored.
    pub database: Database,
    /// Counts what is accepted.
    pub metrics: Arc<Metrics>,
    /// Ends it.
    pub stop: Shutdown,
    /// Most runs that a fan-out starts in a second.
    pub fan_out_rate: u32,
    /// The workflows that were read.
    pub book: Arc<WorkflowBook>,
    /// Woken when something may be due: who goes on with runs, and who goes on with jobs and so with fan-outs.
    pub wakes: [Arc<Notify>; 2],
}

impl fmt::Debug for EventAccepting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventAccepting").finish_non_exhaustive()
    }
}

impl EventAccepting {
    /// Stores what is asked for, until the engine stops: one batch after the other, so that events keep their order.
    pub async fn run(self, mut orders: mpsc::Receiver<EventOrder>) {
        let stop = self.stop.clone();
        loop {
            let mut batch = vec![];
            if stop.is_raised() {
                // What was asked for by then is still answered.
                orders.close();
                orders.recv_many(&mut batch, BATCH).await;
            } else if stop.or(orders.recv_many(&mut batch, BATCH)).await.is_none() {
                continue;
            }
            if batch.is_empty() {
                return;
            }
            self.accept_batch(batch).await;
        }
    }

    async fn accept_batch(&self, batch: Vec<EventOrder>) {
        failpoint::hit("events.batch");
        let (drafts, askers): (Vec<EventDraft>, Vec<_>) =
            batch.into_iter().map(|it| (it.draft, it.answer)).unzip();
        let mut answers = HashMap::with_capacity(drafts.len());
        for part in parts(&drafts) {
            self.store_part(part, &mut answers).await;
        }
        failpoint::hit("events.stored");
        for (asker, draft) in askers.into_iter().zip(&drafts) {
            let answer = answers.remove(&draft.event.id);
            // Whoever asked may have gone.
            let _ = asker.send(answer.unwrap_or(Err(NotAccepted::Closed)));
        }
        for wake in &self.wakes {
            wake.notify_one();
        }
    }

    /// Stores events; where one may be to blame that they cannot be, or they are too many for a statement's time, in
    /// halves. Answers go by the events' ids.
    async fn store_part(&self, drafts: &[EventDraft], answers: &mut HashMap<Uuid, AcceptAnswer>) {
        let id = |draft: &EventDraft| draft.event.id;
        let mut halves = Halves::of(drafts);
        while let Some(part) = halves.pop() {
            match (part, self.store_events(part).await) {
                (_, Ok(stored)) => {
                    halves.done();
                    self.count(&stored);
                    answers.extend(part.iter().map(id).zip(stored.answers));
                }
                ([one], Err(error)) if is_of_one(&error) => {
                    halves.done();
                    answers.insert(id(one), Err(refused(&error)));
                }
                (_, Err(error)) if in_halves(&error) => halves.failed(part, error),
                (_, Err(error)) => {
                    tracing::warn!(%error, "events could not be accepted");
                    let all = part
                        .iter()
                        .map(|one| (id(one), Err(NotAccepted::from(&error))));
                    answers.extend(all);
                }
            }
        }
        if let (left, Some(error)) = halves.into_left()
            && !left.is_empty()
        {
            tracing::warn!(%error, "events could not be accepted");
            let left = left.into_iter();
            answers.extend(left.map(|one| (id(one), Err(NotAccepted::from(&error)))));
        }
    }

    fn count(&self, stored: &EventsStored) {
        let answers = stored.answers.iter().flatten();
        let new = answers.filter(|it| !it.is_replayed).count();
        let new = u64::try_from(new).unwrap_or(u64::MAX);
        self.metrics.events_accepted(new);
        let cancelled = stored.cancelled;
        self.metrics.runs_ended(RunEnd::CancelledByEvent, cancelled);
        for end in &stored.ended {
            self.metrics.runs_ended(*end, 1);
        }
    }

    async fn store_events(&self, drafts: &[EventDraft]) -> Result<EventsStored, StoreError> {
        let database = &self.database;
        for _ in 1..TRIES {
            let stored = database
                .transaction(async |connection| self.store_within(connection, drafts).await);
            match stored.await {
                Err(error) if !in_halves(&error) && !self.stop.is_raised() => {
                    tracing::debug!(%error, "accepting events failed; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
        database
            .transaction(async |connection| self.store_within(connection, drafts).await)
            .await
    }

    async fn store_within(
        &self,
        connection: &mut PgConnection,
        drafts: &[EventDraft],
    ) -> Result<EventsStored, StoreError> {
        let now = clock::now();
        let tenants: BTreeSet<Uuid> = drafts.iter().map(|it| it.event.tenant_id).collect();
        let tenants: Vec<Uuid> = tenants.into_iter().collect();
        events::take_turns(connection, &tenants).await?;
        let versions = self.book.met(connection, tenants).await?;
        let depths = depths(connection, drafts).await?;
        let follow = |draft: &EventDraft| {
            let caused = draft.caused_by.and_then(|id| depths.get(&id));
            let depth = caused.map_or(0, |depth| depth.saturating_add(1));
            following(draft.clone(), depth, &versions, now)
        };
        let all: Vec<Following> = drafts.iter().map(follow).collect();
        let events: Vec<_> = all.iter().map(|it| it.event.clone()).collect();
        let runs: Vec<_> = all.iter().flat_map(|it| it.runs.iter().cloned()).collect();
        let new = events::accept(connection, &events, &runs).await?;
        let is_new = |id: &Uuid| new.contains(id);
        let happened = all.iter().filter(|it| is_new(&it.event.event.id));
        let cancels: Vec<_> = happened
            .clone()
            .flat_map(|it| it.cancels.iter().cloned())
            .collect();
        let begun = happened.clone().flat_map(|it| &it.runs);
        let mut ended: Vec<RunEnd> = begun.filter_map(|run| run.end).collect();
        // Of one batch, too, an event ends what was ordered by those before it: so first all is ordered.
        let topics: Vec<&TopicRuns> = happened.flat_map(|it| &it.topics).collect();
        for topics in topics {
            let rate = self.fan_out_rate;
            ended.extend(super::topics::start(connection, topics, rate, now).await?);
        }
        let cancelled = cancel_on::cancel_on(connection, &cancels, &ended_by_event(now)).await?;
        Ok(EventsStored {
            answers: answers(connection, drafts, &new).await?,
            ended,
            cancelled,
        })
    }
}

/// What was stored of events.
#[derive(Debug)]
struct EventsStored {
    /// In their order.
    answers: Vec<AcceptAnswer>,
    /// How runs have ended that could not begin.
    ended: Vec<RunEnd>,
    /// Runs that are cancelled by the events.
    cancelled: u64,
}

/// How deep the notifications are that events tell of.
async fn depths(
    connection: &mut PgConnection,
    drafts: &[EventDraft],
) -> Result<HashMap<Uuid, i16>, StoreError> {
    let caused = drafts
        .iter()
        .filter_map(|it| Some((it.event.tenant_id, it.caused_by?)));
    let caused: Vec<(Uuid, Uuid)> = caused.collect();
    match caused.is_empty() {
        true => Ok(HashMap::new()),
        false => events::depths(connection, &caused).await,
    }
}

/// What each is told: it is new, it was there, or its id stands for something else.
async fn answers(
    connection: &mut PgConnection,
    drafts: &[EventDraft],
    new: &[Uuid],
) -> Result<Vec<AcceptAnswer>, StoreError> {
    let key = |draft: &EventDraft| -> EventKey {
        let event = &draft.event;
        (
            event.tenant_id,
            event.source.clone(),
            event.event_id.clone(),
        )
    };
    let repeated = drafts.iter().filter(|it| !new.contains(&it.event.id));
    let repeated: Vec<EventKey> = repeated.map(key).collect();
    let there = match repeated.is_empty() {
        true => HashMap::new(),
        false => events::find(connection, &repeated).await?,
    };
    let answer = |draft: &EventDraft| {
        let id = draft.event.id;
        if new.contains(&id) {
            return Ok(AcceptedNotification {
                id,
                is_replayed: false,
            });
        }
        match there.get(&key(draft)) {
            Some((id, said)) if *said == draft.said.0 => Ok(AcceptedNotification {
                id: *id,
                is_replayed: true,
            }),
            Some(_) => Err(NotAccepted::Refused(Refusal::new(
                Rejection::KeyReused,
                "an event with this `source` and `id` says something else",
            ))),
            None => Err(NotAccepted::Unavailable(
                "the event was let go of just now".to_owned(),
            )),
        }
    };
    Ok(drafts.iter().map(answer).collect())
}

/// Events in their order, in parts of which each is stored by a statement.
fn parts(drafts: &[EventDraft]) -> Vec<&[EventDraft]> {
    let (mut parts, mut begin, mut bytes) = (vec![], 0, 0_usize);
    for (at, draft) in drafts.iter().enumerate() {
        let own = draft.event.weight();
        if at > begin && bytes.saturating_add(own) > BATCH_BYTES {
            parts.extend(drafts.get(begin..at));
            (begin, bytes) = (at, 0);
        }
        bytes = bytes.saturating_add(own);
    }
    parts.extend(drafts.get(begin..).filter(|rest| !rest.is_empty()));
    parts
}

/// Whether fewer of them may be stored.
fn in_halves(error: &StoreError) -> bool {
    is_of_one(error) || matches!(error, StoreError::Timeout(_))
}

/// Whether an error may be one event's alone.
fn is_of_one(error: &StoreError) -> bool {
    error.is_about_data() || matches!(error, StoreError::ForeignKey { .. })
}

/// What is told of an event that the database does not take.
fn refused(error: &StoreError) -> NotAccepted {
    match error {
        StoreError::ForeignKey { .. } => NotAccepted::NoTenant,
        error if error.is_about_data() => NotAccepted::Refused(Refusal::new(
            Rejection::InvalidEvent,
            "a text, number or time in it cannot be stored",
        )),
        error => NotAccepted::from(error),
    }
}
