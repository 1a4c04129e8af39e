//! Webhooks out: what is told, to whom, how it is sent, and what is done when nobody takes it.

mod languages;
mod replaying;
mod sending;
mod standing;
mod telling;

use std::time::Duration;

use herald::domain::{DEFAULT_TENANT, WebhookEvents, WebhookFilter, WebhookSecret};
use herald::store::Database;
use herald::store::seal::Sealer;
use herald::store::webhooks::desk::{self, WebhookFields};
use loadtest::receiver::Receiver;
use uuid::Uuid;

use crate::outcomes::Outcomes;
use crate::stage::{Stage, envelope};
use loadtest::simulator::Simulator;

/// A webhook that hears of everything.
fn fields(url: &str) -> WebhookFields {
    WebhookFields {
        name: None,
        url: url.to_owned(),
        filter: WebhookFilter {
            events: WebhookEvents::ALL,
            ..WebhookFilter::default()
        },
        is_active: true,
        retry_count: 10,
        timeout: Duration::from_secs(30),
    }
}

/// Makes a webhook of the default tenant; its secret is made of `seed`.
async fn made(
    pool: &Database,
    sealer: &Sealer,
    fields: &WebhookFields,
    seed: u8,
) -> (Uuid, WebhookSecret) {
    let secret = WebhookSecret::new([seed; 24]);
    let mut connection = pool.get().await.unwrap();
    let made = desk::create(&mut connection, sealer, DEFAULT_TENANT, fields, &secret).await;
    (made.unwrap(), secret)
}

/// A stage on which mail is sent to Ana, and webhooks may be sent to this machine.
struct Desk {
    stage: Stage,
    sealer: Sealer,
    pool: Database,
    outcomes: Outcomes,
    _sendgrid: Simulator,
}

impl Desk {
    async fn open() -> Self {
        let (mut stage, sendgrid, outcomes) = Stage::mailing().await;
        stage.set("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8");
        Self {
            sealer: herald::app::sealer(&stage.settings()).unwrap(),
            pool: stage.database.pool().await,
            stage,
            outcomes,
            _sendgrid: sendgrid,
        }
    }

    /// A receiver that hears of everything.
    async fn receiver(&self, seed: u8) -> (Receiver, Uuid) {
        let receiver = Receiver::start(0).unwrap();
        let (id, secret) = made(&self.pool, &self.sealer, &fields(&receiver.url()), seed).await;
        receiver.trust(secret.expose());
        (receiver, id)
    }

    /// Sends so many mails, and waits until they are sent.
    async fn send(&mut self, count: i64) {
        let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
        let before = self.outcomes.count(sent).await;
        let publisher = self.stage.publisher().await;
        for _ in 0..count {
            publisher.publish(&envelope("email")).await;
        }
        self.outcomes.until_count(sent, before + count).await;
    }

    /// Waits until so many deliveries to a webhook are as wanted.
    async fn until(&mut self, webhook: Uuid, wanted: &str, count: i64) {
        let query = format!(
            "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = '{webhook}' AND {wanted}"
        );
        self.outcomes.until_count(&query, count).await;
    }

    /// What is to be sent some time is due now.
    async fn hurry(&mut self) {
        let due = "UPDATE webhook_deliveries SET next_retry_at = now() WHERE next_retry_at > now()";
        self.outcomes.execute(due).await;
    }
}
