//! Outcomes of a batch, in the columns of the statement that stores them.

use tokio_postgres::types::Type;

use super::batch::Batch;
use super::column::Column;
use super::envelope::{Envelope, TENANT};
use super::job::{Job, Receipt};
use crate::marker::now_micros;

const MAX_RETRIES: i32 = 5;
/// The version of the seed file's templates.
const TEMPLATE_VERSION: i32 = 1;

/// What became of a message.
pub(super) struct Outcome<'a> {
    pub(super) job: &'a Job,
    pub(super) envelope: &'a Envelope<'a>,
    pub(super) template: Option<&'a str>,
    pub(super) provider: &'static str,
    /// Passes over the providers.
    pub(super) attempts_used: i32,
    pub(super) recipient: Option<&'a str>,
    pub(super) response: Option<&'static str>,
    pub(super) message_id: Option<&'a str>,
    /// The timeline as JSON.
    pub(super) attempts: &'a str,
    /// When it was attempted last, microseconds since 1970.
    pub(super) attempted: Option<u64>,
}

/// Outcomes, column by column in the order of the statement.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) columns: [Column; 30],
    payload: Vec<u8>,
    pub(super) receipts: Vec<Receipt>,
}

impl Batch for Rows {
    fn size(&self) -> usize {
        self.receipts.len()
    }
}

impl Rows {
    pub(super) fn new() -> Self {
        let text = || Column::of(Type::TEXT);
        let uuid = || Column::of(Type::UUID);
        let number = || Column::of(Type::INT4);
        let moment = || Column::of(Type::TIMESTAMPTZ);
        Self {
            columns: [
                uuid(),
                uuid(),
                uuid(),
                Column::of(Type::BYTEA),
                text(),
                text(),
                text(),
                text(),
                text(),
                text(),
                text(),
                text(),
                number(),
                text(),
                number(),
                number(),
                moment(),
                moment(),
                moment(),
                moment(),
                moment(),
                moment(),
                text(),
                text(),
                text(),
                text(),
                text(),
                text(),
                text(),
                Column::of(Type::BOOL),
            ],
            payload: Vec::new(),
            receipts: Vec::new(),
        }
    }

    /// Adds the row of a sent one.
    pub(super) fn push(&mut self, outcome: &Outcome<'_>) {
        let now = now_micros();
        let envelope = outcome.envelope;
        self.payload.clear();
        envelope.payload(&mut self.payload);
        let [
            id,
            tenant,
            user,
            key,
            channel,
            priority,
            category,
            provider,
            status,
            reason,
            recipient,
            template_name,
            template_version,
            payload,
            attempt_count,
            max_retries,
            created_at,
            last_attempted,
            send_at,
            due_at,
            expires_at,
            decided_at,
            error_message,
            response,
            message_id,
            attempts,
            source_type,
            source_id,
            metadata,
            needs_claim,
        ] = &mut self.columns;
        id.uuid(outcome.job.id);
        tenant.uuid(TENANT);
        user.uuid(envelope.user_id);
        key.bytes(&outcome.job.key);
        channel.text(envelope.channel);
        priority.text(envelope.priority);
        category.text(&envelope.category);
        provider.text(outcome.provider);
        status.text("sent");
        recipient.maybe_text(outcome.recipient);
        template_name.maybe_text(outcome.template);
        match outcome.template {
            Some(_) => template_version.number(TEMPLATE_VERSION),
            None => template_version.null(),
        }
        payload.bytes(&self.payload);
        attempt_count.number(outcome.attempts_used);
        max_retries.number(MAX_RETRIES);
        // A version 7 id holds the moment at which it was made.
        created_at.moment(micros_of(outcome.job.id).unwrap_or(now));
        match outcome.attempted {
            Some(at) => last_attempted.moment(at),
            None => last_attempted.null(),
        }
        decided_at.moment(now);
        response.maybe_text(outcome.response);
        message_id.maybe_text(outcome.message_id);
        attempts.text(outcome.attempts);
        source_type.text(&envelope.source.kind);
        source_id.text(&envelope.source.id);
        needs_claim.flag(false);
        for absent in [reason, send_at, due_at, expires_at, error_message, metadata] {
            absent.null();
        }
        self.receipts.push(outcome.job.arrival.receipt.clone());
    }

    pub(super) fn clear(&mut self) {
        self.columns.iter_mut().for_each(Column::clear);
        self.receipts.clear();
    }
}

fn micros_of(id: uuid::Uuid) -> Option<u64> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    Some(seconds * 1_000_000 + u64::from(nanoseconds) / 1_000)
}
