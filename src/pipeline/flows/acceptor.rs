//! Who takes events on, and waits for what becomes of them.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::broker::Refusal;
use crate::broker::cloud_event::{self, EventDraft, EventWrapping};
use crate::broker::event_consumer::{ArrivedEvent, EventSink, EventVerdict};
use crate::domain::{DEFAULT_TENANT, Rejection};
use crate::pipeline::accept::{AcceptAnswer, NotAccepted};
use crate::runtime::clock;

/// Most events that wait.
const MOST_WAITING: usize = 10_000;

/// An event that somebody asks to accept.
#[derive(Debug)]
pub struct EventOrder {
    pub(super) draft: EventDraft,
    pub(super) answer: oneshot::Sender<AcceptAnswer>,
}

/// Takes events on. Clones share it.
#[derive(Debug, Clone)]
pub struct EventAcceptor(mpsc::Sender<EventOrder>);

impl EventAcceptor {
    /// One, and what it asks for.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<EventOrder>) {
        let (sender, orders) = mpsc::channel(MOST_WAITING);
        (Self(sender), orders)
    }

    /// Takes on events that arrive by AMQP. Any of them may name its tenant.
    #[must_use]
    pub fn sink(self) -> EventSink {
        Arc::new(move |arrived| {
            let acceptor = self.clone();
            Box::pin(async move { acceptor.settle(&arrived).await })
        })
    }

    async fn settle(&self, arrived: &[ArrivedEvent]) -> Vec<EventVerdict> {
        let (mut drafts, mut verdicts) = (vec![], vec![]);
        for event in arrived {
            let wrapping = EventWrapping {
                tenant_id: DEFAULT_TENANT,
                may_name_tenant: true,
                traceparent: event.traceparent.as_deref(),
                id: clock::new_id(),
                now: clock::now(),
            };
            verdicts.push(match cloud_event::decode(&event.body, &wrapping) {
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
