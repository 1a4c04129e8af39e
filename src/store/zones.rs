//! The time zones that rows name.

use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;

#[derive(diesel::QueryableByName)]
struct ZoneRow {
    #[diesel(sql_type = Text)]
    timezone: String,
}

/// Every time zone that a person lives in or a preference goes by.
///
/// # Errors
/// When the database fails.
pub async fn named(connection: &mut AsyncPgConnection) -> Result<Vec<String>, StoreError> {
    let named: Vec<ZoneRow> = diesel::sql_query(
        "SELECT timezone FROM users WHERE timezone IS NOT NULL AND deleted_at IS NULL \
         UNION SELECT timezone FROM notification_preferences WHERE timezone IS NOT NULL ORDER BY 1",
    )
    .load(connection)
    .await?;
    Ok(named.into_iter().map(|named| named.timezone).collect())
}
