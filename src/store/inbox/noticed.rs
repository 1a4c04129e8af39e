//! Whether somebody has noticed what lies in their inbox, for what is sent elsewhere only if they have not.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::schema::notification_schema::inbox_items;

/// What a person has done with an item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noticed {
    /// They have seen it.
    pub seen: bool,
    /// They have read it.
    pub read: bool,
    /// They have pressed one of its buttons.
    pub clicked: bool,
}

/// What a person has done with these items so far, by notification, held until the transaction ends. Whatever is accepted
/// in the same transaction is decided on this: who sees an item at that moment comes before it, and is known here, or
/// after it. What is not in the inbox is not there.
///
/// # Errors
/// The database is out of reach, or the person changes one of them for long at this moment: nothing is decided then.
pub async fn hold(
    connection: &mut AsyncPgConnection,
    user_id: Uuid,
    items: &[Uuid],
) -> Result<HashMap<Uuid, Noticed>, StoreError> {
    use inbox_items as i;
    let rows: Vec<(Uuid, bool, bool, bool)> = i::table
        .filter(i::id.eq_any(items))
        .filter(i::user_id.eq(user_id))
        .order(i::id)
        .select((
            i::id,
            i::seen_at.is_not_null(),
            i::read_at.is_not_null(),
            i::interacted_at.is_not_null(),
        ))
        .for_share()
        .load(connection)
        .await?;
    let noticed = rows.into_iter().map(|(id, seen, read, clicked)| {
        let noticed = Noticed {
            seen,
            read,
            clicked,
        };
        (id, noticed)
    });
    Ok(noticed.collect())
}
