//! What notifications had for effects, as far as anybody was told.

use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::statement::statement;

statement!(
    /// The effects of notifications. Rows of inboxes are held: what is marked at the same moment waits, or is seen.
    Effects(
        ids: Vec<Uuid> => Array<SqlUuid>,
        of_people: Vec<Uuid> => Array<SqlUuid>,
        events_of: Vec<Uuid> => Array<SqlUuid>,
    ) -> (SqlUuid, Text) =
        "WITH items AS (
             SELECT i.id, i.seen_at, i.read_at, i.interacted_at
             FROM unnest(?, ?) AS asked (id, user_id)
             JOIN inbox_items i ON i.id = asked.id AND i.user_id = asked.user_id
             FOR SHARE OF i
         )
         SELECT id, 'delivered' FROM items
         UNION ALL SELECT id, 'seen' FROM items WHERE seen_at IS NOT NULL
         UNION ALL SELECT id, 'read' FROM items WHERE read_at IS NOT NULL
         UNION ALL SELECT id, 'click' FROM items WHERE interacted_at IS NOT NULL
         UNION ALL SELECT notification_id, event FROM email_logs
         WHERE notification_id = ANY(?) AND event IN ('delivered', 'open', 'click')
             AND matched_by <> 'address'"
);

/// The effects of these notifications of people: `delivered`, `seen`, `read`, `open` or `click`. What a program has
/// opened, and what was told of an address alone, is none.
///
/// # Errors
/// The database is out of reach.
pub async fn of(
    connection: &mut AsyncPgConnection,
    sent: &[(Uuid, Uuid)],
) -> Result<Vec<(Uuid, String)>, StoreError> {
    let ids: Vec<Uuid> = sent.iter().map(|(id, _)| *id).collect();
    let effects = Effects {
        events_of: ids.clone(),
        ids,
        of_people: sent.iter().map(|(_, user)| *user).collect(),
    };
    Ok(effects.load(connection).await?)
}
