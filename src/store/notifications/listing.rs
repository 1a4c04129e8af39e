//! A look at a span of notifications.

use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::row::{IdRow, ListedRow, SUMMARY};
use super::{IdSpan, ListLook, NotificationFilter};
use crate::store::StoreError;

/// Rows that one look goes through at most: some twenty milliseconds.
const LOOK: i64 = 20_000;

/// What a column must be.
enum WantedValue<'a> {
    Id(Uuid),
    Word(&'a str),
}

type ColumnCondition<'a> = (&'static str, WantedValue<'a>);

/// Looks at a span of a tenant's notifications, of all tenants' without one, and finds at most so many that a
/// filter means.
///
/// # Errors
/// The database is out of reach.
pub async fn look(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    filter: &NotificationFilter,
    span: IdSpan,
    most: usize,
) -> Result<ListLook, StoreError> {
    let (by_index, others) = conditions(tenant_id, filter);
    let inner = text(&by_index, 3);
    let outer = text(&others, 3 + by_index.len());
    let limit = 3 + by_index.len() + others.len();
    let query = format!(
        "SELECT {SUMMARY} FROM (
             SELECT n.* FROM notifications n WHERE n.id >= $1 AND n.id < $2{inner}
             ORDER BY n.id DESC LIMIT {LOOK}
         ) n WHERE true{outer} ORDER BY n.id DESC LIMIT ${limit}"
    );
    let all = by_index.iter().chain(&others);
    let query = bound(query, span, all).bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX));
    let rows: Vec<ListedRow> = query.load(connection).await?;
    let mut look = ListLook {
        found: rows.into_iter().map(ListedRow::stored).collect(),
        stopped_at: None,
    };
    if look.found.len() < most {
        look.stopped_at = last_looked_at(connection, &by_index, span).await?;
    }
    if let Some(stopped_at) = look.stopped_at {
        // What was stored in between has moved the place: what is behind it comes with the next look.
        look.found.retain(|it| it.id >= stopped_at);
    }
    Ok(look)
}

/// Where a look ends that goes through as many rows as it may.
async fn last_looked_at(
    connection: &mut AsyncPgConnection,
    by_index: &[ColumnCondition<'_>],
    span: IdSpan,
) -> Result<Option<Uuid>, StoreError> {
    let inner = text(by_index, 3);
    let query = format!(
        "SELECT n.id FROM notifications n WHERE n.id >= $1 AND n.id < $2{inner}
         ORDER BY n.id DESC OFFSET {LOOK} - 1 LIMIT 1"
    );
    let rows: Vec<IdRow> = bound(query, span, by_index).load(connection).await?;
    Ok(rows.into_iter().next().map(|row| row.id))
}

/// What an index finds, which narrows down what is looked at; and the rest, which narrows down what is found.
fn conditions(
    tenant_id: Option<Uuid>,
    filter: &NotificationFilter,
) -> (Vec<ColumnCondition<'_>>, Vec<ColumnCondition<'_>>) {
    let by_index = [
        id("user_id", filter.user_id),
        word("source_id", filter.source_id.as_deref()),
    ];
    let others = [
        id("tenant_id", tenant_id),
        word("source_type", filter.source_type.as_deref()),
        word("status", filter.status.map(|it| it.as_str())),
        word("reason", filter.reason.map(|it| it.as_str())),
        word("message_type", filter.channel.map(|it| it.as_str())),
        word("provider", filter.provider.as_deref()),
        word("category", filter.category.as_deref()),
    ];
    (
        by_index.into_iter().flatten().collect(),
        others.into_iter().flatten().collect(),
    )
}

fn id<'a>(column: &'static str, id: Option<Uuid>) -> Option<ColumnCondition<'a>> {
    Some((column, WantedValue::Id(id?)))
}

fn word<'a>(column: &'static str, word: Option<&'a str>) -> Option<ColumnCondition<'a>> {
    Some((column, WantedValue::Word(word?)))
}

fn text(conditions: &[ColumnCondition<'_>], first: usize) -> String {
    let numbered = conditions.iter().enumerate();
    numbered
        .map(|(at, (column, _))| format!(" AND n.{column} = ${}", first + at))
        .collect()
}

fn bound<'a>(
    text: String,
    span: IdSpan,
    conditions: impl IntoIterator<Item = &'a ColumnCondition<'a>>,
) -> BoxedSqlQuery<'a, Pg, SqlQuery> {
    let query = diesel::sql_query(text)
        .into_boxed::<Pg>()
        .bind::<SqlUuid, _>(span.from)
        .bind::<SqlUuid, _>(span.before);
    conditions
        .into_iter()
        .fold(query, |query, (_, wanted)| match wanted {
            WantedValue::Id(id) => query.bind::<SqlUuid, _>(*id),
            WantedValue::Word(word) => query.bind::<Text, _>(*word),
        })
}
