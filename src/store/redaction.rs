//! Redaction: taking address and content out of what has been done for long enough. What is kept says what
//! happened, when, through whom and why.
//!
//! It goes by ids, from the first one on, and remembers how far it has come: so it needs no index that each insert
//! would pay for, and reads each row twice in its life. What is open when its turn comes is noted, and looked at
//! again each day.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Int8, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::notifications::bound;
use super::statement::statement;
use super::{Database, StoreError, time};

/// What stands in place of a payload: no version reads it as one.
const NOTHING: &str = r#"{"redacted": true}"#;
/// How much later notifications are looked at once more: a row may be stored long after its id was made.
const LATE: SignedDuration = SignedDuration::from_hours(31 * 24);
/// When what was open is looked at again.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// No plan may read a table, or sort one: pages are read in the order of the primary key.
const BY_INDEX: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off";

/// What one part of the work did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedactedPart {
    /// Notifications that were redacted.
    pub notifications: u64,
    /// Events of providers that were.
    pub events: u64,
    /// Whether there may be more to do now.
    pub is_more: bool,
}

/// How far it has come.
#[derive(Debug, Clone, Copy)]
struct RedactionPlace {
    notifications: Uuid,
    late: Uuid,
    events: Uuid,
}

statement!(
    HoldTurn() -> (SqlUuid, SqlUuid, SqlUuid) =
    "SELECT notifications, late, events FROM redaction_turn FOR UPDATE SKIP LOCKED"
);

statement!(
    GoOn(notifications: Uuid => SqlUuid, late: Uuid => SqlUuid, events: Uuid => SqlUuid) -> Bool =
    "UPDATE redaction_turn SET notifications = ?, late = ?, events = ? RETURNING true"
);

statement!(
    NextNotifications(after: Uuid => SqlUuid, before: Uuid => SqlUuid, most: i64 => Int8) -> (SqlUuid, Bool) =
    "SELECT id, redacted_at IS NOT NULL FROM notifications WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
);

// What somebody has locked is left for later: nobody waits for this, and this waits for nobody. A letter that is open,
// or was until lately, keeps its notification as it is.
statement!(
    Redact(
        done_before: DateTime<Utc> => Timestamptz,
        ids: Vec<Uuid> => Array<SqlUuid>,
        nothing: &'static str => Text,
        at: DateTime<Utc> => Timestamptz,
    ) -> SqlUuid =
    "WITH held AS MATERIALIZED (
         SELECT n.id FROM notifications n CROSS JOIN (SELECT ?::timestamptz AS done_before) AS asked
         WHERE n.id = ANY (?) AND n.redacted_at IS NULL AND n.status <> 'pending'
           AND greatest(n.created_at, n.last_attempted, n.sent_at, n.failed_at) < asked.done_before
           AND NOT EXISTS (SELECT FROM notification_dlq d
                           WHERE d.notification_id = n.id
                             AND (NOT d.resolved OR coalesce(d.resolved_at, d.moved_to_dlq_at) >= asked.done_before))
         FOR NO KEY UPDATE OF n SKIP LOCKED
     ), redacted AS (
         UPDATE notifications n SET
             payload = nothing.payload::jsonb, recipient = NULL, metadata = NULL, error_message = NULL,
             attempts = wordless_timeline(n.attempts), redacted_at = nothing.since
         FROM held CROSS JOIN (SELECT ?::text AS payload, ?::timestamptz AS since) AS nothing
         WHERE n.id = held.id
         RETURNING n.id
     ), letters AS (
         UPDATE notification_dlq d SET retry_history = wordless_timeline(d.retry_history)
         FROM redacted WHERE d.notification_id = redacted.id
     )
     SELECT id FROM redacted"
);

statement!(
    LookLater(ids: Vec<Uuid> => Array<SqlUuid>, at: DateTime<Utc> => Timestamptz) -> Bool =
    "INSERT INTO redaction_waits (notification_id, look_at)
     SELECT id, later.at FROM unnest(?) AS id CROSS JOIN (SELECT ?::timestamptz AS at) AS later
     ON CONFLICT DO NOTHING RETURNING true"
);

statement!(
    DueWaits(now: DateTime<Utc> => Timestamptz, most: i64 => Int8) -> SqlUuid =
    "SELECT notification_id FROM redaction_waits WHERE look_at <= ? ORDER BY look_at LIMIT ?"
);

// What was redacted, and what is gone.
statement!(
    EndWaits(ids: Vec<Uuid> => Array<SqlUuid>) -> Bool =
    "DELETE FROM redaction_waits w
     WHERE w.notification_id = ANY (?)
       AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = w.notification_id AND n.redacted_at IS NULL)
     RETURNING true"
);

statement!(
    WaitOn(at: DateTime<Utc> => Timestamptz, ids: Vec<Uuid> => Array<SqlUuid>) -> Bool =
    "UPDATE redaction_waits SET look_at = ? WHERE notification_id = ANY (?) RETURNING true"
);

statement!(
    NextEvents(after: Uuid => SqlUuid, before: Uuid => SqlUuid, most: i64 => Int8) -> SqlUuid =
    "SELECT id FROM email_logs WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
);

// By whom people unsubscribed and subscribed again decides for as long as either may be told anew.
statement!(
    RedactEvents(ids: Vec<Uuid> => Array<SqlUuid>) -> Bool =
    "WITH held AS MATERIALIZED (
         SELECT e.id FROM email_logs e
         WHERE e.id = ANY (?) AND NOT e.awaits_outcome AND NOT e.is_doubted
           AND (e.raw IS NOT NULL OR e.detail IS NOT NULL
                OR e.recipient IS NOT NULL AND e.event NOT IN ('unsubscribe', 'resubscribe'))
         FOR NO KEY UPDATE SKIP LOCKED
     )
     UPDATE email_logs e SET
         raw = NULL, detail = NULL,
         recipient = CASE WHEN e.event IN ('unsubscribe', 'resubscribe') THEN e.recipient END
     FROM held WHERE e.id = held.id RETURNING true"
);

/// Does a part of the work: looks at so many notifications and events at most, and redacts those that have been done
/// for so many days. Does nothing while another node is at it.
///
/// # Errors
/// The database is out of reach; then nothing of this part is done.
pub async fn go_on(
    database: &Database,
    days: i32,
    most: i64,
    now: Timestamp,
) -> Result<RedactedPart, StoreError> {
    let kept = SignedDuration::from_hours(i64::from(days) * 24);
    let done_before = now.saturating_sub(kept).unwrap_or(Timestamp::MIN);
    database
        .transaction(async |connection| {
            let held: Vec<(Uuid, Uuid, Uuid)> = HoldTurn {}.load(connection).await?;
            let Some((notifications, late, events)) = held.into_iter().next() else {
                return Ok(RedactedPart::default());
            };
            connection.batch_execute(BY_INDEX).await?;
            let mut round = RedactionRound {
                connection: &mut *connection,
                now,
                done_before,
                most,
                part: RedactedPart::default(),
            };
            let place = RedactionPlace {
                notifications: round.walk(notifications, done_before).await?,
                late: round
                    .walk(
                        late,
                        done_before.saturating_sub(LATE).unwrap_or(done_before),
                    )
                    .await?,
                events: round.walk_events(events).await?,
            };
            round.look_again().await?;
            let part = round.part;
            place.remember(connection).await?;
            Ok(part)
        })
        .await
}

impl RedactionPlace {
    async fn remember(self, connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
        let go_on = GoOn {
            notifications: self.notifications,
            late: self.late,
            events: self.events,
        };
        let _: Vec<bool> = go_on.load(connection).await?;
        Ok(())
    }
}

/// A part of the work, while it is done.
struct RedactionRound<'a> {
    connection: &'a mut AsyncPgConnection,
    now: Timestamp,
    done_before: Timestamp,
    most: i64,
    part: RedactedPart,
}

impl RedactionRound<'_> {
    /// Looks at the notifications that come next and were accepted before a time; says where to go on.
    async fn walk(&mut self, after: Uuid, before: Timestamp) -> Result<Uuid, StoreError> {
        let page = NextNotifications {
            after,
            before: bound(before),
            most: self.most,
        };
        let page: Vec<(Uuid, bool)> = page.load(self.connection).await?;
        let Some((last, _)) = page.last().copied() else {
            return Ok(after);
        };
        self.note_size(page.len());
        let whole = page.into_iter().filter(|(_, is_redacted)| !is_redacted);
        let whole: Vec<Uuid> = whole.map(|(id, _)| id).collect();
        let redacted = self.redact(&whole).await?;
        let ids = whole.into_iter().filter(|id| !redacted.contains(id));
        let later = LookLater {
            ids: ids.collect(),
            at: self.again(),
        };
        let _: Vec<bool> = later.load(self.connection).await?;
        Ok(last)
    }

    /// Looks again at what was not done for long enough before.
    async fn look_again(&mut self) -> Result<(), StoreError> {
        let due = DueWaits {
            now: time::to_database(self.now),
            most: self.most,
        };
        let due: Vec<Uuid> = due.load(self.connection).await?;
        if due.is_empty() {
            return Ok(());
        }
        self.note_size(due.len());
        self.redact(&due).await?;
        let ids = due.clone();
        let _: Vec<bool> = EndWaits { ids }.load(self.connection).await?;
        let on = WaitOn {
            at: self.again(),
            ids: due,
        };
        let _: Vec<bool> = on.load(self.connection).await?;
        Ok(())
    }

    async fn redact(&mut self, ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let redact = Redact {
            done_before: time::to_database(self.done_before),
            ids: ids.to_vec(),
            nothing: NOTHING,
            at: time::to_database(self.now),
        };
        let redacted: Vec<Uuid> = redact.load(self.connection).await?;
        self.part.notifications += u64::try_from(redacted.len()).unwrap_or(0);
        Ok(redacted.into_iter().collect())
    }

    /// Looks at the events that come next; says where to go on.
    async fn walk_events(&mut self, after: Uuid) -> Result<Uuid, StoreError> {
        let page = NextEvents {
            after,
            before: bound(self.done_before),
            most: self.most,
        };
        let ids: Vec<Uuid> = page.load(self.connection).await?;
        let Some(last) = ids.last().copied() else {
            return Ok(after);
        };
        self.note_size(ids.len());
        let redacted: Vec<bool> = RedactEvents { ids }.load(self.connection).await?;
        self.part.events += u64::try_from(redacted.len()).unwrap_or(0);
        Ok(last)
    }

    fn note_size(&mut self, size: usize) {
        self.part.is_more |= i64::try_from(size).is_ok_and(|size| size >= self.most);
    }

    fn again(&self) -> DateTime<Utc> {
        time::to_database(self.now.saturating_add(AGAIN).unwrap_or(self.now))
    }
}
