//! Keeping a batch: one statement finds out what each event is about, and stores those that are new.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::ledger::mark_hours;
use super::super::notifications::bound;
use super::super::statement::statement;
use super::super::{StoreError, time};
use super::verdict::verdict;
use super::{KeptColumns, KeptEvent, KeptRow, kept, kept_columns};
use crate::domain::{EventBlame, HeardEvent, Teller};
use crate::runtime::clock;

/// How long ago something was sent, at most, that an event without an id may be about.
const LAST_SENDS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far a provider's clock may be behind ours.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// A notification that was sent to an address through the account, in the time that the event leaves for it. An id
/// that the provider gave to another message says that the event is not about ours.
macro_rules! last_send {
    ($among:literal) => {
        concat!(
        "(SELECT n.id, coalesce(told.message_id = n.provider_message_id
                                OR starts_with(told.message_id, n.provider_message_id || '.'), false) AS is_exact
          FROM ", $among, " n
          WHERE n.message_type = asked.channel AND n.provider = asked.provider
            AND n.recipient = told.address AND n.status = 'sent'
            AND (told.message_id IS NULL OR n.provider_message_id IS NULL
                 OR told.message_id = n.provider_message_id
                 OR starts_with(told.message_id, n.provider_message_id || '.'))
          ORDER BY is_exact DESC, n.id DESC LIMIT 1)")
    };
}

// The look-ups are one row each, so that they go by index, however many notifications there are; of who gets very many
// the last 200 are looked at. What is found is kept from being erased until its events are stored, in the order of the
// ids, as whoever erases takes them. What names a notification of another account or address is looked for like what names
// none, and says nothing of anybody unless the account wrote there. A report that names others than our recipient is about these, unless it has nobody
// else to speak of and nothing of ours arrived.
statement!(
    /// Stores events of an account, and answers those that were not there.
    Keep(
        channel: &'static str => Text,
        provider: String => Text,
        speaks_for: Vec<String> => Array<Text>,
        ids: Vec<Uuid> => Array<SqlUuid>,
        event_ids: Vec<String> => Array<Text>,
        events: Vec<&'static str> => Array<Text>,
        moments: Vec<DateTime<Utc>> => Array<Timestamptz>,
        named: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        named_by: Vec<Option<&'static str>> => Array<Nullable<Text>>,
        message_ids: Vec<Option<String>> => Array<Nullable<Text>>,
        addresses: Vec<Option<String>> => Array<Nullable<Text>>,
        codes: Vec<Option<String>> => Array<Nullable<Text>>,
        details: Vec<Option<String>> => Array<Nullable<Text>>,
        blames: Vec<Option<&'static str>> => Array<Nullable<Text>>,
        raws: Vec<Option<String>> => Array<Nullable<Text>>,
        claims: Vec<Option<String>> => Array<Nullable<Text>>,
        alone: Vec<bool> => Array<Bool>,
        since: Vec<Uuid> => Array<SqlUuid>,
        until: Vec<Uuid> => Array<SqlUuid>,
    ) -> KeptColumns = concat!(
    "WITH asked AS (SELECT ?::text AS channel, ?::text AS provider, ?::text[] AS speaks_for),
     told AS (
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         AS told (id, event_id, event, occurred_at, named, named_by, message_id, address, code, detail, blame,
                  raw, claims, is_alone, since, until)
     ), found AS MATERIALIZED (
         SELECT told.id, told.event_id, told.occurred_at, told.message_id, told.code, told.detail, told.raw,
                CASE WHEN another.is_meant THEN 'other' ELSE told.event END AS event,
                CASE WHEN NOT another.is_meant AND (v.misnamed IS NULL OR h.id IS NOT NULL) THEN told.blame
                     END AS blame,
                asked.channel AS message_type, asked.provider, v.misnamed, asked.speaks_for,
                CASE WHEN v.is_own THEN n.tenant_id ELSE h.tenant_id END AS tenant_id,
                CASE WHEN v.misnamed IS NULL THEN coalesce(told.named, h.id) ELSE h.id END AS notification_id,
                CASE WHEN told.named IS NOT NULL AND v.misnamed IS NULL THEN told.named_by WHEN h.id IS NULL THEN NULL
                     WHEN g.is_exact THEN 'message_id' ELSE 'address' END AS matched_by,
                CASE WHEN v.is_own THEN coalesce(n.recipient, told.address)
                     WHEN v.misnamed IS NULL OR h.id IS NOT NULL THEN told.address END AS recipient,
                CASE WHEN v.is_own THEN n.status ELSE h.status END AS status,
                CASE WHEN v.is_own THEN n.sent_by ELSE h.sent_by END AS sent_by,
                CASE WHEN v.is_own THEN n.category ELSE h.category END AS category
         FROM (SELECT * FROM told ORDER BY named) told CROSS JOIN asked
         LEFT JOIN LATERAL (
             SELECT n.id, n.tenant_id, n.status, n.provider AS sent_by, n.category, n.recipient,
                    ", verdict!("told.named_by", "asked.provider", "asked.speaks_for", "told.address", "told.message_id"), "
             FROM notifications n WHERE n.id = told.named AND n.message_type = asked.channel LIMIT 1
             FOR KEY SHARE) n ON true
         CROSS JOIN LATERAL (
             SELECT coalesce(n.verdict = 'own', false) AS is_own,
                    CASE WHEN n.verdict IN ('other_account', 'other_address') THEN n.verdict END AS misnamed) v
         CROSS JOIN LATERAL (
             SELECT coalesce(
                 n.recipient <> ALL (string_to_array(told.claims, chr(10)))
                 AND (NOT told.is_alone OR EXISTS (
                     SELECT FROM email_logs e
                     WHERE e.notification_id = n.id AND e.matched_by = 'return_path'
                       AND e.event IN ('delivered', 'processed'))), false) AS is_meant) another
         LEFT JOIN LATERAL (
             SELECT s.*
             FROM (SELECT n.* FROM (
                       SELECT u.id FROM users u
                       WHERE asked.channel = 'email' AND lower(u.email) = told.address AND u.deleted_at IS NULL
                       UNION ALL
                       SELECT u.id FROM users u
                       WHERE asked.channel = 'sms' AND u.phone = told.address AND u.deleted_at IS NULL
                       LIMIT 100) u
                   CROSS JOIN LATERAL ", last_send!("last_to_person(u.id, told.since, told.until)"), " n
                   UNION ALL
                   SELECT n.* FROM ", last_send!("last_by_to(told.address, told.since, told.until)"), " n) s
             WHERE told.named IS NULL OR v.misnamed IS NOT NULL
             ORDER BY is_exact DESC, s.id DESC LIMIT 1) g ON true
         LEFT JOIN LATERAL (
             SELECT n.id, n.tenant_id, n.status, n.provider AS sent_by, n.category
             FROM notifications n WHERE n.id = g.id LIMIT 1 FOR KEY SHARE) h ON true
     ), kept AS (
         INSERT INTO email_logs (id, tenant_id, notification_id, message_type, provider, event, event_id,
                                 recipient, provider_message_id, code, detail, blame, raw, occurred_at, matched_by, misnamed,
                                 speaks_for)
         SELECT id, tenant_id, notification_id, message_type, provider, event, event_id, recipient, message_id,
                code, detail, blame, raw::jsonb, occurred_at, matched_by, misnamed, nullif(speaks_for, '{}')
         FROM found ORDER BY event_id
         ON CONFLICT ON CONSTRAINT email_logs_event_key DO NOTHING RETURNING id, occurred_at
     ), hours AS (
         SELECT date_trunc('hour', occurred_at, 'UTC') AS hour FROM kept
     ), late AS (", mark_hours!(), "
     )
     SELECT ", kept_columns!(), "
     FROM kept JOIN found f USING (id)
     LEFT JOIN categories c ON c.tenant_id = f.tenant_id AND c.name = f.category
     ORDER BY f.event_id"
    )
);

/// Stores events that an account told, each once, and answers those that are new.
///
/// # Errors
/// The database is out of reach, or refuses one of them for its data: then none is stored.
pub async fn keep(
    connection: &mut AsyncPgConnection,
    teller: Teller<'_>,
    heard: &[HeardEvent],
) -> Result<Vec<KeptEvent>, StoreError> {
    let moved = |at: Timestamp, by: SignedDuration| bound(at.saturating_add(by).unwrap_or(at));
    let named = |it: &HeardEvent| it.named.map(|(_, by)| by.as_str());
    let keep = Keep {
        channel: teller.account.channel.as_str(),
        provider: teller.account.name.clone(),
        speaks_for: teller.speaks_for.to_vec(),
        ids: heard.iter().map(|_| clock::new_id()).collect(),
        event_ids: heard.iter().map(|it| it.event_id.clone()).collect(),
        events: heard.iter().map(|it| it.event.as_str()).collect(),
        moments: heard.iter().map(|it| time::to_database(it.at)).collect(),
        named: heard.iter().map(|it| it.named.map(|(id, _)| id)).collect(),
        named_by: heard.iter().map(named).collect(),
        message_ids: heard.iter().map(|it| it.message_id.clone()).collect(),
        addresses: heard.iter().map(|it| it.address.clone()).collect(),
        codes: heard.iter().map(|it| it.code.clone()).collect(),
        details: heard.iter().map(|it| it.detail.clone()).collect(),
        blames: heard
            .iter()
            .map(|it| it.blame.map(EventBlame::as_str))
            .collect(),
        raws: heard.iter().map(|it| it.raw.clone()).collect(),
        claims: heard.iter().map(claims).collect(),
        alone: heard
            .iter()
            .map(|it| it.reported.as_ref().is_none_or(|it| it.is_alone))
            .collect(),
        since: heard.iter().map(|it| moved(it.at, -LAST_SENDS)).collect(),
        until: heard.iter().map(|it| moved(it.at, CLOCKS)).collect(),
    };
    let rows: Vec<KeptRow> = keep.load(connection).await?;
    rows.into_iter().map(kept).collect()
}

/// The addresses that a report names, one a line.
fn claims(heard: &HeardEvent) -> Option<String> {
    let named = &heard.reported.as_ref()?.addresses;
    (!named.is_empty()).then(|| named.join("\n"))
}
