//! Pauses of accounts: rows that hold on every node, and end by themselves.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{Double, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::AccountPause;
use crate::store::StoreError;
use crate::store::change::word;
use crate::store::schema::notification_schema::provider_pauses;
use crate::store::time::{from_database, to_database};

#[derive(QueryableByName)]
struct PauseRow {
    #[diesel(sql_type = SqlUuid)]
    provider_id: Uuid,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    paused_by: String,
    #[diesel(sql_type = Timestamptz)]
    paused_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    ends_at: DateTime<Utc>,
    #[diesel(sql_type = Double)]
    left: f64,
}

/// The pauses that hold now, by account, with how long they hold yet.
///
/// # Errors
/// The database is out of reach.
pub async fn holding(
    connection: &mut AsyncPgConnection,
) -> Result<HashMap<Uuid, (AccountPause, Duration)>, StoreError> {
    let rows: Vec<PauseRow> = diesel::sql_query(
        "SELECT provider_id, kind, reason, paused_by, paused_at, ends_at, \
             extract(epoch FROM ends_at - now())::float8 AS left \
         FROM provider_pauses WHERE ended_at IS NULL AND ends_at > now()",
    )
    .load(connection)
    .await?;
    let holding = |row: PauseRow| {
        let pause = AccountPause {
            kind: word(&row.kind)?,
            reason: row.reason,
            by: row.paused_by,
            since: from_database(row.paused_at),
            until: from_database(row.ends_at),
        };
        let left = Duration::try_from_secs_f64(row.left).unwrap_or_default();
        Ok((row.provider_id, (pause, left)))
    };
    rows.into_iter().map(holding).collect()
}

/// Pauses an account; a pause that it had ends. To be called in a transaction.
///
/// # Errors
/// The database is out of reach.
pub async fn begin(
    connection: &mut AsyncPgConnection,
    provider_id: Uuid,
    pause: &AccountPause,
) -> Result<(), StoreError> {
    use provider_pauses as p;
    end(connection, provider_id, &pause.by).await?;
    diesel::insert_into(p::table)
        .values((
            p::provider_id.eq(provider_id),
            p::kind.eq(pause.kind.as_str()),
            p::reason.eq(&pause.reason),
            p::paused_by.eq(&pause.by),
            p::paused_at.eq(to_database(pause.since)),
            p::ends_at.eq(to_database(pause.until)),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends the pause of an account, if it has one; `by` says who.
///
/// # Errors
/// The database is out of reach.
pub async fn end(
    connection: &mut AsyncPgConnection,
    provider_id: Uuid,
    by: &str,
) -> Result<(), StoreError> {
    use provider_pauses as p;
    diesel::update(p::table)
        .filter(p::provider_id.eq(provider_id))
        .filter(p::ended_at.is_null())
        .set((p::ended_at.eq(diesel::dsl::now), p::ended_by.eq(by)))
        .execute(connection)
        .await?;
    Ok(())
}
