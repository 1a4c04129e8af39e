//! What is asked of many inboxes at once, for those who have streams of them.

use diesel::sql_types::{Array, Bool, Int8, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::listing::{unread, unseen};
use crate::domain::inbox::{InboxCounts, InboxView, MOST_COUNTED};
use crate::store::statement::statement;
use crate::store::{Database, StoreError, form};

statement!(
    Standings(users: Vec<Uuid> => Array<SqlUuid>, tenants: Vec<Uuid> => Array<SqlUuid>)
        -> (SqlUuid, Int8, Bool, Bool) =
    "SELECT asked.user_id, coalesce(r.last_sequence, 0),
            coalesce(t.last_sequence, 0) > coalesce(r.taken_up_to, 0), u.id IS NOT NULL
     FROM unnest(?, ?) AS asked (user_id, tenant_id)
     LEFT JOIN inbox_readers r ON r.user_id = asked.user_id
     LEFT JOIN inbox_tenants t ON t.tenant_id = asked.tenant_id
     LEFT JOIN users u ON u.id = asked.user_id AND u.tenant_id = asked.tenant_id AND u.deleted_at IS NULL"
);

/// As `visible`, for a reader who is asked about.
macro_rules! visible_to_asked {
    () => {
        "(i.expires_at IS NULL OR i.expires_at > now())
         AND NOT (i.is_broadcast
                  AND (asked.is_off OR coalesce(jsonb_exists(asked.hidden::jsonb, i.category), false)))"
    };
}

statement!(
    CountsOf(
        most: i64 => Int8,
        same_most: i64 => Int8,
        users: Vec<Uuid> => Array<SqlUuid>,
        are_off: Vec<bool> => Array<Bool>,
        hidden: Vec<String> => Array<Text>,
    ) -> (SqlUuid, Int8, Int8) = concat!(
    "SELECT asked.user_id,
            (SELECT count(*) FROM (SELECT FROM inbox_items i
             WHERE i.user_id = asked.user_id AND ", unseen!(), " AND ", visible_to_asked!(), " LIMIT ?) unseen),
            (SELECT count(*) FROM (SELECT FROM inbox_items i
             WHERE i.user_id = asked.user_id AND ", unread!(), " AND ", visible_to_asked!(), " LIMIT ?) unread)
     FROM unnest(?, ?, ?) AS asked (user_id, is_off, hidden)")
);

/// Where somebody's inbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxStanding {
    /// The person.
    pub user_id: Uuid,
    /// The number of the last change; 0 before the first.
    pub last_sequence: i64,
    /// Whether there is something for everybody that they have not taken up.
    pub is_behind: bool,
    /// Whether there is such a person of the tenant.
    pub is_there: bool,
}

/// Where the inboxes of these people stand, who are named by tenant and id.
///
/// # Errors
/// The database is out of reach.
pub async fn standings(
    database: &Database,
    people: &[(Uuid, Uuid)],
) -> Result<Vec<InboxStanding>, StoreError> {
    let (tenants, users) = people.iter().copied().unzip();
    let standings = Standings { users, tenants };
    let rows: Vec<(Uuid, i64, bool, bool)> = standings.load(&mut *database.get().await?).await?;
    let standing = |(user_id, last_sequence, is_behind, is_there)| InboxStanding {
        user_id,
        last_sequence,
        is_behind,
        is_there,
    };
    Ok(rows.into_iter().map(standing).collect())
}

/// How many these people have not seen, and not read, of what they see.
///
/// # Errors
/// The database is out of reach.
pub async fn counts(
    database: &Database,
    people: &[(Uuid, InboxView)],
) -> Result<Vec<(Uuid, InboxCounts)>, StoreError> {
    let most = MOST_COUNTED + 1;
    let counts = CountsOf {
        most,
        same_most: most,
        users: people.iter().map(|(user, _)| *user).collect(),
        are_off: people.iter().map(|(_, view)| view.is_off).collect(),
        hidden: people
            .iter()
            .map(|(_, view)| form::json(&view.hidden))
            .collect(),
    };
    let rows: Vec<(Uuid, i64, i64)> = counts.load(&mut *database.get().await?).await?;
    let counted = |(user, unseen, unread)| (user, InboxCounts::of((unseen, unread)));
    Ok(rows.into_iter().map(counted).collect())
}
