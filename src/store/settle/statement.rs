//! The settling statement: one array a column.

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, Bytea, Int2, Int4, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use uuid::Uuid;

use super::super::ledger::mark_hours;
use super::super::statement::statement;
use super::super::{form, time};
use super::{Origin, Settlement};
use crate::domain::{Body, Content, Payload, Reason, Status, limits};

type OutcomeMoment = DateTime<Utc>;

statement!(
    /// Stores settlements; returns the ids of the rows that were written. What ended in an hour that is over
    /// marks the hour, so that it is counted again.
    Settle(
        ids: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        users: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        keys: Vec<Vec<u8>> => Array<Bytea>,
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
        providers: Vec<Option<String>> => Array<Nullable<Text>>,
        statuses: Vec<&'static str> => Array<Text>,
        reasons: Vec<Option<&'static str>> => Array<Nullable<Text>>,
        recipients: Vec<Option<String>> => Array<Nullable<Text>>,
        template_names: Vec<Option<String>> => Array<Nullable<Text>>,
        template_versions: Vec<Option<i32>> => Array<Nullable<Int4>>,
        payloads: Vec<String> => Array<Text>,
        attempt_counts: Vec<i32> => Array<Int4>,
        max_retries: Vec<i32> => Array<Int4>,
        created_at: Vec<OutcomeMoment> => Array<Timestamptz>,
        last_attempted: Vec<Option<OutcomeMoment>> => Array<Nullable<Timestamptz>>,
        send_at: Vec<Option<OutcomeMoment>> => Array<Nullable<Timestamptz>>,
        due_at: Vec<Option<OutcomeMoment>> => Array<Nullable<Timestamptz>>,
        expires_at: Vec<Option<OutcomeMoment>> => Array<Nullable<Timestamptz>>,
        decided_at: Vec<OutcomeMoment> => Array<Timestamptz>,
        error_messages: Vec<Option<String>> => Array<Nullable<Text>>,
        responses: Vec<Option<String>> => Array<Nullable<Text>>,
        message_ids: Vec<Option<String>> => Array<Nullable<Text>>,
        attempts: Vec<String> => Array<Text>,
        source_types: Vec<Option<String>> => Array<Nullable<Text>>,
        source_ids: Vec<Option<String>> => Array<Nullable<Text>>,
        metadata: Vec<Option<String>> => Array<Nullable<Text>>,
        claims: Vec<Option<i64>> => Array<Nullable<Int8>>,
        takes: Vec<Option<i64>> => Array<Nullable<Int8>>,
        waits_for: Vec<Option<String>> => Array<Nullable<Text>>,
        formats: Vec<i16> => Array<Int2>,
        most_attempts: i32 => Int4,
        forgettable: Vec<&'static str> => Array<Text>,
    ) -> SqlUuid = concat!(
    "WITH incoming AS (
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
                              ?, ?, ?, ?, ?, ?, ?, ?, ?)
         AS incoming (id, tenant_id, user_id, key, channel, priority, category, provider, status,
                      reason, recipient, template_name, template_version, payload, attempt_count,
                      max_retries, created_at, last_attempted, send_at, due_at, expires_at,
                      decided_at, error_message, response, message_id, attempts, source_type,
                      source_id, metadata, claim, take, waits_for, format)
     ), stored AS (
         INSERT INTO notifications (
             id, tenant_id, user_id, idempotency_key, message_type, priority, category, provider,
             status, reason, recipient, template_name, template_version, payload, attempt_count,
             max_retries, created_at, last_attempted, send_at, due_at, expires_at, sent_at,
             failed_at, error_message, provider_response, provider_message_id, attempts,
             source_type, source_id, metadata, take, waits_for, format)
         SELECT id, tenant_id, user_id, encode(key, 'hex'), channel, priority, category, provider,
             status, reason, recipient, template_name, template_version, payload::jsonb,
             attempt_count, max_retries, created_at, last_attempted, send_at, due_at, expires_at,
             CASE WHEN status = 'sent' THEN decided_at END,
             CASE WHEN status = 'failed' THEN decided_at END,
             error_message, response, message_id, attempts::jsonb, source_type, source_id,
             metadata::jsonb, take, waits_for, format
         FROM incoming
         WHERE CASE WHEN claim IS NOT NULL THEN NOT EXISTS (
             SELECT FROM notification_deduplication d
             WHERE d.idempotency_key = incoming.key AND d.notification_id = incoming.id
               AND (d.owner IS DISTINCT FROM (incoming.claim >> 32)::integer
                    OR coalesce(d.take, d.owner::bigint << 32) <> incoming.claim)) ELSE true END
         ON CONFLICT (id) DO UPDATE SET
             provider = excluded.provider, status = excluded.status, reason = excluded.reason,
             recipient = excluded.recipient, template_version = excluded.template_version,
             attempt_count = excluded.attempt_count, last_attempted = excluded.last_attempted,
             due_at = excluded.due_at, sent_at = excluded.sent_at, failed_at = excluded.failed_at,
             error_message = excluded.error_message,
             provider_response = excluded.provider_response,
             provider_message_id = excluded.provider_message_id,
             attempts = append_timeline(notifications.attempts, excluded.attempts, ?, ?),
             format = greatest(notifications.format, excluded.format), unreadable_count = 0,
             waits_for = excluded.waits_for, owner = NULL, takes = 0
         WHERE notifications.status = 'pending'
           AND (notifications.take IS NOT DISTINCT FROM excluded.take OR excluded.status = 'sent')
         RETURNING id, tenant_id, status, reason, attempts, sent_at, failed_at
     ), hours AS (
         SELECT date_trunc('hour', coalesce(sent_at, failed_at), 'UTC') AS hour FROM stored
     ), late AS (", mark_hours!(), "
     ), dead AS (
         INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, retry_history)
         SELECT tenant_id, id, reason, attempts FROM stored WHERE status = 'failed'
         ON CONFLICT (notification_id) DO UPDATE SET
             failure_reason = excluded.failure_reason, retry_history = excluded.retry_history,
             moved_to_dlq_at = now(), resolved = false, resolved_at = NULL, resolved_by = NULL
     )
     SELECT id FROM stored")
);

impl Settle {
    pub(super) fn of(batch: &[&Settlement]) -> Self {
        let column = |count| Vec::with_capacity(count);
        let mut statement = Self::empty();
        statement.payloads = column(batch.len());
        for settlement in batch {
            statement.push(settlement);
        }
        statement
    }

    fn push(&mut self, settlement: &Settlement) {
        let notification = &settlement.notification;
        let moment = |at: Option<jiff::Timestamp>| at.map(time::to_database);
        let template = match &notification.payload.body {
            Body::Template(call) => Some(call.name.clone()),
            Body::Content(_) => None,
        };
        let source = notification.source.as_ref();
        self.ids.push(notification.id);
        self.tenants.push(notification.tenant_id);
        self.users.push(notification.person());
        self.keys.push(notification.key.0.to_vec());
        self.channels.push(notification.lane.channel.as_str());
        self.priorities.push(notification.lane.priority.as_str());
        self.categories.push(notification.category.clone());
        self.providers.push(settlement.provider.clone());
        self.statuses.push(settlement.status.as_str());
        self.reasons.push(settlement.reason.map(Reason::as_str));
        self.recipients.push(settlement.recipient.clone());
        self.template_names.push(template);
        self.template_versions.push(settlement.template_version);
        self.payloads.push(form::payload(&notification.payload));
        self.attempt_counts
            .push(i32::from(notification.attempt_count));
        self.max_retries.push(i32::from(notification.max_retries));
        self.created_at
            .push(time::to_database(notification.created_at));
        self.last_attempted.push(moment(settlement.last_attempted));
        self.send_at.push(moment(notification.send_at));
        self.due_at.push(moment(settlement.due_at));
        self.expires_at.push(moment(notification.expires_at));
        self.decided_at
            .push(time::to_database(settlement.decided_at));
        self.error_messages.push(settlement.error_message.clone());
        self.responses.push(settlement.provider_response.clone());
        self.message_ids
            .push(settlement.provider_message_id.clone());
        self.attempts
            .push(form::timeline(notification.new_attempts()));
        self.source_types
            .push(source.map(|source| source.kind.clone()));
        self.source_ids.push(source.map(|source| source.id.clone()));
        self.metadata
            .push(notification.metadata.as_ref().map(form::metadata));
        // An acceptance is the truth, whoever owns the claim or the row by now. Anything else is for the
        // owner to say, who may still send it, or has.
        let (claim, take) = match settlement.origin {
            Origin::Broker(claim) => (Some(claim.0), None),
            Origin::Database(take) => (None, Some(take.0)),
        };
        self.claims
            .push(claim.filter(|_| settlement.status != Status::Sent));
        self.takes.push(take);
        let waits_for = settlement.waits_for.as_ref();
        self.waits_for.push(waits_for.map(ToString::to_string));
        self.formats.push(form::format_of(notification));
    }

    /// The person was erased while the message was in flight: keep what happened, not to whom nor what was
    /// said. What was to be tried again has nobody to go to.
    pub(super) fn forget_the_person(&mut self) {
        let nothing = Payload {
            body: Body::Content(Content::default()),
            to: None,
            provider: None,
            traceparent: None,
            inbox: None,
        };
        self.users.fill(None);
        self.recipients.fill(None);
        self.payloads.fill(form::payload(&nothing));
        self.metadata.fill(None);
        self.attempts.fill(form::timeline(&[]));
        self.error_messages.fill(None);
        self.responses.fill(None);
        self.message_ids.fill(None);
        self.end_waiting(
            Reason::NoAddress,
            "the user was erased while this was in flight",
        );
    }

    /// Turns what waits into failures; what is final stays as it is.
    fn end_waiting(&mut self, reason: Reason, why: &str) {
        let rows = self
            .statuses
            .iter_mut()
            .zip(&mut self.reasons)
            .zip(&mut self.error_messages);
        for ((status, its_reason), message) in rows {
            if *status == Status::Pending.as_str() {
                *status = Status::Failed.as_str();
                *its_reason = Some(reason.as_str());
                *message = Some(why.to_owned());
            }
        }
        self.due_at.fill(None);
        self.waits_for.fill(None);
    }

    fn empty() -> Self {
        Self {
            ids: vec![],
            tenants: vec![],
            users: vec![],
            keys: vec![],
            channels: vec![],
            priorities: vec![],
            categories: vec![],
            providers: vec![],
            statuses: vec![],
            reasons: vec![],
            recipients: vec![],
            template_names: vec![],
            template_versions: vec![],
            payloads: vec![],
            attempt_counts: vec![],
            max_retries: vec![],
            created_at: vec![],
            last_attempted: vec![],
            send_at: vec![],
            due_at: vec![],
            expires_at: vec![],
            decided_at: vec![],
            error_messages: vec![],
            responses: vec![],
            message_ids: vec![],
            attempts: vec![],
            source_types: vec![],
            source_ids: vec![],
            metadata: vec![],
            claims: vec![],
            takes: vec![],
            waits_for: vec![],
            formats: vec![],
            most_attempts: i32::try_from(limits::ATTEMPT_RECORDS).unwrap_or(i32::MAX),
            forgettable: form::forgettable(),
        }
    }
}
