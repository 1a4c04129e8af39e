//! A row as it is read, and the notification in it.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Int2, Int4, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::Value;
use uuid::Uuid;

use super::super::{form, time};
use super::lenient::Lenient;
use crate::domain::{
    Body, Channel, Content, EVERYBODY, KeyHash, Lane, Notification, Payload, Source, name,
};

/// Takes without a stored outcome after which a row is a suspect: it may be what ends the process,
/// and is taken alone. As with messages from the broker.
pub(crate) const SUSPECT: i16 = 5;
/// Takes without a stored outcome after which a row is taken no more: it becomes a dead letter. As
/// `broker.delivery_limit`.
pub(crate) const MOST_TAKES: i16 = 50;

/// The columns of a [`NotificationRow`] for `RETURNING`, from `n` and what was `picked` of it. Of a row that was
/// taken too often, nothing is read that could be what ends the process.
macro_rules! taken_columns {
    () => {
        "n.id, n.tenant_id, n.user_id, n.idempotency_key, n.message_type, n.priority, n.category,
         CASE WHEN picked.takes < 50 THEN n.payload ELSE '{}' END, n.attempt_count, n.max_retries,
         n.created_at, n.send_at, n.expires_at,
         CASE WHEN picked.takes < 50 THEN n.attempts ELSE '[]' END, n.source_type, n.source_id,
         CASE WHEN picked.takes < 50 THEN n.metadata END,
         picked.takes"
    };
}
pub(super) use taken_columns;

/// The types of [`taken_columns`].
pub(in super::super) type Columns = (
    SqlUuid,
    SqlUuid,
    Nullable<SqlUuid>,
    Text,
    Text,
    Text,
    Nullable<Text>,
    Jsonb,
    Int4,
    Int4,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Jsonb,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Jsonb>,
    Int2,
);

/// A notification as it is stored.
pub(in super::super) type NotificationRow = (
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
    i16,
);

/// What was taken. Rows that are not worked on are named, so that they can be reported.
#[derive(Debug, Default)]
pub struct Taken {
    /// Due notifications, now owned by the run.
    pub notifications: Vec<Notification>,
    /// Those of them, one a lane, that were taken so often without an outcome that they may be what
    /// ended the process each time.
    pub suspects: Vec<Uuid>,
    /// Rows that were taken too often without an outcome. Nothing of them was read.
    pub worn: Vec<Uuid>,
    /// Rows that hold something else than what this version writes, and what it is.
    pub unreadable: Vec<(Uuid, String)>,
}

impl Taken {
    pub(in super::super) fn of(rows: Vec<NotificationRow>) -> Self {
        let mut taken = Self::default();
        for row in rows {
            let (id, takes) = (row.0, row.17);
            if takes >= MOST_TAKES {
                taken.worn.push(id);
                continue;
            }
            match notification(row) {
                Ok(notification) => {
                    taken.notifications.push(notification);
                    taken.suspects.extend((takes >= SUSPECT).then_some(id));
                }
                Err(why) => taken.unreadable.push((id, why)),
            }
        }
        taken
    }
}

fn notification(row: NotificationRow) -> Result<Notification, String> {
    #[rustfmt::skip]
    let (
        id, tenant_id, user_id, key, channel, priority, category, payload, attempt_count,
        max_retries, created_at, send_at, expires_at, attempts, kind, source_id, metadata, _,
    ) = row;
    let timeline = form::read_timeline(attempts.of("attempts")?)?;
    let moment = |column, at: Option<Lenient<DateTime<Utc>>>| {
        let at = at.map(|at| at.of(column)).transpose()?;
        Ok::<_, String>(at.map(time::from_database))
    };
    let parse = |error: crate::domain::UnknownWord| error.to_string();
    let payload = form::read_payload(payload.of("payload")?)?;
    Ok(Notification {
        id,
        tenant_id,
        user_id: whom(user_id, &channel, &payload)?,
        lane: Lane::new(
            channel.parse().map_err(parse)?,
            priority.parse().map_err(parse)?,
        ),
        category: category.map(name::spelt),
        key: key_of(&key).ok_or("its key is no SHA-256")?,
        payload,
        send_at: moment("send_at", send_at)?,
        expires_at: moment("expires_at", expires_at)?,
        max_retries: u16::try_from(max_retries).unwrap_or(0),
        source: kind.zip(source_id).map(|(kind, id)| Source { kind, id }),
        metadata: metadata
            .map(|metadata| form::read_metadata(metadata.of("metadata")?))
            .transpose()?,
        created_at: time::from_database(created_at.of("created_at")?),
        attempt_count: u16::try_from(attempt_count).unwrap_or(u16::MAX),
        stored_attempts: timeline.len(),
        attempts: timeline,
    })
}

/// The person; in-app alone, what has none is for all of them. What was said to somebody who was erased is gone
/// with them.
fn whom(user_id: Option<Uuid>, channel: &str, payload: &Payload) -> Result<Uuid, String> {
    let is_forgotten = payload.body == Body::Content(Content::default());
    let is_for_all = channel == Channel::InApp.as_str() && !is_forgotten;
    let whom = user_id.or(is_for_all.then_some(EVERYBODY));
    whom.ok_or("it has no user".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_know_when_a_row_was_taken_too_often() {
        let condition = format!("picked.takes < {MOST_TAKES} ");
        assert_eq!(taken_columns!().matches(&condition).count(), 3);
    }

    #[test]
    fn a_key_is_read_back_from_its_digits() {
        let key = KeyHash(std::array::from_fn(|n| u8::try_from(n * 7).unwrap()));
        assert_eq!(key_of(&crate::domain::hex(&key.0)), Some(key));
        assert_eq!(key_of("00"), None);
        assert_eq!(key_of(&"zz".repeat(32)), None);
    }
}
