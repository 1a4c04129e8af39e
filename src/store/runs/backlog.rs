//! How many runs of a tenant are due.

use diesel::sql_types::{Int8, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::statement::statement;

statement!(
    /// Counts due runs of a tenant, and no more than asked for.
    CountDue(
        tenant_id: Uuid => SqlUuid,
        most: i64 => Int8,
    ) -> Int8 =
        "SELECT count(*) FROM (SELECT FROM workflow_runs WHERE tenant_id = ? AND status = 'waiting' AND due_at <= now()
             LIMIT ?) due"
);

/// How many runs of a tenant are due and wait for their turn; at most so many are counted.
///
/// # Errors
/// The database is out of reach.
pub async fn due(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    most: u32,
) -> Result<u32, StoreError> {
    let count = CountDue {
        tenant_id,
        most: most.into(),
    };
    let due: i64 = count.get_result(connection).await?;
    Ok(u32::try_from(due).unwrap_or(u32::MAX))
}
