//! Tickets by HTTP while engines and the database die: what was answered is stored once, its event is told once and in the
//! order of its ticket, and whoever asked has it in their inbox once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::addresses::EngineAddresses;
use super::environment::Environment;
use super::finding::Finding;
use crate::harness::database::Database;
use crate::harness::http;
use crate::inbox::PersonTokens;

/// Nothing new for so long: what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(90);
/// People who ask; each has somebody who writes for them.
const PEOPLE: usize = 3;
/// Where events go, and the queue that keeps them.
const EXCHANGE: &str = "herald.events";
const QUEUE: &str = "chaos.desk";
/// Who answers.
const AGENT: &str = "0190c1a0-0000-7000-8000-00000000d0a1";
/// Replies to each ticket.
const REPLIES: u64 = 3;
/// Time from one call of a writer to the next.
const BEAT: Duration = Duration::from_millis(40);
/// Whoever has not answered after this is asked no longer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

const FILE: &str = r#"
[[templates]]
name = "desk-told"
message_type = "in_app"
title = "{{ event.id }}"
body = "told"
[[workflows]]
name = "desk-created"
on = "ticket.created"
recipients = ["data.requester_id"]
[[workflows.steps]]
send = { channel = "in_app", template = "desk-told" }
[[workflows]]
name = "desk-replied"
on = "ticket.replied"
recipients = ["data.requester_id"]
[[workflows.steps]]
send = { channel = "in_app", template = "desk-told" }
"#;

/// People who ask and are answered; dropped, they end.
#[derive(Debug)]
pub(super) struct DeskCrowd {
    engines: EngineAddresses,
    enough: watch::Sender<bool>,
    /// Say how many tickets they have made, each with its replies.
    writers: Vec<JoinHandle<u64>>,
}

impl DeskCrowd {
    /// Makes people and workflows, and begins to ask.
    pub(super) async fn begin(
        environment: &Environment,
        engines: Vec<String>,
        key: &str,
    ) -> Result<Self> {
        let Some(first) = engines.first().cloned() else {
            bail!("no engine");
        };
        let PersonTokens(people) = PersonTokens::make(&first, key, PEOPLE).await?;
        environment.apply("desk.toml", FILE).await?;
        environment.vhost.keep_all_of(EXCHANGE, QUEUE).await?;
        let engines = EngineAddresses::of(engines);
        let enough = watch::Sender::new(false);
        let writers = people.into_iter().map(|(id, _)| {
            let caller = DeskCaller {
                engines: engines.clone(),
                key: key.to_owned(),
                turn: 0,
            };
            tokio::spawn(write(id, caller, enough.subscribe()))
        });
        Ok(Self {
            writers: writers.collect(),
            engines,
            enough,
        })
    }

    /// An engine is at another address since.
    pub(super) fn goes_to(&self, engines: Vec<String>) {
        self.engines.change_to(engines);
    }

    /// Ends it, and judges.
    pub(super) async fn judge(
        mut self,
        environment: &Environment,
        finding: &mut Finding,
    ) -> Result<()> {
        let database = &environment.database;
        self.enough.send_replace(true);
        let mut made = 0;
        for writer in &mut self.writers {
            made += timeout(PATIENCE, writer).await??;
        }
        let (replies, all) = (made * REPLIES, made * (REPLIES + 1));
        rest(database, all).await?;
        for (what, query, wanted) in [
            (
                "tickets",
                "SELECT count(*) FROM ticket_schema.support_tickets",
                made,
            ),
            (
                "replies",
                "SELECT count(*) FROM ticket_schema.ticket_comments",
                replies,
            ),
            (
                "events that wait",
                "SELECT count(*) FROM ticket_schema.outbox",
                0,
            ),
            ("events", EVENTS, all),
            ("items", ITEMS, all),
            ("different items", DIFFERENT, all),
        ] {
            let found = database.count(query).await?;
            finding.must(found == wanted, || {
                format!("the desk: {found} {what}, of {wanted}")
            });
        }
        finding.must(made > 0, || "no ticket was made".to_owned());
        let heard = HeardTickets::of(&environment.vhost.take_all(QUEUE).await?)?;
        let (told, early) = (heard.ids.len() as u64, heard.out_of_order());
        finding.must(told == all && early == 0, || {
            format!(
                "the desk: {told} events were heard, of {all}; out of order for {early} tickets"
            )
        });
        finding.note(format!("{} of them were heard more than once", heard.again));
        finding.note(format!("{made} tickets, each with {REPLIES} replies"));
        Ok(())
    }
}

impl Drop for DeskCrowd {
    fn drop(&mut self) {
        self.writers.iter().for_each(JoinHandle::abort);
    }
}

const EVENTS: &str =
    "SELECT count(*) FROM notification_schema.events WHERE source = '/herald/tickets'
    AND kind IN ('ticket.created', 'ticket.replied')";
const ITEMS: &str = "SELECT count(*) FROM notification_schema.inbox_items i
    JOIN notification_schema.notifications n ON n.id = i.id WHERE n.metadata ->> 'workflow' LIKE 'desk-%'";
const DIFFERENT: &str = "SELECT count(DISTINCT i.title) FROM notification_schema.inbox_items i
    JOIN notification_schema.notifications n ON n.id = i.id WHERE n.metadata ->> 'workflow' LIKE 'desk-%'";
/// What was heard of tickets, in its order.
#[derive(Debug, Default)]
struct HeardTickets {
    ids: HashSet<String>,
    /// Of each ticket, what its events are the number of: 0 is that it was made.
    places: HashMap<String, Vec<u64>>,
    /// How many came once more, under the same id.
    again: usize,
}

impl HeardTickets {
    fn of(bodies: &[Vec<u8>]) -> Result<Self> {
        let mut heard = Self::default();
        for body in bodies {
            let event: Value = serde_json::from_slice(body).context("an event of a ticket")?;
            let text = |place: &str| {
                let text = event.pointer(place).and_then(Value::as_str);
                text.unwrap_or_default().to_owned()
            };
            let place = match text("/type").as_str() {
                "ticket.created" => 0,
                "ticket.replied" => text("/data/comment").parse()?,
                _ => continue,
            };
            match heard.ids.insert(text("/id")) {
                true => heard
                    .places
                    .entry(text("/subject"))
                    .or_default()
                    .push(place),
                false => heard.again += 1,
            }
        }
        Ok(heard)
    }

    /// Tickets of which something came too early.
    fn out_of_order(&self) -> usize {
        let tickets = self.places.values();
        tickets.filter(|places| !places.is_sorted()).count()
    }
}

/// Waits until all is told and in the inboxes.
async fn rest(database: &Database, items: u64) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && database.count(ITEMS).await? < items {
        sleep(BEAT).await;
    }
    Ok(())
}

/// Somebody who asks the engines in turn.
struct DeskCaller {
    engines: EngineAddresses,
    key: String,
    turn: usize,
}

/// Makes tickets, each with its replies, until it is enough; says how many.
async fn write(who: Uuid, mut caller: DeskCaller, enough: watch::Receiver<bool>) -> u64 {
    let mut made = 0;
    while !*enough.borrow() {
        let name = format!("{who} {made}");
        let ticket = json!({ "subject": "It burns", "description": name, "requester_id": who });
        let ticket = caller.does("/v1/tickets", &name, &ticket).await;
        let id = ticket.get("id").and_then(Value::as_str).unwrap_or_default();
        for number in 1..=REPLIES {
            sleep(BEAT).await;
            let reply = json!({ "author_id": AGENT, "comment": number.to_string() });
            let path = format!("/v1/tickets/{id}/comments");
            caller
                .does(&path, &format!("{name} {number}"), &reply)
                .await;
        }
        made += 1;
        sleep(BEAT).await;
    }
    made
}

impl DeskCaller {
    /// Asks until somebody answers that it is done, under the same key. Answers what was made.
    async fn does(&mut self, path: &str, name: &str, body: &Value) -> Value {
        loop {
            self.turn += 1;
            match timeout(ANSWERED_WITHIN, self.asks(path, name, body)).await {
                Ok(Ok(made)) => return made,
                _ => sleep(BEAT).await,
            }
        }
    }

    async fn asks(&self, path: &str, name: &str, body: &Value) -> Result<Value> {
        let engine = self.engines.one(self.turn);
        let bearer = format!("Authorization: Bearer {}", self.key);
        let named = format!("Idempotency-Key: {name}");
        let headers = [&*bearer, "Content-Type: application/json", &named];
        let url = format!("{engine}{path}");
        let answer = http::request("POST", &url, &headers, body.to_string().as_bytes()).await?;
        ensure!(answer.status == 201, "{}", answer.text());
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_twice_counts_once_and_what_comes_too_early_is_seen() {
        let told = |id: &str, kind: &str, comment: &str| {
            let data = json!({ "comment": comment });
            let event =
                json!({ "id": id, "subject": "s", "type": format!("ticket.{kind}"), "data": data });
            event.to_string().into_bytes()
        };
        let (made, first, second) = (
            told("a", "created", ""),
            told("b", "replied", "1"),
            told("c", "replied", "2"),
        );
        let other = told("d", "assigned", "");
        let good = [
            made.clone(),
            other,
            first.clone(),
            made.clone(),
            second.clone(),
        ];
        let heard = HeardTickets::of(&good).unwrap();
        assert_eq!(
            (heard.ids.len(), heard.again, heard.out_of_order()),
            (3, 1, 0)
        );
        let early = HeardTickets::of(&[made, second, first]).unwrap();
        assert_eq!(early.out_of_order(), 1);
    }
}
