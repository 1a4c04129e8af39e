//! `/hooks`: what providers tell later is stored once, and something follows from it.

mod keeping;
mod listing;
mod meeting;
mod misnamed;
mod scopes;
mod sendgrid;
mod smtp;
mod strangers;
mod twilio;

use std::sync::Arc;

use loadtest::events::{SendgridKey, form_body, sendgrid_body, twilio_headers};
use loadtest::harness::http::{self, Answer};
use serde_json::Value;
use uuid::Uuid;

use super::door::{OTHER, SHOP, key, stage};
use crate::database::lines;
use crate::stage::Stage;
use diesel_async::SimpleAsyncConnection;
use herald::ops::provider_events::{EventDoubts, EventIntake};
use herald::runtime::clock;

const ANA: &str = "0190c1a0-0000-7000-8000-0000000000d1";
const PUBLIC_URL: &str = "https://herald.example.com/below";

/// A stage whose accounts have keys; nothing is sent.
pub(super) struct Hooks {
    pub(super) stage: Stage,
    pub(super) sendgrid: SendgridKey,
    /// The key of the account `other`.
    other: SendgridKey,
}

impl Hooks {
    pub(super) async fn open() -> Self {
        Self::with(&[]).await
    }

    /// The same with some settings.
    pub(super) async fn with(settings: &[(&str, &str)]) -> Self {
        let mut stage = stage().await;
        for (variable, value) in settings {
            stage.set(variable, *value);
        }
        stage.set("HERALD__HTTP__PUBLIC_URL", PUBLIC_URL);
        let sendgrid = SendgridKey::generate().unwrap();
        let other = SendgridKey::generate().unwrap();
        let account = |name: &str, key: &str| {
            format!(
                "[[providers]]\nname = \"{name}\"\nkind = \"sendgrid\"\nchannel = \"email\"\napi_key = \"SG.key\"\n\
                 [providers.config]\nbase_url = \"http://127.0.0.1:1\"\nfrom = \"hello@example.com\"\n{key}\n"
            )
        };
        let key = |key: &str| format!("event_public_key = \"{key}\"");
        let accounts = [
            account("mail", &key(&sendgrid.public().unwrap())),
            account("other", &key(&other.public().unwrap())),
            account("mute", ""),
        ];
        let twilio = "[[providers]]\nname = \"texts\"\nkind = \"twilio\"\nchannel = \"sms\"\napi_key = \"AC1\"\n\
            api_secret = \"token\"\n[providers.config]\nfrom = \"+15005550006\"\nbase_url = \"http://127.0.0.1:1\"\n";
        let smtp = "[[providers]]\nname = \"post\"\nkind = \"smtp\"\nchannel = \"email\"\n[providers.config]\n\
            host = \"127.0.0.1\"\nport = 1\ntls = \"none\"\nfrom = \"hello@example.com\"\n\
            return_path_domain = \"bounces.example.com\"\nreturn_path_secret = \"sixteen bytes and more\"\n";
        let categories = format!(
            "[[categories]]\ntenant_id = \"{SHOP}\"\nname = \"security\"\nmay_disable = false\n"
        );
        stage.apply(&[&accounts.concat(), twilio, smtp, &categories].concat());
        let people = format!(
            "SET search_path TO notification_schema;
             INSERT INTO users (id, tenant_id, email, phone) VALUES
                 ('{ANA}', '{SHOP}', 'ana@example.com', '+4915112345678'),
                 (gen_random_uuid(), '{OTHER}', 'other@example.com', '+4915112345678')"
        );
        let mut owner = stage.database.owner().await;
        owner.batch_execute(&people).await.unwrap();
        Self {
            stage,
            sendgrid,
            other,
        }
    }

    /// A notification for Ana that was sent through an account.
    pub(super) async fn sent(&self, provider: &str, columns: &str) -> Uuid {
        let id = clock::new_id();
        let (channel, address) = match provider {
            "texts" => ("sms", "+4915112345678"),
            _ => ("email", "ana@example.com"),
        };
        let statement = format!(
            "SET search_path TO notification_schema;
             INSERT INTO notifications (id, tenant_id, user_id, idempotency_key, message_type, priority, payload,
                                        provider, status, sent_at, recipient)
             VALUES ('{id}', '{SHOP}', '{ANA}', repeat('0', 64), '{channel}', 'normal',
                     '{{\"content\": {{\"body\": \"Hello\"}}}}', '{provider}', 'sent', now(), '{address}');
             {}",
            match columns {
                "" => String::new(),
                columns => format!("UPDATE notifications SET {columns} WHERE id = '{id}'"),
            }
        );
        let mut owner = self.stage.database.owner().await;
        owner.batch_execute(&statement).await.unwrap();
        id
    }

    /// What a query says, a line each.
    pub(super) async fn lines(&self, query: &str) -> Vec<String> {
        let mut owner = self.stage.database.owner().await;
        let path = "SET search_path TO notification_schema";
        owner.batch_execute(path).await.unwrap();
        lines(&mut owner, query).await
    }

    /// The stored events: what, matched how, and whether to a notification.
    pub(super) async fn events(&self) -> Vec<String> {
        self.lines(
            "SELECT concat_ws(' ', event, coalesce(matched_by, '-'), notification_id IS NOT NULL) AS text
             FROM email_logs ORDER BY event, event_id",
        )
        .await
    }

    /// The suppression list: channel, address, reason, category, whether it ends, how many tenants.
    pub(super) async fn suppressed(&self) -> Vec<String> {
        self.lines(
            "SELECT concat_ws(' ', channel, address, reason, coalesce(category, '-'),
                              bool_or(ends_at IS NOT NULL), count(*)) AS text
             FROM suppressions GROUP BY channel, address, reason, category ORDER BY 1",
        )
        .await
    }

    /// Posts events as SendGrid does.
    pub(super) async fn tell(&self, events: &[Value]) -> u16 {
        self.tell_as("mail", events).await
    }

    /// The same of an account, `mail` or `other`.
    pub(super) async fn tell_as(&self, account: &str, events: &[Value]) -> u16 {
        let body = sendgrid_body(events);
        let now = clock::now().as_second();
        let key = match account {
            "other" => &self.other,
            _ => &self.sendgrid,
        };
        let headers = key.headers(now, &body).unwrap();
        let path = format!("/hooks/sendgrid/{account}");
        self.post(&path, &headers, &body).await.status
    }

    /// Posts a form as Twilio does, to the account's door with this query.
    pub(super) async fn call(&self, query: &str, form: &[(&str, &str)]) -> u16 {
        let path = format!("/hooks/twilio/texts{query}");
        let headers = twilio_headers("token", &format!("{PUBLIC_URL}{path}"), form);
        self.post(&path, &headers, &form_body(form)).await.status
    }

    pub(super) async fn post(&self, path: &str, headers: &[String], body: &[u8]) -> Answer {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let url = self.stage.url(path);
        http::request("POST", &url, &headers, body).await.unwrap()
    }

    /// Does what is done every ten minutes with events of nobody.
    pub(super) async fn let_go(&self) {
        let intake = EventIntake {
            database: self.stage.database.pool().await,
            metrics: Arc::default(),
            global: Arc::default(),
            doubts: EventDoubts::new(10),
        };
        intake.let_go().await.unwrap();
    }

    pub(super) fn key(&self, scopes: &str, tenant: Option<&str>) -> String {
        key(&self.stage, scopes, tenant)
    }
}
