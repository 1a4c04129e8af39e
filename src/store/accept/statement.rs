//! The accepting statements: one array a column.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, Bytea, Double, Int2, Int4, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use uuid::Uuid;

use super::super::claims::{Claimant, is_over};
use super::super::ledger::hour_of;
use super::super::statement::statement;
use super::super::{form, time};
use super::Acceptable;
use crate::domain::{Body, Reason};

/// Takes keys: what is accepted needs no owner, since its row is there from the beginning. The same
/// notification may ask again for its key, and one that adopts a claim has its id and names its take.
macro_rules! take_keys {
    () => {
        concat!(
            "INSERT INTO notification_deduplication AS d
                 (idempotency_key, body_hash, notification_id, tenant_id, channel, take, expires_at)
             SELECT key, content, id, tenant_id, channel, adopts, now() + make_interval(secs => ?) FROM asked
             ON CONFLICT (idempotency_key) DO UPDATE SET
                 body_hash = excluded.body_hash, notification_id = excluded.notification_id,
                 tenant_id = excluded.tenant_id, channel = excluded.channel, owner = NULL, take = NULL, died_owner = NULL, created_at = excluded.created_at,
                 expires_at = excluded.expires_at, crashes = 0
             WHERE (d.notification_id = excluded.notification_id
                    AND (d.take = excluded.take OR (d.take IS NULL AND d.owner IS NULL))) OR (",
            is_over!(),
            ")
             RETURNING notification_id"
        )
    };
}

statement!(
    /// Takes keys, and answers whose are taken by this.
    Reserve(
        keys: Vec<Vec<u8>> => Array<Bytea>,
        contents: Vec<Vec<u8>> => Array<Bytea>,
        ids: Vec<Uuid> => Array<SqlUuid>,
        adopts: Vec<Option<i64>> => Array<Nullable<Int8>>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        window_seconds: f64 => Double,
    ) -> SqlUuid = concat!(
        "WITH asked AS (
             SELECT * FROM unnest(?, ?, ?, ?, ?, ?) AS asked (key, content, id, adopts, tenant_id, channel)
         ) ",
        take_keys!()
    )
);

// Keys are sorted by the caller and the books by their key, so that two batches that share some never wait for
// each other in a circle. What is counted is what was stored: asked again, it is not counted again; and what
// adopts a claim was counted with that. Its row may be there: then the first message was quicker.
statement!(
    /// Takes keys and stores the rows of those whose keys are taken by this; answers these, but no adopted one
    /// whose row was there.
    Accept(
        keys: Vec<Vec<u8>> => Array<Bytea>,
        contents: Vec<Vec<u8>> => Array<Bytea>,
        ids: Vec<Uuid> => Array<SqlUuid>,
        adopts: Vec<Option<i64>> => Array<Nullable<Int8>>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        users: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
        reasons: Vec<Option<&'static str>> => Array<Nullable<Text>>,
        template_names: Vec<Option<String>> => Array<Nullable<Text>>,
        payloads: Vec<String> => Array<Text>,
        max_retries: Vec<i32> => Array<Int4>,
        created_at: Vec<DateTime<Utc>> => Array<Timestamptz>,
        send_at: Vec<Option<DateTime<Utc>>> => Array<Nullable<Timestamptz>>,
        due_at: Vec<DateTime<Utc>> => Array<Timestamptz>,
        expires_at: Vec<Option<DateTime<Utc>>> => Array<Nullable<Timestamptz>>,
        source_types: Vec<Option<String>> => Array<Nullable<Text>>,
        source_ids: Vec<Option<String>> => Array<Nullable<Text>>,
        metadata: Vec<Option<String>> => Array<Nullable<Text>>,
        takes: Vec<Option<i64>> => Array<Nullable<Int8>>,
        requests: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        hours: Vec<DateTime<Utc>> => Array<Timestamptz>,
        formats: Vec<i16> => Array<Int2>,
        window_seconds: f64 => Double,
        shard: i16 => Int2,
    ) -> SqlUuid = concat!(
        "WITH asked AS (
             SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             AS asked (key, content, id, adopts, tenant_id, user_id, channel, priority, category, reason,
                       template_name, payload, max_retries, created_at, send_at, due_at, expires_at,
                       source_type, source_id, metadata, take, request_id, hour, format)
         ), taken AS (", take_keys!(), "
         ), stored AS (
             INSERT INTO notifications (
                 id, tenant_id, user_id, idempotency_key, message_type, priority, category, status,
                 reason, template_name, payload, max_retries, created_at, send_at, due_at, expires_at,
                 source_type, source_id, metadata, owner, take, takes, request_id, format)
             SELECT id, tenant_id, user_id, encode(key, 'hex'), channel, priority, category, 'pending',
                 reason, template_name, payload::jsonb, max_retries, created_at, send_at, due_at,
                 expires_at, source_type, source_id, metadata::jsonb, (take >> 32)::integer, take,
                 CASE WHEN take IS NULL THEN 0 ELSE 1 END, request_id, format
             FROM asked WHERE id IN (SELECT notification_id FROM taken)
             ON CONFLICT (id) DO NOTHING
             RETURNING id
         ), counted AS (
             INSERT INTO intake (hour, tenant_id, channel, shard, accepted_api)
             SELECT hour, tenant_id, channel, ?, count(*)
             FROM asked WHERE adopts IS NULL AND id IN (SELECT id FROM stored)
             GROUP BY hour, tenant_id, channel ORDER BY hour, tenant_id, channel
             ON CONFLICT (hour, tenant_id, channel, shard)
             DO UPDATE SET accepted_api = intake.accepted_api + excluded.accepted_api
         )
         SELECT notification_id FROM taken JOIN asked ON asked.id = notification_id
         WHERE adopts IS NULL OR notification_id IN (SELECT id FROM stored)"
    )
);

fn hash(bytes: &[u8; 32]) -> Vec<u8> {
    bytes.to_vec()
}

impl Reserve {
    pub(super) fn of(window: Duration, part: &[Acceptable<'_>]) -> Self {
        Self {
            keys: part.iter().map(|it| hash(&it.notification.key.0)).collect(),
            contents: part.iter().map(|it| hash(&it.content.0)).collect(),
            ids: part.iter().map(|it| it.notification.id).collect(),
            adopts: part.iter().map(|it| it.adopts.map(|take| take.0)).collect(),
            tenants: part.iter().map(|it| it.notification.tenant_id).collect(),
            channels: part
                .iter()
                .map(|it| it.notification.lane.channel.as_str())
                .collect(),
            window_seconds: window.as_secs_f64(),
        }
    }
}

impl Accept {
    pub(super) fn of(claimant: Claimant, window: Duration, part: &[Acceptable<'_>]) -> Self {
        let Reserve {
            keys,
            contents,
            ids,
            adopts,
            tenants,
            channels,
            window_seconds,
        } = Reserve::of(window, part);
        let all = || part.iter().map(|one| one.notification);
        let sources = || all().map(|it| it.source.as_ref());
        let moment = |at: Option<jiff::Timestamp>| at.map(time::to_database);
        Self {
            keys,
            contents,
            ids,
            adopts,
            tenants,
            users: all().map(|it| it.person()).collect(),
            channels,
            priorities: all().map(|it| it.lane.priority.as_str()).collect(),
            categories: all().map(|it| it.category.clone()).collect(),
            reasons: part.iter().map(reason).collect(),
            template_names: all()
                .map(|it| match &it.payload.body {
                    Body::Template(call) => Some(call.name.clone()),
                    Body::Content(_) => None,
                })
                .collect(),
            payloads: all().map(|it| form::payload(&it.payload)).collect(),
            max_retries: all().map(|it| i32::from(it.max_retries)).collect(),
            created_at: all().map(|it| time::to_database(it.created_at)).collect(),
            send_at: all().map(|it| moment(it.send_at)).collect(),
            due_at: all()
                .map(|it| time::to_database(it.first_due_at()))
                .collect(),
            expires_at: all().map(|it| moment(it.expires_at)).collect(),
            source_types: sources().map(|it| it.map(|it| it.kind.clone())).collect(),
            source_ids: sources().map(|it| it.map(|it| it.id.clone())).collect(),
            metadata: all()
                .map(|it| it.metadata.as_ref().map(form::metadata))
                .collect(),
            takes: part.iter().map(|it| it.take.map(|take| take.0)).collect(),
            requests: part.iter().map(|it| it.request_id).collect(),
            hours: all().map(|it| hour_of(it.id)).collect(),
            formats: all().map(form::format_of).collect(),
            window_seconds,
            shard: claimant.shard(),
        }
    }
}

/// Why it waits, where that is known before anybody has decided on it.
fn reason(one: &Acceptable<'_>) -> Option<&'static str> {
    let is_ahead = one.notification.is_ahead();
    (is_ahead && one.take.is_none()).then_some(Reason::Scheduled.as_str())
}
