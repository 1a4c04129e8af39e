//! What troubled one account, for people to see.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;

use crate::store::StoreError;
use crate::store::time::from_database;

/// What troubled an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTrouble {
    /// The stable word.
    pub event_type: String,
    /// How bad it is.
    pub severity: String,
    /// In words.
    pub description: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
}

#[derive(QueryableByName)]
struct TroubleRow {
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Text)]
    severity: String,
    #[diesel(sql_type = Text)]
    description: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    resolved_at: Option<DateTime<Utc>>,
}

/// What troubled an account in the last 30 days, at most so much, the newest first.
///
/// # Errors
/// The database is out of reach.
pub async fn of(
    connection: &mut AsyncPgConnection,
    provider: &str,
    most: usize,
) -> Result<Vec<StoredTrouble>, StoreError> {
    let rows: Vec<TroubleRow> = diesel::sql_query(
        "SELECT event_type, severity, description, created_at, resolved_at \
         FROM admin_system_events \
         WHERE created_at > now() - interval '30 days' AND details ->> 'provider' = $1 \
         ORDER BY created_at DESC, id DESC LIMIT $2",
    )
    .bind::<Text, _>(provider)
    .bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX))
    .load(connection)
    .await?;
    let trouble = |row: TroubleRow| StoredTrouble {
        event_type: row.event_type,
        severity: row.severity,
        description: row.description,
        created_at: from_database(row.created_at),
        resolved_at: row.resolved_at.map(from_database),
    };
    Ok(rows.into_iter().map(trouble).collect())
}
