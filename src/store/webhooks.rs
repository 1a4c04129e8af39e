//! Webhooks: who wants to hear of what, what they were told, and what became of it.
//!
//! What is told is written by the transaction in which it happened ([`announce`]); who wants to hear of it is
//! known from memory ([`WebhookBoard`]), so that nobody who has no webhook pays for them.

pub mod announce;
pub mod board;
pub mod deliveries;
pub mod desk;
mod erased;
pub mod history;
pub mod later;
pub mod replays;
pub mod standing;

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::StoreError;
use super::schema::notification_schema::notification_webhooks;
use super::seal::{SealError, SealedPlace, Sealer};
use super::time::from_database;
use crate::domain::{
    Channel, WebhookCatalog, WebhookDisabledReason, WebhookEvents, WebhookFilter, WebhookSecret,
};

pub use board::WebhookBoard;
pub use erased::{ErasedMark, ErasedPeople};

/// The table, for sealing.
const TABLE: &str = "notification_webhooks";
/// Where the secret stands.
const SECRET: &str = "secret_key";
/// Where the one before it stands.
const PREVIOUS_SECRET: &str = "previous_secret_key";

/// A webhook as it is stored.
#[derive(Debug, Clone)]
pub struct StoredWebhook {
    /// Its id.
    pub id: Uuid,
    /// Whose notifications it hears of.
    pub tenant_id: Uuid,
    /// By what `herald apply` knows it again.
    pub name: Option<String>,
    /// Where it is.
    pub url: String,
    /// What it wants to hear of; or why that cannot be read.
    pub filter: Result<WebhookFilter, String>,
    /// Whether anything is sent to it.
    pub is_active: bool,
    /// Why not.
    pub disabled_reason: Option<WebhookDisabledReason>,
    /// Tries after the first.
    pub retry_count: u32,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Since its first failure after the last success.
    pub failing_since: Option<Timestamp>,
    /// Until when the secret before the last rotation still signs.
    pub previous_secret_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    secret: Vec<u8>,
    previous_secret: Option<Vec<u8>>,
}

/// Why a webhook's secret cannot be used. Says nothing of the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSealError {
    /// It cannot be opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What was sealed is no secret.
    #[error("what is stored is no webhook secret: rotate it")]
    NoSecret,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = notification_webhooks)]
struct WebhookRow {
    id: Uuid,
    tenant_id: Uuid,
    name: Option<String>,
    url: String,
    secret_key: Vec<u8>,
    previous_secret_key: Option<Vec<u8>>,
    previous_secret_until: Option<DateTime<Utc>>,
    events: Value,
    channels: Vec<Option<String>>,
    categories: Vec<Option<String>>,
    is_active: bool,
    disabled_reason: Option<String>,
    retry_count: i32,
    timeout_seconds: i32,
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<WebhookRow> for StoredWebhook {
    fn from(row: WebhookRow) -> Self {
        let seconds = u64::try_from(row.timeout_seconds).unwrap_or(1).max(1);
        Self {
            filter: filter(&row),
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            url: row.url,
            is_active: row.is_active,
            disabled_reason: row.disabled_reason.and_then(|word| word.parse().ok()),
            retry_count: u32::try_from(row.retry_count).unwrap_or(0),
            timeout: Duration::from_secs(seconds),
            failing_since: row.failing_since.map(from_database),
            previous_secret_until: row.previous_secret_until.map(from_database),
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
            secret: row.secret_key,
            previous_secret: row.previous_secret_key,
        }
    }
}

/// What a row says that is written by hand may be anything: then it hears of nothing, and no other does less.
fn filter(row: &WebhookRow) -> Result<WebhookFilter, String> {
    let words = row.events.as_array().into_iter().flatten();
    let words = words.map(|word| word.as_str().unwrap_or_default());
    let events = WebhookEvents::read(words).map_err(|error| format!("events: {error}"))?;
    let channels = row.channels.iter().flatten();
    let channels: Result<Vec<Channel>, _> = channels.map(|word| word.parse()).collect();
    Ok(WebhookFilter {
        events,
        channels: channels.map_err(|error| format!("channels: {error}"))?,
        categories: row.categories.iter().flatten().cloned().collect(),
    })
}

impl StoredWebhook {
    /// The secret, and the one before it while it still signs.
    ///
    /// # Errors
    /// The secret cannot be opened. One before it that cannot is left out.
    pub fn secrets(
        &self,
        sealer: &Sealer,
    ) -> Result<(WebhookSecret, Option<(WebhookSecret, Timestamp)>), WebhookSealError> {
        let secret = self.open(sealer, SECRET, &self.secret)?;
        let previous = self.previous_secret.as_ref();
        let previous = previous.and_then(|sealed| self.open(sealer, PREVIOUS_SECRET, sealed).ok());
        Ok((secret, previous.zip(self.previous_secret_until)))
    }

    fn open(
        &self,
        sealer: &Sealer,
        column: &str,
        sealed: &[u8],
    ) -> Result<WebhookSecret, WebhookSealError> {
        let plain = sealer.open(place(self.id, column), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| WebhookSealError::NoSecret)?;
        text.parse().map_err(|_| WebhookSealError::NoSecret)
    }
}

const fn place(row: Uuid, column: &str) -> SealedPlace<'_> {
    SealedPlace {
        table: TABLE,
        row,
        column,
    }
}

/// All webhooks, disabled ones included: what they are told is kept for a replay.
///
/// # Errors
/// The database is out of reach.
pub async fn all(connection: &mut AsyncPgConnection) -> Result<Vec<StoredWebhook>, StoreError> {
    let rows: Vec<WebhookRow> = notification_webhooks::table
        .filter(notification_webhooks::deleted_at.is_null())
        .select(WebhookRow::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredWebhook::from).collect())
}

/// Who of these wants to hear of what.
#[must_use]
pub fn catalog(webhooks: &[StoredWebhook]) -> WebhookCatalog {
    let mut catalog = WebhookCatalog::default();
    for webhook in webhooks {
        if let Ok(filter) = &webhook.filter {
            catalog.add(webhook.tenant_id, webhook.id, filter.clone());
        }
    }
    catalog
}
