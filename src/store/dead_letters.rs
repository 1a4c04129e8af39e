//! Dead letters: what failed for good, until somebody has looked at it.

mod replay;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Int4, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use replay::{LetterReplay, Stored, replay, replay_within, stored};

use super::{Database, StoreError, time};
use crate::domain::{AttemptRecord, Channel, Reason, TimePlace, UnknownWord};

/// Which dead letters are meant; what is absent does not narrow them down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LetterFilter {
    /// The letter's own id, or its notification's.
    pub id: Option<Uuid>,
    /// Of this tenant; `None` is for operators, who see all.
    pub tenant_id: Option<Uuid>,
    /// Of this channel.
    pub channel: Option<Channel>,
    /// That failed for this reason.
    pub reason: Option<Reason>,
    /// That this account was asked last for.
    pub provider: Option<String>,
    /// That failed at this time or later.
    pub since: Option<Timestamp>,
    /// That failed before this time.
    pub until: Option<Timestamp>,
    /// Whether somebody has dealt with them.
    pub resolved: Option<bool>,
}

/// A dead letter with what its notification says.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// Its id.
    pub id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The notification that failed.
    pub notification_id: Uuid,
    /// Why; a word that this version does not know was written by a newer one.
    pub reason: Result<Reason, UnknownWord>,
    /// When, the last time.
    pub moved_at: Timestamp,
    /// Whether somebody has dealt with it.
    pub resolved: bool,
    /// When they did.
    pub resolved_at: Option<Timestamp>,
    /// Who did, if they are a user.
    pub resolved_by: Option<Uuid>,
    /// What they wrote down.
    pub note: Option<String>,
    /// What has happened to the notification, oldest first.
    pub history: Vec<AttemptRecord>,
    /// What is stored of the notification; `None` once retention has removed it.
    pub notification: Option<Failed>,
}

/// What a list shows of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// To whom; `None` when the person was erased.
    pub user_id: Option<Uuid>,
    /// Through which channel, as it is stored.
    pub channel: String,
    /// Where it stands by now, as it is stored.
    pub status: String,
    /// The account that was asked last.
    pub provider: Option<String>,
    /// The address that was used.
    pub recipient: Option<String>,
    /// Passes over the route.
    pub attempt_count: u16,
    /// What went wrong, in words.
    pub error_message: Option<String>,
    /// Whether address, content and words were taken out.
    pub is_redacted: bool,
}

#[derive(QueryableByName)]
struct DeadLetterRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    notification_id: Uuid,
    #[diesel(sql_type = Text)]
    failure_reason: String,
    #[diesel(sql_type = Timestamptz)]
    moved_to_dlq_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    resolved: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    resolved_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    resolved_by: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    note: Option<String>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    history: Option<Value>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    user_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    channel: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    provider: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    recipient: Option<String>,
    #[diesel(sql_type = Nullable<Int4>)]
    attempt_count: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    error_message: Option<String>,
    #[diesel(sql_type = Bool)]
    is_redacted: bool,
}

/// The letters that a filter means; its binds are `$1` to `$8`.
macro_rules! meant {
    () => {
        "notification_dlq d LEFT JOIN notifications n ON n.id = d.notification_id
         WHERE ($1 IS NULL OR d.id = $1 OR d.notification_id = $1)
           AND ($2 IS NULL OR d.tenant_id = $2)
           AND ($3 IS NULL OR n.message_type = $3)
           AND ($4 IS NULL OR d.failure_reason = $4)
           AND ($5 IS NULL OR n.provider = $5)
           AND ($6 IS NULL OR d.moved_to_dlq_at >= $6)
           AND ($7 IS NULL OR d.moved_to_dlq_at < $7)
           AND ($8 IS NULL OR d.resolved = $8)"
    };
}

/// A query with the binds of [`meant`].
macro_rules! bound {
    ($filter:expr, $text:expr) => {
        diesel::sql_query($text)
            .bind::<Nullable<SqlUuid>, _>($filter.id)
            .bind::<Nullable<SqlUuid>, _>($filter.tenant_id)
            .bind::<Nullable<Text>, _>($filter.channel.map(Channel::as_str))
            .bind::<Nullable<Text>, _>($filter.reason.map(Reason::as_str))
            .bind::<Nullable<Text>, _>($filter.provider.as_deref())
            .bind::<Nullable<Timestamptz>, _>($filter.since.map(time::to_database))
            .bind::<Nullable<Timestamptz>, _>($filter.until.map(time::to_database))
            .bind::<Nullable<Bool>, _>($filter.resolved)
    };
}

/// Dead letters, the newest first, at most so many, from behind a place on.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    database: &Database,
    filter: &LetterFilter,
    after: Option<TimePlace>,
    most: usize,
) -> Result<Vec<DeadLetter>, StoreError> {
    let query = bound!(
        filter,
        concat!(
            "SELECT d.id, d.tenant_id, d.notification_id, d.failure_reason, d.moved_to_dlq_at,
                    d.resolved, d.resolved_at, d.resolved_by, d.note,
                    coalesce(n.attempts, d.retry_history) AS history, n.user_id,
                    n.message_type AS channel, n.status, n.provider, n.recipient, n.attempt_count,
                    n.error_message, n.redacted_at IS NOT NULL AS is_redacted
             FROM ",
            meant!(),
            " AND ($9 IS NULL OR (d.moved_to_dlq_at, d.id) < ($9, $10))
             ORDER BY d.moved_to_dlq_at DESC, d.id DESC LIMIT $11"
        )
    )
    .bind::<Nullable<Timestamptz>, _>(after.map(|after| time::to_database(after.at)))
    .bind::<Nullable<SqlUuid>, _>(after.map(|after| after.id))
    .bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX));
    let rows: Vec<DeadLetterRow> = query.load(&mut *database.get().await?).await?;
    Ok(rows.into_iter().map(DeadLetterRow::letter).collect())
}

#[derive(QueryableByName)]
struct CountLetters {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many dead letters a filter means.
///
/// # Errors
/// The database is out of reach.
pub async fn count(database: &Database, filter: &LetterFilter) -> Result<usize, StoreError> {
    let query = bound!(filter, concat!("SELECT count(*) AS count FROM ", meant!()));
    let found: CountLetters = query.get_result(&mut *database.get().await?).await?;
    Ok(usize::try_from(found.count).unwrap_or(0))
}

/// Marks dead letters as dealt with, at most so many, the newest first; says how many that were.
/// One that is resolved already stays as it is.
///
/// # Errors
/// The database is out of reach; `by` is no user.
pub async fn resolve(
    database: &Database,
    filter: &LetterFilter,
    by: Option<Uuid>,
    most: usize,
) -> Result<usize, StoreError> {
    let query = bound!(
        filter,
        concat!(
            "WITH picked AS MATERIALIZED (SELECT d.id FROM ",
            meant!(),
            " AND NOT d.resolved ORDER BY d.moved_to_dlq_at DESC, d.id DESC LIMIT $10),
              resolved AS (
                 UPDATE notification_dlq d SET resolved = true, resolved_at = now(), resolved_by = $9
                 FROM picked WHERE d.id = picked.id AND NOT d.resolved RETURNING d.id)
             SELECT count(*) AS count FROM resolved"
        )
    )
    .bind::<Nullable<SqlUuid>, _>(by)
    .bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX));
    let done: CountLetters = query.get_result(&mut *database.get().await?).await?;
    Ok(usize::try_from(done.count).unwrap_or(0))
}

/// Marks a dead letter as dealt with, with what somebody wrote down. Says whether nobody had before.
///
/// # Errors
/// The database is out of reach.
pub async fn resolve_one(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    note: Option<&str>,
) -> Result<bool, StoreError> {
    let resolved = diesel::sql_query(
        "UPDATE notification_dlq SET resolved = true, resolved_at = now(), resolved_by = NULL, note = $2
         WHERE id = $1 AND NOT resolved",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Nullable<Text>, _>(note)
    .execute(connection)
    .await?;
    Ok(resolved > 0)
}

impl DeadLetter {
    /// Why, as it is stored.
    #[must_use]
    pub fn reason_word(&self) -> &str {
        match &self.reason {
            Ok(reason) => reason.as_str(),
            Err(unknown) => &unknown.word,
        }
    }

    /// Its place in a list.
    #[must_use]
    pub const fn place(&self) -> TimePlace {
        TimePlace {
            at: self.moved_at,
            id: self.id,
        }
    }
}

impl DeadLetterRow {
    /// A letter must be seen, even if this version cannot read all that it says.
    fn letter(self) -> DeadLetter {
        let notification = self
            .channel
            .zip(self.status)
            .map(|(channel, status)| Failed {
                user_id: self.user_id,
                channel,
                status,
                provider: self.provider,
                recipient: self.recipient,
                attempt_count: self
                    .attempt_count
                    .and_then(|count| u16::try_from(count).ok())
                    .unwrap_or(0),
                error_message: self.error_message,
                is_redacted: self.is_redacted,
            });
        let history = match self.history {
            Some(Value::Array(lines)) => lines,
            _ => vec![],
        };
        let readable = |line| serde_json::from_value(line).ok();
        DeadLetter {
            id: self.id,
            tenant_id: self.tenant_id,
            notification_id: self.notification_id,
            reason: self.failure_reason.parse(),
            moved_at: time::from_database(self.moved_to_dlq_at),
            resolved: self.resolved,
            resolved_at: self.resolved_at.map(time::from_database),
            resolved_by: self.resolved_by,
            note: self.note,
            history: history.into_iter().filter_map(readable).collect(),
            notification,
        }
    }
}
