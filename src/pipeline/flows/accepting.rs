//! Accepting events: those that come at the same time share a transaction, with the runs that they start.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::Flows;
use super::starting::{EventVersions, Following, TopicRuns, ended_by_event, following};
use crate::broker::Refusal;
use crate::broker::cloud_event::{self, EventDraft, EventWrapping};
use crate::broker::event_consumer::{EventSink, EventVerdict};
use crate::domain::{DEFAULT_TENANT, Rejection};
use crate::pipeline::accept::{AcceptAnswer, AcceptedNotification, NotAccepted};
use crate::runtime::{clock, failpoint};
use crate::store::events::{self, EventKey};
use crate::store::runs::cancel_on;
use crate::store::{PgConnection, StoreError};

/// Most events that wait.
const MOST_WAITING: usize = 10_000;
/// Most events of a batch.
const BATCH: usize = 256;
/// Bytes of data beyond which no more events are taken into a batch: those who are told are named in it, and each is a
/// row of its own.
const BATCH_BYTES: usize = 128 * 1_024;
/// How often a batch is tried, and the wait between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// An event that somebody asks to accept.
#[derive(Debug)]
pub struct EventOrder {
    draft: EventDraft,
    answer: oneshot::Sender<AcceptAnswer>,
}

/// Takes events on. Clones share it.
#[derive(Debug, Clone)]
pub struct EventAcceptor(mpsc::Sender<EventOrder>);

impl EventAcceptor {
    pub(super) fn new() -> (Self, mpsc::Receiver<EventOrder>) {
        let (sender, orders) = mpsc::channel(MOST_WAITING);
        (Self(sender), orders)
    }

    /// Takes on the bodies of events that arrive by AMQP. Any of them may name its tenant.
    #[must_use]
    pub fn sink(self) -> EventSink {
        Arc::new(move |bodies| {
            let acceptor = self.clone();
            Box::pin(async move { acceptor.settle(&bodies).await })
        })
    }

    async fn settle(&self, bodies: &[Vec<u8>]) -> Vec<EventVerdict> {
        let (mut drafts, mut verdicts) = (vec![], vec![]);
        for body in bodies {
            let wrapping = EventWrapping {
                tenant_id: DEFAULT_TENANT,
                may_name_tenant: true,
                id: clock::new_id(),
                now: clock::now(),
            };
            verdicts.push(match cloud_event::decode(body, &wrapping) {
                Ok(draft) => {
                    drafts.push(draft);
                    None
                }
                Err(refusal) => Some(EventVerdict::Refused(refusal)),
            });
        }
        let mut answers = self.accept(drafts).await.into_iter();
        let verdict = |known: Option<EventVerdict>| {
            known.unwrap_or_else(|| match answers.next() {
                Some(Ok(_)) => EventVerdict::Stored,
                Some(Err(NotAccepted::Refused(refusal))) => EventVerdict::Refused(refusal),
                Some(Err(NotAccepted::NoTenant)) => EventVerdict::Refused(Refusal::new(
                    Rejection::InvalidEvent,
                    "`tenantid` names no tenant that there is",
                )),
                _ => EventVerdict::Later,
            })
        };
        verdicts.into_iter().map(verdict).collect()
    }

    /// Accepts events, each by itself, and answers in their order: what is answered is committed.
    pub async fn accept(&self, drafts: Vec<EventDraft>) -> Vec<AcceptAnswer> {
        let mut waiting = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let (answer, answered) = oneshot::channel();
            let sent = self.0.try_send(EventOrder { draft, answer });
            waiting.push(match sent {
                Ok(()) => Ok(answered),
                Err(mpsc::error::TrySendError::Full(_)) => Err(NotAccepted::Overloaded),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(NotAccepted::Closed),
            });
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for one in waiting {
            answers.push(match one {
                Ok(answered) => answered.await.unwrap_or(Err(NotAccepted::Closed)),
                Err(why) => Err(why),
            });
        }
        answers
    }
}

impl Flows {
    /// Stores what is asked for, until the engine stops: one batch after the other, so that events keep their order.
    pub async fn accept(self: Arc<Self>, mut orders: mpsc::Receiver<EventOrder>) {
        let stop = self.context.node.phases.stop.clone();
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
        let mut answers = Vec::with_capacity(drafts.len());
        for part in parts(&drafts) {
            self.store_part(part, &mut answers).await;
        }
        failpoint::hit("events.stored");
        for (asker, answer) in askers.into_iter().zip(answers) {
            // Whoever asked may have gone.
            let _ = asker.send(answer);
        }
        self.wake();
        self.context.wake_jobs.notify_one();
    }

    /// Stores events; where one may be to blame that they cannot be, or they are too many for a statement's time, in
    /// halves.
    async fn store_part(&self, drafts: &[EventDraft], answers: &mut Vec<AcceptAnswer>) {
        let error = match self.store_events(drafts).await {
            Ok(stored) => {
                let new = stored.iter().flatten().filter(|it| !it.is_replayed).count();
                let metrics = &self.context.node.metrics;
                metrics.events_accepted(u64::try_from(new).unwrap_or(u64::MAX));
                return answers.extend(stored);
            }
            Err(error) => error,
        };
        match drafts.split_at_checked(drafts.len() / 2) {
            Some((first, second)) if !first.is_empty() && in_halves(&error) => {
                Box::pin(self.store_part(first, answers)).await;
                Box::pin(self.store_part(second, answers)).await;
            }
            _ if is_of_one(&error) => answers.extend(drafts.iter().map(|_| Err(refused(&error)))),
            _ => {
                tracing::warn!(%error, "events could not be accepted");
                answers.extend(drafts.iter().map(|_| Err(NotAccepted::from(&error))));
            }
        }
    }

    async fn store_events(&self, drafts: &[EventDraft]) -> Result<Vec<AcceptAnswer>, StoreError> {
        let database = &self.context.node.database;
        for _ in 1..TRIES {
            let stored = database
                .transaction(async |connection| self.store_within(connection, drafts).await);
            match stored.await {
                Err(error) if !in_halves(&error) && !self.context.node.phases.stop.is_raised() => {
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
    ) -> Result<Vec<AcceptAnswer>, StoreError> {
        let now = clock::now();
        let tenants: BTreeSet<Uuid> = drafts.iter().map(|it| it.event.tenant_id).collect();
        let tenants: Vec<Uuid> = tenants.into_iter().collect();
        events::take_turns(connection, &tenants).await?;
        let versions = EventVersions {
            published: self.book.published(connection, tenants.clone()).await?,
            outlasting: self.book.outlasting(connection, tenants).await?,
        };
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
        // Of one batch, too, an event ends what was ordered by those before it: so first all is ordered.
        let topics: Vec<&TopicRuns> = happened.flat_map(|it| &it.topics).collect();
        for topics in topics {
            self.start_for_topics(connection, topics, now).await?;
        }
        cancel_on::cancel_on(connection, &cancels, &ended_by_event(now)).await?;
        answers(connection, drafts, &new).await
    }
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
        let own = draft.event.data.to_string().len();
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
