//! Whether the server keeps what was committed, should its machine crash.

use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;

#[derive(diesel::QueryableByName)]
struct SettingRow {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The server's settings that are off and without which a crash of its machine loses or damages what was
/// committed. That a commit waits for the disk, each session of the engine sees to itself.
///
/// # Errors
/// When the database fails.
pub async fn switched_off(connection: &mut AsyncPgConnection) -> Result<Vec<String>, StoreError> {
    let off: Vec<SettingRow> = diesel::sql_query(
        "SELECT name FROM pg_settings \
         WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name",
    )
    .load(connection)
    .await?;
    Ok(off.into_iter().map(|row| row.name).collect())
}
