//! How many runs went on, counted from the first on.

use diesel::sql_types::{Double, Int4, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::statement::statement;

statement!(
    /// Counts one more, if there is room.
    Admit(
        tenant_id: Uuid => SqlUuid,
        user_id: Uuid => SqlUuid,
        scope: String => Text,
        key: String => Text,
        per: f64 => Double,
        at_most: i32 => Int4,
    ) -> Int4 =
        "INSERT INTO throttles AS t (tenant_id, user_id, scope, key, since, until, went)
         SELECT asked.tenant_id, asked.user_id, asked.scope, asked.key, now(),
             now() + make_interval(secs => asked.per), 1
         FROM (SELECT ?::uuid, ?::uuid, ?::text, ?::text, ?::double precision)
             AS asked (tenant_id, user_id, scope, key, per)
         ON CONFLICT (tenant_id, user_id, scope, key) DO UPDATE SET
             went = CASE WHEN t.until <= now() THEN 1 ELSE t.went + 1 END,
             since = CASE WHEN t.until <= now() THEN excluded.since ELSE t.since END,
             until = CASE WHEN t.until <= now() THEN excluded.until ELSE t.until END
         WHERE t.until <= now() OR t.went < ?
         RETURNING went"
);

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottleCount {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The person.
    pub user_id: Uuid,
    /// What is counted together.
    pub scope: String,
    /// What is counted apart.
    pub key: String,
}

/// Counts one more, if there is room: whether there was.
///
/// # Errors
/// The database is out of reach.
pub async fn admit(
    connection: &mut AsyncPgConnection,
    count: ThrottleCount,
    (at_most, per): (u32, std::time::Duration),
) -> Result<bool, StoreError> {
    let admit = Admit {
        tenant_id: count.tenant_id,
        user_id: count.user_id,
        scope: count.scope,
        key: count.key,
        per: per.as_secs_f64(),
        at_most: i32::try_from(at_most).unwrap_or(i32::MAX),
    };
    let went: Vec<i32> = admit.load(connection).await?;
    Ok(!went.is_empty())
}
