//! How far a look at the events that wait has come: however many wait, a look is at some of them.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Int8, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::super::StoreError;
use super::super::statement::statement;

/// Behind the event that was looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPlace {
    pub(super) at: DateTime<Utc>,
    pub(super) id: Uuid,
}

/// For what events wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwaitedThing {
    /// The row of their notification.
    Row,
    /// The outcome of their notification, which somebody has in hand.
    Outcome,
}

/// The place behind the next so many that match.
macro_rules! next_place {
    ($Statement:ident, $which:literal) => {
        statement!(
            $Statement(at: DateTime<Utc> => Timestamptz, id: Uuid => SqlUuid, others: i64 => Int8)
                -> (Timestamptz, SqlUuid) = concat!(
            "SELECT e.created_at, e.id FROM email_logs e WHERE ", $which, " AND (e.created_at, e.id) > (?, ?)
             ORDER BY e.created_at, e.id OFFSET ? LIMIT 1")
        );
    };
}

next_place!(
    NextEarly,
    "e.tenant_id IS NULL AND e.notification_id IS NOT NULL AND e.created_at > now() - interval '1 hour'"
);
next_place!(NextAwaiting, "e.awaits_outcome");

impl EventPlace {
    /// Before all of them.
    pub const START: Self = Self {
        at: DateTime::UNIX_EPOCH,
        id: Uuid::nil(),
    };

    /// The place behind the next so many; `None` when there are fewer.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn after(
        self,
        connection: &mut AsyncPgConnection,
        thing: AwaitedThing,
        many: i64,
    ) -> Result<Option<Self>, StoreError> {
        let (at, id, others) = (self.at, self.id, (many - 1).max(0));
        let found: Vec<(DateTime<Utc>, Uuid)> = match thing {
            AwaitedThing::Row => NextEarly { at, id, others }.load(connection).await?,
            AwaitedThing::Outcome => NextAwaiting { at, id, others }.load(connection).await?,
        };
        Ok(found.into_iter().next().map(|(at, id)| Self { at, id }))
    }
}
