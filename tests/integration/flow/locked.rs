//! Rows that somebody has locked for long, in `psql` or by an import: their messages wait, in the door, in
//! daily caps and in settling, and everybody else's go on.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use loadtest::harness::http;
use loadtest::simulator::{Provider, Simulator};
use serde_json::{Value, json};

use crate::outcomes::Outcomes;
use crate::publisher::TestPublisher;
use crate::stage::{Stage, account, envelope_with};

/// People whose rows are locked: more than there are workers at the door.
const LOCKED: u32 = 6;
/// Everybody.
const ALL: u32 = 26;
const SENT: &str = "SELECT count(*) FROM notifications WHERE status = 'sent'";

fn person(number: u32) -> String {
    format!("0190c1a0-0000-7000-8000-0000000001{number:02}")
}

struct Scene {
    stage: Stage,
    outcomes: Outcomes,
    holder: AsyncPgConnection,
    publisher: TestPublisher,
    _sendgrid: Simulator,
}

impl Scene {
    /// Everybody may get two e-mails a day.
    async fn new() -> Self {
        let stage = Stage::with_lanes("email.*").await;
        let sendgrid = stage.simulator(Provider::SendGrid);
        let people = (0..ALL).map(|number| {
            let id = person(number);
            format!(
                "[[users]]\nid = \"{id}\"\nemail = \"{number}@example.com\"\nusername = \"u{number}\"\n\
                 [[preferences]]\nuser_id = \"{id}\"\nchannel = \"email\"\nfrequency_cap = 2\n"
            )
        });
        let people: Vec<String> = people.collect();
        stage.apply(&format!("{}{}", people.join(""), account(&sendgrid)));
        let outcomes = stage.outcomes().await;
        let mut holder = stage.database.owner().await;
        let path = "SET search_path TO notification_schema";
        holder.batch_execute(path).await.unwrap();
        let publisher = stage.publisher().await;
        Self {
            stage,
            outcomes,
            holder,
            publisher,
            _sendgrid: sendgrid,
        }
    }

    async fn publish(&self, numbers: impl Iterator<Item = u32>, fields: impl Fn(u32) -> Value) {
        for number in numbers {
            let mut envelope = envelope_with("email", fields(number));
            envelope["user_id"] = person(number).into();
            self.publisher.publish(&envelope).await;
        }
    }

    /// Locks what belongs to the first few.
    async fn lock(&mut self, table: &str, column: &str) {
        let whose: Vec<String> = (0..LOCKED).map(|it| format!("'{}'", person(it))).collect();
        let lock = format!(
            "BEGIN; SELECT FROM {table} WHERE {column} IN ({}) FOR UPDATE",
            whose.join(", ")
        );
        self.holder.batch_execute(&lock).await.unwrap();
    }

    /// The others are sent while the lock is held, and the first few afterwards.
    async fn only_theirs_wait(mut self, before: i64, fields: impl Fn(u32) -> Value) {
        self.publish(0..LOCKED, &fields).await;
        let urgent = |number: u32| {
            let mut fields = fields(number);
            fields["priority"] = ["urgent", "normal"][usize::from(number.is_multiple_of(2))].into();
            fields
        };
        self.publish(LOCKED..ALL, urgent).await;
        let others = before + i64::from(ALL - LOCKED);
        self.outcomes.until_count(SENT, others).await;
        let url = self.stage.url("/readyz");
        let answer = http::get(&url).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(self.outcomes.count(SENT).await, others);
        self.holder.batch_execute("ROLLBACK").await.unwrap();
        let all = before + i64::from(ALL);
        self.outcomes.until_count(SENT, all).await;
        assert_eq!(self.stage.ledger.accepted(), u64::try_from(all).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_row_is_locked_stops_neither_the_door_nor_settling() {
    let mut scene = Scene::new().await;
    let engine = scene.stage.start().await;
    scene.lock("users", "id").await;
    let news =
        |number: u32| json!({ "recipient": { "email": format!("new-{number}@example.com") } });
    scene.only_theirs_wait(0, news).await;
    assert!(engine.stop().await.drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_that_is_locked_stops_nobody_elses_capped_message() {
    let mut scene = Scene::new().await;
    let engine = scene.stage.start().await;
    scene.publish(0..ALL, |_| json!({})).await;
    let all = i64::from(ALL);
    scene.outcomes.until_count(SENT, all).await;
    scene.lock("frequency_counts", "user_id").await;
    scene.only_theirs_wait(all, |_| json!({})).await;
    assert!(engine.stop().await.drained);
}
