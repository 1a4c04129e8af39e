//! Rows of notifications as they are read for people.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Int4, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{StoredNotification, WholeNotification};
use crate::domain::{AttemptRecord, TimelineRecord, ToldEvent};
use crate::store::due::Lenient;
use crate::store::time::from_database;

/// The columns of a [`ListedRow`], of a table `n`.
macro_rules! summary {
    () => {
        "n.id, n.tenant_id, n.user_id, n.message_type, n.priority, n.category, \
         n.provider, n.status, n.reason, n.recipient, n.template_name, n.template_version, n.attempt_count, \
         n.max_retries, n.created_at, n.last_attempted, n.send_at, n.due_at, n.expires_at, n.sent_at, \
         n.failed_at, n.error_message, n.provider_response, n.provider_message_id, n.source_type, \
         n.source_id, n.waits_for, n.owner, n.read_at, n.redacted_at, n.request_id"
    };
}
pub(super) use summary;

/// A moment that may be beyond what programs can hold: an operator wrote it by hand.
type LenientMoment = Lenient<DateTime<Utc>>;

#[derive(QueryableByName)]
pub(super) struct ListedRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    user_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    message_type: String,
    #[diesel(sql_type = Text)]
    priority: String,
    #[diesel(sql_type = Nullable<Text>)]
    category: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    provider: Option<String>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    recipient: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    template_name: Option<String>,
    #[diesel(sql_type = Nullable<Int4>)]
    template_version: Option<i32>,
    #[diesel(sql_type = Int4)]
    attempt_count: i32,
    #[diesel(sql_type = Int4)]
    max_retries: i32,
    #[diesel(sql_type = Timestamptz)]
    created_at: LenientMoment,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_attempted: Option<LenientMoment>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    send_at: Option<LenientMoment>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    due_at: Option<LenientMoment>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<LenientMoment>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    sent_at: Option<LenientMoment>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    failed_at: Option<LenientMoment>,
    #[diesel(sql_type = Nullable<Text>)]
    error_message: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    provider_response: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    provider_message_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    source_type: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    source_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    waits_for: Option<String>,
    #[diesel(sql_type = Nullable<Int4>)]
    owner: Option<i32>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    read_at: Option<LenientMoment>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    redacted_at: Option<LenientMoment>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    request_id: Option<Uuid>,
}

#[derive(QueryableByName)]
pub(super) struct WholeRow {
    #[diesel(embed)]
    listed: ListedRow,
    #[diesel(sql_type = Jsonb)]
    attempts: Value,
    #[diesel(sql_type = Nullable<Text>)]
    metadata: Option<String>,
}

#[derive(QueryableByName)]
pub(super) struct EventRow {
    #[diesel(sql_type = Timestamptz)]
    occurred_at: LenientMoment,
    #[diesel(sql_type = Text)]
    event: String,
    #[diesel(sql_type = Text)]
    provider: String,
    #[diesel(sql_type = Nullable<Text>)]
    code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    detail: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    matched_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    misnamed: Option<String>,
}

#[derive(QueryableByName)]
pub(super) struct IdRow {
    #[diesel(sql_type = SqlUuid)]
    pub(super) id: Uuid,
}

impl ListedRow {
    pub(super) fn stored(self) -> StoredNotification {
        StoredNotification {
            id: self.id,
            tenant_id: self.tenant_id,
            user_id: self.user_id,
            channel: self.message_type,
            priority: self.priority,
            category: self.category,
            provider: self.provider,
            status: self.status,
            reason: self.reason,
            recipient: self.recipient,
            template: self.template_name.map(|name| (name, self.template_version)),
            attempt_count: self.attempt_count,
            max_retries: self.max_retries,
            created_at: read(self.created_at).unwrap_or(Timestamp::UNIX_EPOCH),
            last_attempted: self.last_attempted.and_then(read),
            send_at: self.send_at.and_then(read),
            due_at: self.due_at.and_then(read),
            expires_at: self.expires_at.and_then(read),
            sent_at: self.sent_at.and_then(read),
            failed_at: self.failed_at.and_then(read),
            error_message: self.error_message,
            provider_response: self.provider_response,
            provider_message_id: self.provider_message_id,
            source: self.source_type.zip(self.source_id),
            waits_for: self.waits_for,
            owner: self.owner,
            read_at: self.read_at.and_then(read),
            redacted_at: self.redacted_at.and_then(read),
            request_id: self.request_id,
        }
    }
}

impl WholeRow {
    pub(super) fn whole(self, told: Vec<ToldEvent>) -> WholeNotification {
        let lines = match self.attempts {
            Value::Array(lines) => lines,
            _ => vec![],
        };
        WholeNotification {
            stored: self.listed.stored(),
            timeline: lines.into_iter().map(record).collect(),
            metadata: self.metadata,
            told,
            suppressed_by: vec![],
        }
    }
}

impl EventRow {
    pub(super) fn event(self) -> ToldEvent {
        ToldEvent {
            at: read(self.occurred_at).unwrap_or(Timestamp::MAX),
            event: self.event,
            provider: self.provider,
            code: self.code,
            detail: self.detail,
            matched_by: self.matched_by.and_then(|word| word.parse().ok()),
            misnamed: self.misnamed.and_then(|word| word.parse().ok()),
        }
    }
}

fn read(moment: LenientMoment) -> Option<Timestamp> {
    moment.of("time").ok().map(from_database)
}

/// A line must be seen, even if this version cannot read all that it says.
fn record(line: Value) -> TimelineRecord {
    let at = line.get("at").and_then(Value::as_str);
    let at = at.and_then(|at| at.parse().ok());
    match serde_json::from_value::<AttemptRecord>(line) {
        Ok(record) => TimelineRecord::Known(record),
        Err(_) => TimelineRecord::Newer(at),
    }
}
