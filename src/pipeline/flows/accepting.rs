//! Accepting events: those that come at the same time share a transaction, with the runs that they start.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::Flows;
use super::starting::{Following, TopicRuns, following, said, written};
use crate::broker::Refusal;
use crate::broker::cloud_event::{self, EventDraft, EventWrapping};
use crate::broker::event_consumer::{EventSink, EventVerdict};
use crate::domain::{DEFAULT_TENANT, Rejection};
use crate::pipeline::accept::{AcceptAnswer, AcceptedNotification, NotAccepted};
use crate::runtime::{clock, failpoint};
use crate::store::events::{self, EventKey};
use crate::store::runs::cancel;
use crate::store::{PgConnection, StoreError};

/// Most events that wait.
const MOST_WAITING: usize = 10_000;
/// Most events of a batch.
const BATCH: usize = 256;
/// Batches that are stored at the same time.
const CONCURRENT: usize = 2;
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
    /// Stores what is asked for, until the engine stops.
    pub async fn accept(self: Arc<Self>, mut orders: mpsc::Receiver<EventOrder>) {
        let room = Arc::new(tokio::sync::Semaphore::new(CONCURRENT));
        let stop = self.context.node.phases.stop.clone();
        loop {
            let Ok(slot) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
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
            let flows = Arc::clone(&self);
            self.context.node.tasks.spawn("accept events", async move {
                flows.accept_batch(batch).await;
                drop(slot);
            });
        }
    }

    async fn accept_batch(&self, batch: Vec<EventOrder>) {
        failpoint::hit("events.batch");
        let (drafts, askers): (Vec<EventDraft>, Vec<_>) =
            batch.into_iter().map(|it| (it.draft, it.answer)).unzip();
        let answers = match self.store_events(&drafts).await {
            Ok(answers) => answers,
            // One of them may be to blame: each by itself.
            Err(error) if is_of_one(&error) => {
                let mut answers = vec![];
                for draft in &drafts {
                    let alone = self.store_events(std::slice::from_ref(draft)).await;
                    answers.extend(alone.unwrap_or_else(|error| vec![Err(refused(&error))]));
                }
                answers
            }
            Err(error) => {
                tracing::warn!(%error, "events could not be accepted");
                drafts
                    .iter()
                    .map(|_| Err(NotAccepted::from(&error)))
                    .collect()
            }
        };
        failpoint::hit("events.stored");
        for (asker, answer) in askers.into_iter().zip(answers) {
            // Whoever asked may have gone.
            let _ = asker.send(answer);
        }
        self.wake();
    }

    async fn store_events(&self, drafts: &[EventDraft]) -> Result<Vec<AcceptAnswer>, StoreError> {
        let database = &self.context.node.database;
        for _ in 1..TRIES {
            let stored = database
                .transaction(async |connection| self.store_within(connection, drafts).await);
            match stored.await {
                Err(error) if !is_of_one(&error) && !self.context.node.phases.stop.is_raised() => {
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
        let published = self
            .book
            .published(connection, tenants.into_iter().collect())
            .await?;
        let depths = depths(connection, drafts).await?;
        let follow = |draft: &EventDraft| {
            let caused = draft.caused_by.and_then(|id| depths.get(&id));
            let depth = caused.map_or(0, |depth| depth.saturating_add(1));
            following(draft.clone(), depth, &published, now)
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
        let lines = written(&[said(
            now,
            "cancelled: an event of its `cancel_on` came".to_owned(),
        )]);
        cancel::cancel_on(connection, &cancels, &lines).await?;
        let topics: Vec<&TopicRuns> = happened.flat_map(|it| &it.topics).collect();
        for topics in topics {
            self.start_for_topics(connection, topics, now).await?;
        }
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
