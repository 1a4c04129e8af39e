//! A publisher as it should be: what the broker has not confirmed is published again, on another
//! connection if need be, under the same idempotency key.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::publisher::{Draft, Expectations, HttpPublisher, Pace, Plan, Properties, Publisher};

/// Unconfirmed messages at most.
const WINDOW: usize = 64;
/// A broker that has not confirmed after this is asked on another connection.
const CONFIRM: Duration = Duration::from_secs(3);
const RECONNECT: Duration = Duration::from_millis(200);
/// Longest wait for the end of a load, faults included.
const END: Duration = Duration::from_secs(240);
/// Tried so often, a message that loses its answers is sent in the end, and is not given up.
const MANY_RETRIES: &[u8] = b"\"max_retries\":60,";

/// How a load comes in.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// Through RabbitMQ, at this URL.
    Broker(String),
    /// By HTTP.
    Http(HttpPublisher),
}

/// A load that is being published; dropped, it ends.
#[derive(Debug)]
pub(super) struct Load {
    task: JoinHandle<Expectations>,
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct Gate {
    held: watch::Sender<bool>,
    enough: watch::Sender<bool>,
    unconfirmed: watch::Sender<usize>,
}

impl Load {
    /// Publishes messages of a plan, so many a second, until it is told that it is enough.
    pub(super) fn start(way: Way, plan: Plan, per_second: f64) -> Self {
        let gate = Arc::new(Gate {
            held: watch::Sender::new(false),
            enough: watch::Sender::new(false),
            unconfirmed: watch::Sender::new(0),
        });
        let task = Task {
            way,
            expected: Expectations::starting_at(plan.first()),
            source: Source {
                plan,
                per_second,
                pace: Pace::starting_now(per_second),
                drawn: 0,
                again: VecDeque::new(),
            },
            gate: gate.clone(),
        };
        Self {
            task: tokio::spawn(task.run()),
            gate,
        }
    }

    /// Publishes nothing new until [`Load::go_on`]; returns when all so far is confirmed.
    pub(super) async fn hold(&self) -> Result<()> {
        self.gate.held.send_replace(true);
        let mut unconfirmed = self.gate.unconfirmed.subscribe();
        let settled = unconfirmed.wait_for(|count| *count == 0);
        let settled = timeout(END, settled).await.map(|seen| seen.is_ok());
        settled
            .context("the broker confirms nothing")
            .map(|_ended| ())
    }

    pub(super) fn go_on(&self) {
        self.gate.held.send_replace(false);
    }

    /// Ends it; says what must come of it, once all is confirmed.
    pub(super) async fn finish(&mut self) -> Result<Expectations> {
        self.go_on();
        self.gate.enough.send_replace(true);
        let ended = timeout(END, &mut self.task).await;
        Ok(ended.context("the load cannot be published")??)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Task {
    way: Way,
    source: Source,
    expected: Expectations,
    gate: Arc<Gate>,
}

/// Where the messages come from.
struct Source {
    plan: Plan,
    per_second: f64,
    pace: Pace,
    /// Drawn at the present pace.
    drawn: u64,
    /// Handed to the broker, never confirmed.
    again: VecDeque<Draft>,
}

impl Task {
    async fn run(mut self) -> Expectations {
        while self.has_more() {
            match self.way.clone() {
                Way::Broker(url) => match Publisher::connect(&url).await {
                    Ok(publisher) => self.publish(&Door::Broker(publisher)).await,
                    Err(_) => sleep(RECONNECT).await,
                },
                Way::Http(publisher) => {
                    self.publish(&Door::Http(publisher)).await;
                    sleep(RECONNECT).await;
                }
            }
        }
        self.gate.unconfirmed.send_replace(0);
        self.expected
    }

    fn has_more(&self) -> bool {
        !*self.gate.enough.borrow() || !self.source.again.is_empty()
    }

    /// Publishes until it is enough and all is confirmed, or the connection is no good.
    async fn publish(&mut self, door: &Door) {
        let mut held = self.gate.held.subscribe();
        let mut unconfirmed = FuturesUnordered::new();
        let mut good = true;
        loop {
            let open = unconfirmed.len() + self.source.again.len();
            self.gate.unconfirmed.send_replace(open);
            let may_send = good && self.has_more() && unconfirmed.len() < WINDOW;
            tokio::select! {
                biased;
                Some((draft, confirmed)) = unconfirmed.next() => if confirmed {
                    let Draft { sequence, lane, acceptances, .. } = draft;
                    self.expected.add(sequence, lane, acceptances);
                } else {
                    good = false;
                    self.source.again.push_back(draft);
                },
                draft = self.source.next(&mut held), if may_send => {
                    unconfirmed.push(door.hand_over(draft));
                }
                else => return,
            }
        }
    }
}

impl Source {
    async fn next(&mut self, held: &mut watch::Receiver<bool>) -> Draft {
        if let Some(draft) = self.again.pop_front() {
            return draft;
        }
        if *held.borrow_and_update() {
            // The gate goes with this value only at the end.
            let _ = held.wait_for(|held| !held).await;
            // What was not published meanwhile is not made up for.
            self.pace = Pace::starting_now(self.per_second);
            self.drawn = 0;
        }
        let due = self.pace.due(self.drawn).await;
        self.drawn += 1;
        patient(self.plan.draft(due))
    }
}

pub(super) fn patient(mut draft: Draft) -> Draft {
    draft.body.splice(1..1, MANY_RETRIES.iter().copied());
    draft
}

/// The envelope with one field replaced.
pub(super) fn with(draft: &Draft, field: &str, value: Value) -> Result<Value> {
    let mut envelope: Value = serde_json::from_slice(&draft.body)?;
    let fields = envelope.as_object_mut().context("an envelope")?;
    fields.insert(field.to_owned(), value);
    Ok(envelope)
}

/// Publishes one message, on as many connections as it takes.
pub(super) async fn publish_until_taken(url: &str, draft: &Draft) {
    loop {
        if let Ok(publisher) = Publisher::connect(url).await
            && confirmed(&publisher, draft.clone()).await.1
        {
            return;
        }
        sleep(RECONNECT).await;
    }
}

async fn confirmed(publisher: &Publisher, draft: Draft) -> (Draft, bool) {
    let key = draft.lane.to_string();
    let publish = publisher.publish_one(&draft.body, &key, Properties::default());
    let confirmed = timeout(CONFIRM, publish).await;
    (draft, matches!(confirmed, Ok(Ok(()))))
}

/// Where messages are handed over.
enum Door {
    Broker(Publisher),
    Http(HttpPublisher),
}

impl Door {
    /// Whether the message is confirmed, or answered with 202.
    async fn hand_over(&self, draft: Draft) -> (Draft, bool) {
        match self {
            Self::Broker(publisher) => confirmed(publisher, draft).await,
            Self::Http(publisher) => {
                let accepted = timeout(CONFIRM, publisher.post(&draft)).await;
                (draft, matches!(accepted, Ok(Ok(true))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publisher::Mix;

    #[test]
    fn a_patient_message_is_still_an_envelope() {
        let draft = patient(Plan::new(Mix::default(), 1, "run").draft(1));
        let envelope: serde_json::Value = serde_json::from_slice(&draft.body).unwrap();
        assert_eq!(envelope["max_retries"], 60);
        assert_eq!(envelope["version"], 1);
    }
}
