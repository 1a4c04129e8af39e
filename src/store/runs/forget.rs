//! Forgetting a person.

use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;

/// Forgets what runs, digests and throttles know of a person; their notifications are erased elsewhere.
///
/// # Errors
/// The database's.
pub async fn forget(connection: &mut AsyncPgConnection, user_id: Uuid) -> Result<(), StoreError> {
    for text in [
        "DELETE FROM digests WHERE user_id = $1",
        "DELETE FROM workflow_runs WHERE user_id = $1",
        "DELETE FROM throttles WHERE user_id = $1",
    ] {
        diesel::sql_query(text)
            .bind::<SqlUuid, _>(user_id)
            .execute(connection)
            .await?;
    }
    Ok(())
}
