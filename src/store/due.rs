//! What is due: notifications that waited in the database and whose time has come.

mod lenient;
mod paused;
mod unreadable;

pub use paused::{hasten, probe, wake};
pub use unreadable::give_back;

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, Int2, Int4, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use serde_json::Value;
use uuid::Uuid;

use self::lenient::Lenient;
use super::lease::{RunId, living_runs};
use super::statement::statement;
use super::{Database, StoreError, form, time};
use crate::domain::{AttemptRecord, KeyHash, Lane, Notification, Reason, Source};

/// The timeline of a row that is taken: taken from a dead run, it says so from now on, whatever
/// becomes of the taker. Binds [`node_died`].
macro_rules! with_the_dead {
    ($attempts:literal, $owner:literal) => {
        concat!(
            $attempts,
            " || CASE WHEN ",
            $owner,
            " IS NULL THEN '[]'::jsonb \
             ELSE jsonb_build_array(?::jsonb || jsonb_build_object('run', ",
            $owner,
            ")) END"
        )
    };
}
use with_the_dead;

/// The line that a row gets which is taken from a dead run; the statement puts the run's number in.
fn node_died(now: jiff::Timestamp) -> Value {
    serde_json::to_value(AttemptRecord::node_died(now, 0)).unwrap_or_default()
}

// A row whose form is newer than what this version knows is left to others.
//
// Index scans, one a lane; the lock keeps two nodes from taking the same row, and the owner is
// committed before the work begins. A row whose owner is dead is free.
statement!(
    Take(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        most: Vec<i32> => Array<Int4>,
        now: DateTime<Utc> => Timestamptz,
        format: i16 => Int2,
        run: i32 => Int4,
        heir: i32 => Int4,
        died: Value => Jsonb,
    ) -> (
        SqlUuid, SqlUuid, Nullable<SqlUuid>, Text, Text, Text, Nullable<Text>, Jsonb, Int4, Int4,
        Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>, Jsonb, Nullable<Text>,
        Nullable<Text>, Nullable<Jsonb>
    ) = concat!(
    "WITH asked AS (
         SELECT * FROM unnest(?, ?, ?) AS asked (channel, priority, most)
     ), living AS MATERIALIZED (
         SELECT coalesce(array_agg(run), '{}') AS runs FROM ", living_runs!(), " AS alive (run)
     ), picked AS MATERIALIZED (
         SELECT due.id, due.owner FROM asked CROSS JOIN LATERAL (
             SELECT n.id, n.owner FROM notifications n
             WHERE n.message_type = asked.channel AND n.priority = asked.priority
               AND n.status = 'pending' AND n.due_at <= ? AND n.format <= ?
               AND (n.owner IS NULL OR (n.owner <> ? AND n.owner <> ALL (SELECT unnest(runs) FROM living)))
             ORDER BY n.due_at LIMIT asked.most FOR UPDATE SKIP LOCKED
         ) due
     )
     UPDATE notifications n SET owner = ?, attempts = ", with_the_dead!("n.attempts", "picked.owner"), "
     FROM picked
     WHERE n.id = picked.id AND n.status = 'pending'
     RETURNING n.id, n.tenant_id, n.user_id, n.idempotency_key, n.message_type, n.priority,
               n.category, n.payload, n.attempt_count, n.max_retries, n.created_at, n.send_at,
               n.expires_at, n.attempts, n.source_type, n.source_id, n.metadata")
);

/// A notification as it is stored.
pub(super) type Row = (
    Uuid,
    Uuid,
    Option<Uuid>,
    String,
    String,
    String,
    Option<String>,
    Lenient<Value>,
    i32,
    i32,
    Lenient<DateTime<Utc>>,
    Option<Lenient<DateTime<Utc>>>,
    Option<Lenient<DateTime<Utc>>>,
    Lenient<Value>,
    Option<String>,
    Option<String>,
    Option<Lenient<Value>>,
);

/// What was taken. Rows that cannot be read are named, so that they can be reported and given back.
#[derive(Debug, Default)]
pub struct Taken {
    /// Due notifications, now owned by the run.
    pub notifications: Vec<Notification>,
    /// Rows that hold something else than what this version writes, and what it is.
    pub unreadable: Vec<(Uuid, String)>,
}

/// Takes notifications that are due at `now` for a run: at most so many of each lane, the longest
/// due first. What this run holds, or another living one, is not taken; what a dead one held says so in
/// its timeline. `now` is the node's clock, by which policy decides, too: by another the same row would
/// come up again and again.
///
/// # Errors
/// When the database fails; what may have been taken is free again when the run ends.
pub async fn take(
    database: &Database,
    run: RunId,
    now: jiff::Timestamp,
    lanes: &[(Lane, usize)],
) -> Result<Taken, StoreError> {
    let (channels, priorities, most) = columns(lanes);
    let take = Take {
        channels,
        priorities,
        most,
        now: time::to_database(now),
        format: form::format(),
        run: run.0,
        heir: run.0,
        died: node_died(now),
    };
    // A plan that was made while the table was young reads all of it: planned anew each time.
    let rows: Vec<Row> = database
        .transaction(async |connection| {
            connection
                .batch_execute("SET LOCAL plan_cache_mode = force_custom_plan")
                .await?;
            Ok(take.load(connection).await?)
        })
        .await?;
    Ok(Taken::of(rows))
}

/// Lanes, and how many are wanted of each, as arrays for `unnest`.
fn columns(lanes: &[(Lane, usize)]) -> (Vec<&'static str>, Vec<&'static str>, Vec<i32>) {
    let (channels, priorities) = words(lanes.iter().map(|(lane, _)| lane));
    let most = |most: &usize| i32::try_from(*most).unwrap_or(i32::MAX);
    let wanted = lanes.iter().map(|(_, wanted)| most(wanted)).collect();
    (channels, priorities, wanted)
}

/// The words of lanes, as arrays for `unnest`.
fn words<'a>(lanes: impl IntoIterator<Item = &'a Lane>) -> (Vec<&'static str>, Vec<&'static str>) {
    let words = |lane: &Lane| (lane.channel.as_str(), lane.priority.as_str());
    lanes.into_iter().map(words).unzip()
}

impl Taken {
    pub(super) fn of(rows: Vec<Row>) -> Self {
        let mut taken = Self::default();
        for row in rows {
            let id = row.0;
            match notification(row) {
                Ok(notification) => taken.notifications.push(notification),
                Err(why) => taken.unreadable.push((id, why)),
            }
        }
        taken
    }
}

// By the index of what is due: of millions that wait for tomorrow, none is looked at.
statement!(
    LetGo(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        until: DateTime<Utc> => Timestamptz,
        run: i32 => Int4,
        held: Vec<Uuid> => Array<SqlUuid>,
    ) -> SqlUuid =
    "UPDATE notifications SET owner = NULL
     WHERE message_type = ANY(?) AND priority = ANY(?) AND due_at <= ?
       AND status = 'pending' AND owner = ? AND id <> ALL(?)
     RETURNING id"
);

/// Frees the rows of these lanes, due by `until`, that a run owns but does not hold: a take whose answer
/// was lost.
///
/// # Errors
/// When the database fails.
pub async fn let_go(
    database: &Database,
    run: RunId,
    until: jiff::Timestamp,
    lanes: &[Lane],
    held: Vec<Uuid>,
) -> Result<(), StoreError> {
    let (channels, priorities) = words(lanes);
    let let_go = LetGo {
        channels,
        priorities,
        until: time::to_database(until),
        run: run.0,
        held,
    };
    let mut connection = database.get().await?;
    let _: Vec<Uuid> = let_go.load(&mut *connection).await?;
    Ok(())
}

fn notification(row: Row) -> Result<Notification, String> {
    #[rustfmt::skip]
    let (
        id, tenant_id, user_id, key, channel, priority, category, payload, attempt_count,
        max_retries, created_at, send_at, expires_at, attempts, kind, source_id, metadata,
    ) = row;
    let parse = |error: crate::domain::UnknownWord| error.to_string();
    let timeline = form::read_timeline(attempts.of("attempts")?)?;
    let moment = |column, at: Option<Lenient<DateTime<Utc>>>| {
        let at = at.map(|at| at.of(column)).transpose()?;
        Ok::<_, String>(at.map(time::from_database))
    };
    Ok(Notification {
        id,
        tenant_id,
        user_id: user_id.ok_or("it has no user")?,
        lane: Lane::new(
            channel.parse().map_err(parse)?,
            priority.parse().map_err(parse)?,
        ),
        category,
        key: key_of(&key).ok_or("its key is no SHA-256")?,
        payload: form::read_payload(payload.of("payload")?)?,
        send_at: moment("send_at", send_at)?,
        expires_at: moment("expires_at", expires_at)?,
        max_retries: u16::try_from(max_retries).unwrap_or(0),
        source: kind.zip(source_id).map(|(kind, id)| Source { kind, id }),
        metadata: metadata
            .map(|metadata| form::read("metadata", metadata.of("metadata")?))
            .transpose()?,
        created_at: time::from_database(created_at.of("created_at")?),
        attempt_count: u16::try_from(attempt_count).unwrap_or(u16::MAX),
        stored_attempts: timeline.len(),
        attempts: timeline,
    })
}

/// The 64 hexadecimal digits of a key.
fn key_of(text: &str) -> Option<KeyHash> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut key = [0; 32];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(pairs) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(KeyHash(key))
}

statement!(
    Waiting() -> (Nullable<Text>, Int8) =
    "SELECT reason, count(*) FROM notifications WHERE status = 'pending' GROUP BY reason"
);

statement!(
    Unresolved() -> Int8 = "SELECT count(*) FROM notification_dlq WHERE NOT resolved"
);

/// How many notifications wait, by reason, and how many dead letters are unresolved: over all
/// tenants, for gauges.
///
/// # Errors
/// When the database fails.
pub async fn backlog(database: &Database) -> Result<(Vec<(Reason, u64)>, u64), StoreError> {
    let mut connection = database.get().await?;
    let waiting: Vec<(Option<String>, i64)> = Waiting {}.load(&mut *connection).await?;
    let unresolved: i64 = Unresolved {}.get_result(&mut *connection).await?;
    let waiting = waiting.into_iter().filter_map(|(reason, count)| {
        Some((reason?.parse().ok()?, u64::try_from(count).unwrap_or(0)))
    });
    Ok((waiting.collect(), u64::try_from(unresolved).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_digits() {
        let key = KeyHash(std::array::from_fn(|n| u8::try_from(n * 7).unwrap()));
        assert_eq!(key_of(&crate::domain::hex(&key.0)), Some(key));
        assert_eq!(key_of("00"), None);
        assert_eq!(key_of(&"zz".repeat(32)), None);
    }
}
