//! People and tenants of whom something cannot be read: nothing is sent to them, everybody else's goes on,
//! and operators are told.

use loadtest::harness::http;
use loadtest::simulator::{Provider, Simulator};
use serde_json::{Value, json};

use super::timing::from_now;
use crate::outcomes::Outcomes;
use crate::stage::{ANA, Stage, account, ana, envelope_with};

const GOOD: i64 = 20;
const BEN: &str = "0190c1a0-0000-7000-8000-0000000000b1";
const EVE: &str = "0190c1a0-0000-7000-8000-0000000000b2";
const SHOP: &str = "0190c1a0-0000-7000-8000-0000000000aa";
const SENT: &str = "SELECT count(*) FROM notifications WHERE status = 'sent'";
const WAITING: &str = "SELECT count(*) FROM notifications
    WHERE status = 'pending' AND reason = 'retry' AND due_at > now()";
const EVENT: &str = "SELECT count(*) FROM admin_system_events
    WHERE event_type = 'wishes_unreadable' AND NOT is_resolved AND details::text LIKE '%quiet_hours_days%'";
/// What a CHECK took until it was made stricter.
const LOOSE: &str = "ALTER TABLE notification_preferences
    DROP CONSTRAINT IF EXISTS notification_preferences_flat_days_check;";
const ODD: &str = "quiet_hours_days = '{{mon,tue},{wed,thu}}'";
const MENDED: &str = "UPDATE notification_preferences SET quiet_hours_days = NULL;
    UPDATE notifications SET due_at = now() WHERE status = 'pending'";

struct Scene {
    stage: Stage,
    outcomes: Outcomes,
    _sendgrid: Simulator,
}

impl Scene {
    /// Ana, Ben and Eve, and a shop with Ana's namesake; each with a wish about e-mail.
    async fn new() -> Self {
        let stage = Stage::with_lanes("email.*").await;
        let sendgrid = stage.simulator(Provider::SendGrid);
        let person = |id: &str, name: &str| {
            format!(
                "[[users]]\nid = \"{id}\"\nemail = \"{name}@example.com\"\nusername = \"{name}\"\n\
                 [[preferences]]\nuser_id = \"{id}\"\nchannel = \"email\"\nfrequency_cap = 1000\n"
            )
        };
        let people = format!("{}{}{}", ana(), person(BEN, "ben"), person(EVE, "eve"));
        stage.apply(&format!("{people}{}", account(&sendgrid)));
        let mut outcomes = stage.outcomes().await;
        outcomes.execute(LOOSE).await;
        Self {
            stage,
            outcomes,
            _sendgrid: sendgrid,
        }
    }

    /// What Ben and Eve want cannot be read any more.
    async fn spoil(&mut self) {
        let spoil = format!(
            "UPDATE notification_preferences SET {ODD} WHERE user_id IN ('{BEN}', '{EVE}')"
        );
        self.outcomes.execute(&spoil).await;
    }

    async fn publish(&self, fields: Value) {
        let publisher = self.stage.publisher().await;
        let to = |user: &str, fields: &Value| {
            let mut envelope = envelope_with("email", fields.clone());
            envelope["user_id"] = user.into();
            envelope
        };
        publisher.publish(&to(BEN, &fields)).await;
        publisher.publish(&to(EVE, &fields)).await;
        for _ in 0..GOOD {
            publisher.publish(&to(ANA, &fields)).await;
        }
    }

    /// Ana's are sent, the two others wait; and are sent when their wishes are mended.
    async fn only_theirs_wait(&mut self) {
        self.outcomes.until_count(SENT, GOOD).await;
        self.outcomes.until_count(WAITING, 2).await;
        self.outcomes.until_count(EVENT, 1).await;
        let answer = http::get(&self.stage.url("/readyz")).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert_eq!(self.outcomes.count(SENT).await, GOOD);
        self.outcomes.execute(MENDED).await;
        self.outcomes.until_count(SENT, GOOD + 2).await;
        let accepted = u64::try_from(GOOD + 2).unwrap();
        assert_eq!(self.stage.ledger.accepted(), accepted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_cannot_be_read_do_not_stop_the_door() {
    let mut scene = Scene::new().await;
    scene.spoil().await;
    let engine = scene.stage.start().await;
    scene.publish(json!({})).await;
    scene.only_theirs_wait().await;
    assert!(engine.stop().await.drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_cannot_be_read_do_not_stop_what_is_due() {
    let mut scene = Scene::new().await;
    let engine = scene.stage.start().await;
    scene.publish(json!({ "send_at": from_now(3_600) })).await;
    let scheduled = "SELECT count(*) FROM notifications WHERE reason = 'scheduled'";
    scene.outcomes.until_count(scheduled, GOOD + 2).await;
    scene.spoil().await;
    let due = "UPDATE notifications SET send_at = now(), due_at = now()";
    scene.outcomes.execute(due).await;
    scene.only_theirs_wait().await;
    assert!(engine.stop().await.drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_defaults_that_cannot_be_read_stop_no_other_tenant() {
    let mut scene = Scene::new().await;
    let shop = format!(
        "[[tenants]]\nid = \"{SHOP}\"\nname = \"shop\"\n\
         [[users]]\nid = \"0190c1a0-0000-7000-8000-0000000000c1\"\ntenant_id = \"{SHOP}\"\n\
         email = \"cem@example.com\"\n\
         [[preferences]]\ntenant_id = \"{SHOP}\"\nchannel = \"email\"\nfrequency_cap = 1000\n"
    );
    scene.stage.apply(&shop);
    let spoil = format!("UPDATE notification_preferences SET {ODD} WHERE tenant_id = '{SHOP}'");
    scene.outcomes.execute(&spoil).await;
    let engine = scene.stage.start().await;
    let publisher = scene.stage.publisher().await;
    let of_shop = json!({ "tenant_id": SHOP, "user_id": "0190c1a0-0000-7000-8000-0000000000c1" });
    for _ in 0..2 {
        publisher
            .publish(&envelope_with("email", of_shop.clone()))
            .await;
    }
    for _ in 0..GOOD {
        publisher.publish(&envelope_with("email", json!({}))).await;
    }
    scene.only_theirs_wait().await;
    assert!(engine.stop().await.drained);
}
