//! Lists and counts of an inbox.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::entry::{EntryColumns, EntryRow, InboxEntry, entries, entry_columns, with_broadcast};
use crate::domain::TimePlace;
use crate::domain::inbox::{InboxCounts, InboxFilter, InboxView, MOST_COUNTED};
use crate::store::statement::statement;
use crate::store::time::{from_database, to_database};
use crate::store::{Database, StoreError};

/// Items that one page looks at, at most, for those that it wants.
const LOOKED_AT: i64 = 2_000;

/// What is in lists at all. The predicates of the partial indexes begin with the same words.
macro_rules! unread {
    () => {
        "i.read_at IS NULL AND i.archived_at IS NULL AND i.deleted_at IS NULL AND i.snoozed_until IS NULL"
    };
}
pub(super) use unread;

macro_rules! unseen {
    () => {
        "i.seen_at IS NULL AND i.archived_at IS NULL AND i.deleted_at IS NULL AND i.snoozed_until IS NULL"
    };
}
pub(super) use unseen;

/// Whether its reader may see it: it has not expired, and they have not switched off what it is. Two binds.
macro_rules! visible {
    () => {
        "(i.expires_at IS NULL OR i.expires_at > now())
         AND NOT (i.is_broadcast AND (? OR coalesce(i.category = ANY(?), false)))"
    };
}
pub(super) use visible;

/// Which part of an inbox is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxPart {
    /// The tenant.
    pub tenant: Uuid,
    /// The person.
    pub user: Uuid,
    /// Which of theirs; `None` is what is not archived.
    pub filter: Option<InboxFilter>,
    /// With one of these, unless there are none.
    pub tags: Vec<String>,
    /// What they have switched off.
    pub view: InboxView,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxPage {
    /// The newest first.
    pub entries: Vec<InboxEntry>,
    /// Where the next page begins.
    pub next: Option<TimePlace>,
}

macro_rules! list_statement {
    ($name:ident, $place:ident, $predicate:expr) => {
        statement!(
            $name(
                user: Uuid => SqlUuid,
                before: DateTime<Utc> => Timestamptz,
                before_at: DateTime<Utc> => Timestamptz,
                before_id: Uuid => SqlUuid,
                looked_at: i64 => Int8,
                tags: Vec<String> => Array<Text>,
                any_tag: Vec<String> => Array<Text>,
                is_off: bool => Bool,
                hidden: Vec<String> => Array<Text>,
                most: i64 => Int8,
            ) -> EntryColumns = concat!(
            "SELECT ", entry_columns!(), "
             FROM (SELECT i.* FROM inbox_items i
                   WHERE i.user_id = ? AND ", $predicate, "
                     AND i.delivered_at <= ? AND (i.delivered_at, i.id) < (?, ?)
                   ORDER BY i.delivered_at DESC, i.id DESC LIMIT ?) i ", with_broadcast!(), "
             WHERE (cardinality(?::text[]) = 0 OR i.tags && ?) AND ", visible!(), "
             ORDER BY i.delivered_at DESC, i.id DESC LIMIT ?")
        );

        statement!(
            $place(
                user: Uuid => SqlUuid,
                before: DateTime<Utc> => Timestamptz,
                before_at: DateTime<Utc> => Timestamptz,
                before_id: Uuid => SqlUuid,
                looked_at: i64 => Int8,
            ) -> (Timestamptz, SqlUuid) = concat!(
            "SELECT i.delivered_at, i.id FROM inbox_items i
             WHERE i.user_id = ? AND ", $predicate, "
               AND i.delivered_at <= ? AND (i.delivered_at, i.id) < (?, ?)
             ORDER BY i.delivered_at DESC, i.id DESC OFFSET ? LIMIT 1")
        );
    };
}

list_statement!(ListUnread, PlaceUnread, unread!());
list_statement!(ListUnseen, PlaceUnseen, unseen!());
list_statement!(
    ListArchived,
    PlaceArchived,
    "i.archived_at IS NOT NULL AND i.deleted_at IS NULL AND i.snoozed_until IS NULL"
);
list_statement!(
    ListSnoozed,
    PlaceSnoozed,
    "i.snoozed_until IS NOT NULL AND i.deleted_at IS NULL"
);
list_statement!(
    ListAll,
    PlaceAll,
    "i.deleted_at IS NULL AND i.snoozed_until IS NULL"
);
list_statement!(
    ListPresent,
    PlacePresent,
    "i.archived_at IS NULL AND i.deleted_at IS NULL AND i.snoozed_until IS NULL"
);

statement!(
    Count(
        user: Uuid => SqlUuid,
        is_off: bool => Bool,
        hidden: Vec<String> => Array<Text>,
        most: i64 => Int8,
        same_user: Uuid => SqlUuid,
        still_off: bool => Bool,
        still_hidden: Vec<String> => Array<Text>,
        same_most: i64 => Int8,
    ) -> (Int8, Int8) = concat!(
    "SELECT (SELECT count(*) FROM (SELECT FROM inbox_items i
             WHERE i.user_id = ? AND ", unseen!(), " AND ", visible!(), " LIMIT ?) unseen),
            (SELECT count(*) FROM (SELECT FROM inbox_items i
             WHERE i.user_id = ? AND ", unread!(), " AND ", visible!(), " LIMIT ?) unread)")
);

statement!(
    Newest(user: Uuid => SqlUuid) -> Nullable<Timestamptz> =
    "SELECT max(delivered_at) FROM inbox_items WHERE user_id = ?"
);

statement!(
    One(id: Uuid => SqlUuid, user: Uuid => SqlUuid, is_off: bool => Bool, hidden: Vec<String> => Array<Text>)
        -> EntryColumns = concat!(
    "SELECT ", entry_columns!(), " FROM inbox_items i ", with_broadcast!(), "
     WHERE i.id = ? AND i.user_id = ? AND ", visible!())
);

/// At most so many of a part of an inbox, the newest first, that come behind a place.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    database: &Database,
    part: &InboxPart,
    after: Option<TimePlace>,
    most: usize,
) -> Result<InboxPage, StoreError> {
    let after_at = after.map_or(DateTime::<Utc>::MAX_UTC, |place| to_database(place.at));
    let after_id = after.map_or(Uuid::max(), |place| place.id);
    let one_more = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
    let mut connection = database.get().await?;
    macro_rules! read {
        ($list:ident, $place:ident) => {{
            let list = $list {
                user: part.user,
                before: after_at,
                before_at: after_at,
                before_id: after_id,
                looked_at: LOOKED_AT,
                tags: part.tags.clone(),
                any_tag: part.tags.clone(),
                is_off: part.view.is_off,
                hidden: part.view.hidden.clone(),
                most: one_more,
            };
            let rows: Vec<EntryRow> = list.load(&mut *connection).await?;
            let mut found = entries(rows)?;
            let goes_on = found.len() > most;
            found.truncate(most);
            let next = match found.last().filter(|_| goes_on) {
                Some(last) => Some(TimePlace {
                    at: last.delivered_at,
                    id: last.id,
                }),
                // There may be more behind what was looked at.
                None => {
                    let place = $place {
                        user: part.user,
                        before: after_at,
                        before_at: after_at,
                        before_id: after_id,
                        looked_at: LOOKED_AT - 1,
                    };
                    let looked: Vec<(DateTime<Utc>, Uuid)> = match is_narrow(part) {
                        true => place.load(&mut *connection).await?,
                        false => vec![],
                    };
                    let last = looked.into_iter().next();
                    last.map(|(at, id)| TimePlace {
                        at: from_database(at),
                        id,
                    })
                }
            };
            InboxPage {
                entries: found,
                next,
            }
        }};
    }
    Ok(match part.filter {
        None => read!(ListPresent, PlacePresent),
        Some(InboxFilter::Unread) => read!(ListUnread, PlaceUnread),
        Some(InboxFilter::Unseen) => read!(ListUnseen, PlaceUnseen),
        Some(InboxFilter::Archived) => read!(ListArchived, PlaceArchived),
        Some(InboxFilter::Snoozed) => read!(ListSnoozed, PlaceSnoozed),
        Some(InboxFilter::All) => read!(ListAll, PlaceAll),
    })
}

/// Whether much of what is looked at may not be wanted.
fn is_narrow(part: &InboxPart) -> bool {
    !part.tags.is_empty() || part.view.is_off || !part.view.hidden.is_empty()
}

/// How many of a person's were not seen, and not read.
///
/// # Errors
/// The database is out of reach.
pub async fn counts(
    database: &Database,
    user: Uuid,
    view: &InboxView,
) -> Result<InboxCounts, StoreError> {
    let most = MOST_COUNTED + 1;
    let count = Count {
        user,
        is_off: view.is_off,
        hidden: view.hidden.clone(),
        most,
        same_user: user,
        still_off: view.is_off,
        still_hidden: view.hidden.clone(),
        same_most: most,
    };
    let counted: (i64, i64) = count.get_result(&mut *database.get().await?).await?;
    Ok(InboxCounts::of(counted))
}

/// When the newest of a person's was delivered.
///
/// # Errors
/// The database is out of reach.
pub async fn newest(database: &Database, user: Uuid) -> Result<Option<Timestamp>, StoreError> {
    let newest = Newest { user };
    let newest: Option<DateTime<Utc>> = newest.get_result(&mut *database.get().await?).await?;
    Ok(newest.map(from_database))
}

/// One of a person's, also one that they have deleted.
///
/// # Errors
/// The database is out of reach.
pub async fn one(
    connection: &mut AsyncPgConnection,
    user: Uuid,
    id: Uuid,
    view: &InboxView,
) -> Result<Option<InboxEntry>, StoreError> {
    let one = One {
        id,
        user,
        is_off: view.is_off,
        hidden: view.hidden.clone(),
    };
    let rows: Vec<EntryRow> = one.load(connection).await?;
    Ok(entries(rows)?.into_iter().next())
}
