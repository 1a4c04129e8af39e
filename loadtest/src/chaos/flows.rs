//! Events by HTTP and AMQP while engines and the database die: what was taken on is told, to each who is to hear of it, once
//! for each step; what digests say adds up; whoever subscribes to a topic hears of each event once.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
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
/// People; all subscribe to the topic.
const PEOPLE: usize = 20;
/// Time from one event of a writer to the next.
const BEAT: Duration = Duration::from_millis(60);
/// Whoever has not answered after this is asked no longer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);
/// What happens, in turn: a topic more seldom, since all are told of it.
const KINDS: [&str; 5] = ["step", "gather", "step", "gather", "topic"];
/// Persistent.
const DELIVERY_MODE: u8 = 2;

const FILE: &str = r#"
[[templates]]
name = "chaos-told"
message_type = "in_app"
title = "{{ event.id }}"
body = "told"
[[templates]]
name = "chaos-sum"
message_type = "in_app"
title = "{{ digest.count }}"
body = "told"
[[workflows]]
name = "chaos-step"
on = "chaos.step"
recipients = ["data.who"]
[[workflows.steps]]
send = { channel = "in_app", template = "chaos-told" }
[[workflows.steps]]
delay = { for = "500ms" }
[[workflows.steps]]
send = { channel = "in_app", template = "chaos-told" }
[[workflows]]
name = "chaos-gather"
on = "chaos.gather"
recipients = ["data.who"]
[[workflows.steps]]
digest = { for = "2s" }
[[workflows.steps]]
send = { channel = "in_app", template = "chaos-sum" }
[[workflows]]
name = "chaos-topic"
on = "chaos.topic"
recipients = ["topic:chaos"]
[[workflows.steps]]
send = { channel = "in_app", template = "chaos-told" }
"#;

/// How many events of each kind were taken on.
type Taken = BTreeMap<&'static str, u64>;

/// Systems that say what happens; dropped, they end.
#[derive(Debug)]
pub(super) struct FlowCrowd {
    engines: EngineAddresses,
    enough: watch::Sender<bool>,
    writers: Vec<JoinHandle<Taken>>,
}

impl FlowCrowd {
    /// Makes people, a topic and workflows, and begins to say what happens.
    pub(super) async fn begin(
        environment: &Environment,
        engines: Vec<String>,
        key: &str,
    ) -> Result<Self> {
        let Some(first) = engines.first().cloned() else {
            bail!("no engine");
        };
        let PersonTokens(people) = PersonTokens::make(&first, key, PEOPLE).await?;
        let people: Vec<Uuid> = people.into_iter().map(|(id, _)| id).collect();
        environment.apply("flows.toml", FILE).await?;
        let all: Vec<Value> = people.iter().map(|id| json!({ "user_id": id })).collect();
        let place = format!("{first}/v1/topics/chaos/subscribers");
        let subscribed = ask("PUT", &place, key, &json!({ "subscribers": all })).await?;
        ensure!(
            subscribed == 200,
            "nobody subscribes to the topic: {subscribed}"
        );
        let engines = EngineAddresses::of(engines);
        let enough = watch::Sender::new(false);
        let by_http = write(
            ("http", people.clone(), enough.subscribe()),
            EventWay::Http(engines.clone(), key.to_owned()),
        );
        let by_amqp = write(
            ("amqp", people, enough.subscribe()),
            EventWay::Amqp(environment.vhost.url().to_owned(), None),
        );
        Ok(Self {
            writers: vec![tokio::spawn(by_http), tokio::spawn(by_amqp)],
            engines,
            enough,
        })
    }

    /// An engine is at another address since.
    pub(super) fn goes_to(&self, engines: Vec<String>) {
        self.engines.change_to(engines);
    }

    /// Ends it, and judges.
    pub(super) async fn judge(mut self, database: &Database, finding: &mut Finding) -> Result<()> {
        self.enough.send_replace(true);
        let mut taken = Taken::new();
        for writer in &mut self.writers {
            for (kind, many) in timeout(PATIENCE, writer).await?? {
                *taken.entry(kind).or_default() += many;
            }
        }
        let of = |kind: &str| taken.get(kind).copied().unwrap_or(0);
        let people = u64::try_from(PEOPLE)?;
        let wanted = [
            ("chaos-step", of("step"), 2 * of("step")),
            ("chaos-gather", of("gather"), 0),
            ("chaos-topic", of("topic") * people, of("topic") * people),
        ];
        rest(database, wanted.iter().map(|(_, runs, _)| runs).sum()).await?;
        for (workflow, runs, told) in wanted {
            let begun = database
                .count(&format!("{RUNS} AND workflow = '{workflow}'"))
                .await?;
            finding.must(begun == runs && runs > 0, || {
                format!("{begun} runs of {workflow} have ended well, of {runs}")
            });
            let sent = format!("{TOLD} WHERE n.metadata ->> 'workflow' = '{workflow}'");
            let sent = database.ask(&sent).await?;
            let [all, distinct, sum] = numbers(&sent)?;
            finding.must(all == distinct, || {
                format!("{workflow} told {all} messages, and {distinct} of them are different")
            });
            match workflow {
                "chaos-gather" => finding.must(sum == runs, || {
                    format!("digests told of {sum} items, of {runs}")
                }),
                _ => finding.must(all == told, || {
                    format!("{workflow} told {all} messages, of {told}")
                }),
            }
        }
        finding.note(format!(
            "{} events, of which {} told {PEOPLE} subscribers of a topic",
            taken.values().sum::<u64>(),
            of("topic")
        ));
        Ok(())
    }
}

impl Drop for FlowCrowd {
    fn drop(&mut self) {
        self.writers.iter().for_each(JoinHandle::abort);
    }
}

/// Runs that have ended as they should.
const RUNS: &str = "SELECT count(*) FROM notification_schema.workflow_runs
    WHERE status = 'finished' AND reason IN ('completed', 'joined_digest')";
/// What is in inboxes of a workflow: how much, how much of it is different, and what numbers in the titles add up to.
const TOLD: &str = "SELECT count(*)::text, count(DISTINCT (n.metadata ->> 'run') || (n.metadata ->> 'step'))::text,
        coalesce(sum(CASE WHEN i.title ~ '^[0-9]+$' THEN i.title::bigint END), 0)::text
    FROM notification_schema.inbox_items i JOIN notification_schema.notifications n ON n.id = i.id";

/// Waits until so many runs have ended, and all that they sent is in the inboxes.
async fn rest(database: &Database, runs: u64) -> Result<()> {
    let open =
        "SELECT (SELECT count(*) FROM notification_schema.workflow_runs WHERE status = 'waiting')
        + (SELECT count(*) FROM notification_schema.jobs WHERE state = 'running')
        + (SELECT count(*) FROM notification_schema.notifications
           WHERE metadata ? 'workflow' AND status = 'pending')";
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline
        && (database.count(open).await? > 0 || database.count(RUNS).await? < runs)
    {
        sleep(BEAT).await;
    }
    Ok(())
}

fn numbers(rows: &[Vec<String>]) -> Result<[u64; 3]> {
    let row = rows.first().context("no row")?;
    let numbers: Vec<u64> = row
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    numbers
        .try_into()
        .ok()
        .context("three numbers are expected")
}

/// How what happens is said.
enum EventWay {
    Http(EngineAddresses, String),
    Amqp(String, Option<Channel>),
}

/// Says what happens until it is enough; what is not taken on is said again, under the same id.
async fn write(
    (name, people, enough): (&'static str, Vec<Uuid>, watch::Receiver<bool>),
    mut door: EventWay,
) -> Taken {
    let (mut taken, mut number) = (Taken::new(), 0_usize);
    while !*enough.borrow() {
        let kind = KINDS.get(number % KINDS.len()).copied().unwrap_or("step");
        let event = json!({
            "specversion": "1.0", "id": format!("{name} {number}"), "source": "/chaos", "type": format!("chaos.{kind}"),
            "data": { "who": people.get(number % people.len()) },
        });
        let mut turn = number;
        while !matches!(
            timeout(ANSWERED_WITHIN, door.say(turn, &event)).await,
            Ok(Ok(()))
        ) {
            door.is_closed();
            turn += 1;
            sleep(BEAT).await;
        }
        *taken.entry(kind).or_default() += 1;
        number += 1;
        sleep(BEAT).await;
    }
    taken
}

impl EventWay {
    async fn say(&mut self, turn: usize, event: &Value) -> Result<()> {
        match self {
            Self::Http(engines, key) => {
                let engine = engines.one(turn);
                let status = ask("POST", &format!("{engine}/v1/events"), key, event).await?;
                ensure!(status == 202, "{status}");
                Ok(())
            }
            Self::Amqp(url, channel) => {
                let open = match channel.take() {
                    Some(open) => open,
                    None => {
                        let connection =
                            Connection::connect(url, ConnectionProperties::default()).await?;
                        let open = connection.create_channel().await?;
                        open.confirm_select(ConfirmSelectOptions::default()).await?;
                        open
                    }
                };
                let kind = event
                    .get("type")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let options = BasicPublishOptions {
                    mandatory: true,
                    immediate: false,
                };
                let properties = BasicProperties::default().with_delivery_mode(DELIVERY_MODE);
                let body = event.to_string();
                let confirm = open
                    .basic_publish(
                        "herald.events".into(),
                        kind.into(),
                        options,
                        body.as_bytes(),
                        properties,
                    )
                    .await?;
                let confirmed = confirm.await?;
                ensure!(confirmed.is_ack(), "not confirmed");
                *channel = Some(open);
                Ok(())
            }
        }
    }

    /// It did not answer: it is opened anew.
    fn is_closed(&mut self) {
        if let Self::Amqp(_, channel) = self {
            *channel = None;
        }
    }
}

async fn ask(method: &str, url: &str, key: &str, body: &Value) -> Result<u16> {
    let bearer = format!("Authorization: Bearer {key}");
    let headers = [&*bearer, "Content-Type: application/json"];
    let answer = http::request(method, url, &headers, body.to_string().as_bytes()).await?;
    Ok(answer.status)
}
