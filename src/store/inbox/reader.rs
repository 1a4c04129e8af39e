//! Readers: the row that whoever changes an inbox holds, and what it takes up of what is for everybody.

use diesel::sql_types::{Array, Int8, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::statement::statement;
use crate::store::{Database, StoreError};

/// Broadcasts that a reader takes up at once.
const AT_ONCE: i64 = 500;
/// Readers of one transaction.
const TOGETHER: usize = 500;

statement!(
    Standing(user: Uuid => SqlUuid, tenant: Uuid => SqlUuid) -> (Nullable<Int8>, Nullable<Int8>, Nullable<Int8>) =
    "SELECT r.last_sequence, r.taken_up_to, t.last_sequence
     FROM (SELECT ?::uuid AS user_id, ?::uuid AS tenant_id) asked
     LEFT JOIN inbox_readers r ON r.user_id = asked.user_id
     LEFT JOIN inbox_tenants t ON t.tenant_id = asked.tenant_id"
);

// Everybody locks readers in the order of their ids.
statement!(
    /// Holds readers until the commit; makes those that are not there.
    Hold(users: Vec<Uuid> => Array<SqlUuid>, tenant: Uuid => SqlUuid) -> (SqlUuid, Int8, Int8) =
    "INSERT INTO inbox_readers AS r (user_id, tenant_id)
     SELECT asked.user_id, asked.tenant_id
     FROM (SELECT DISTINCT unnest(?) AS user_id, ?::uuid AS tenant_id) asked ORDER BY asked.user_id
     ON CONFLICT (user_id) DO UPDATE SET tenant_id = r.tenant_id
     RETURNING user_id, last_sequence, taken_up_to"
);

// What has expired is passed over, and has no number in the reader's sequence.
statement!(
    /// Puts what is for everybody and is not taken up yet into the inboxes of readers that are held.
    TakeUp(tenant: Uuid => SqlUuid, most: i64 => Int8, users: Vec<Uuid> => Array<SqlUuid>) -> (SqlUuid, Int8) =
    "WITH looked AS (
         SELECT r.user_id, r.tenant_id, r.last_sequence, b.id, b.sequence AS up_to, b.delivered_at, b.expires_at,
                b.category, b.tags, b.expires_at IS NULL OR b.expires_at > now() AS is_live
         FROM inbox_readers r CROSS JOIN LATERAL (
             SELECT * FROM inbox_broadcasts b WHERE b.tenant_id = ? AND b.sequence > r.taken_up_to
             ORDER BY b.sequence LIMIT ?) b
         WHERE r.user_id = ANY(?)
     ), placed AS (
         SELECT *, last_sequence + row_number() OVER (PARTITION BY user_id ORDER BY up_to) AS place
         FROM looked WHERE is_live
     ), taken AS (
         INSERT INTO inbox_items (
             id, user_id, tenant_id, arrival, sequence, is_broadcast, delivered_at, expires_at, category, tags)
         SELECT id, user_id, tenant_id, place, place, true, delivered_at, expires_at, category, tags
         FROM placed ORDER BY id, user_id
     )
     UPDATE inbox_readers r SET taken_up_to = seen.up_to, last_sequence = r.last_sequence + seen.many
     FROM (SELECT user_id, max(up_to) AS up_to, count(*) FILTER (WHERE is_live) AS many,
                  count(*) AS looked
           FROM looked GROUP BY user_id) seen
     WHERE r.user_id = seen.user_id
     RETURNING r.user_id, seen.looked"
);

/// Where a reader stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReaderStanding {
    /// The number of the last change; 0 before the first.
    pub last_sequence: i64,
    /// Whether there is something for everybody that they have not taken up.
    pub is_behind: bool,
}

/// Where a reader stands, after they have taken up what is for everybody.
///
/// # Errors
/// The database is out of reach, or others change the inbox at this moment.
pub async fn stand(
    database: &Database,
    tenant: Uuid,
    user: Uuid,
) -> Result<ReaderStanding, StoreError> {
    let standing = read(&mut *database.get().await?, tenant, user).await?;
    if !standing.is_behind {
        return Ok(standing);
    }
    take_up(database, tenant, &[user]).await?;
    read(&mut *database.get().await?, tenant, user).await
}

async fn read(
    connection: &mut AsyncPgConnection,
    tenant: Uuid,
    user: Uuid,
) -> Result<ReaderStanding, StoreError> {
    let standing = Standing { user, tenant };
    let (last, up_to, broadcasts): (Option<i64>, Option<i64>, Option<i64>) =
        standing.get_result(connection).await?;
    Ok(ReaderStanding {
        last_sequence: last.unwrap_or(0),
        is_behind: broadcasts.unwrap_or(0) > up_to.unwrap_or(0),
    })
}

/// Puts what is for everybody of a tenant into the inboxes of these of its people, each with numbers of their own
/// sequence. What they have taken up already they do not take up again.
///
/// # Errors
/// The database is out of reach, or others change the inboxes at this moment.
pub async fn take_up(database: &Database, tenant: Uuid, users: &[Uuid]) -> Result<(), StoreError> {
    for users in users.chunks(TOGETHER) {
        let mut goes_on = true;
        while goes_on {
            let work = async |connection: &mut AsyncPgConnection| {
                hold(connection, tenant, users).await?;
                held_take_up(connection, tenant, users).await
            };
            goes_on = database.transaction(work).await?;
        }
    }
    Ok(())
}

/// Holds readers until the commit.
///
/// # Errors
/// One of them is nobody; or the database is out of reach, or others change the inboxes at this moment.
pub(super) async fn hold(
    connection: &mut AsyncPgConnection,
    tenant: Uuid,
    users: &[Uuid],
) -> Result<(), StoreError> {
    let hold = Hold {
        users: users.to_vec(),
        tenant,
    };
    let _: Vec<(Uuid, i64, i64)> = hold.load(connection).await?;
    Ok(())
}

/// Takes up for readers that are held; whether there may be more.
///
/// # Errors
/// The database is out of reach.
pub(super) async fn held_take_up(
    connection: &mut AsyncPgConnection,
    tenant: Uuid,
    users: &[Uuid],
) -> Result<bool, StoreError> {
    let take_up = TakeUp {
        tenant,
        most: AT_ONCE,
        users: users.to_vec(),
    };
    let taken: Vec<(Uuid, i64)> = take_up.load(connection).await?;
    Ok(taken.iter().any(|(_, looked)| *looked >= AT_ONCE))
}
