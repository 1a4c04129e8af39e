//! A look at a span of notifications.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Untyped, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::row::{IdRow, ListedRow, summary};
use super::{IdSpan, ListLook, NotificationFilter};
use crate::store::StoreError;
use crate::store::statement::statement;

/// Rows that one look goes through at most: some twenty milliseconds.
const LOOK: i64 = 20_000;
/// Rows that it goes through at first: more than a page holds, and few enough that PostgreSQL reads an index in the
/// page's order instead of everything in the span.
const FIRST_LOOK: i64 = 256;

statement!(
    /// The newest of a person's notifications in a span: so many rows are read, and no more.
    OfPerson(
        person: Uuid => SqlUuid,
        from: Uuid => SqlUuid,
        before: Uuid => SqlUuid,
        most: i64 => BigInt,
        any_tenant: bool => Bool,
        tenant_id: Option<Uuid> => Nullable<SqlUuid>,
    ) -> Untyped = concat!(
        "SELECT ", summary!(), " FROM rows_of_person(?, ?, ?, ?) n WHERE (? OR n.tenant_id = ?) ORDER BY n.id DESC"
    )
);

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
    if let Some(person) = filter.person_alone() {
        let of_person = OfPerson {
            person,
            from: span.from,
            before: span.before,
            most: i64::try_from(most).unwrap_or(i64::MAX),
            any_tenant: tenant_id.is_none(),
            tenant_id,
        };
        let found: Vec<ListedRow> = of_person.load(connection).await?;
        // Of none at all somebody else may be the tenant: then as with any other filter.
        if !found.is_empty() {
            return Ok(ListLook {
                found: found.into_iter().map(ListedRow::stored).collect(),
                stopped_at: None,
            });
        }
    }
    let (by_index, others) = conditions(tenant_id, filter);
    let within = Within { span, by_index };
    let wanted = i64::try_from(most).unwrap_or(i64::MAX);
    let mut look = ListLook::default();
    for rows in [FIRST_LOOK, LOOK] {
        if rows < wanted {
            continue;
        }
        let query = Listing(&within, &others, rows, wanted);
        let found: Vec<ListedRow> = query.load(connection).await?;
        look.found = found.into_iter().map(ListedRow::stored).collect();
        if look.found.len() >= most {
            return Ok(look);
        }
        let last: Vec<IdRow> = LastOf(&within, rows - 1).load(connection).await?;
        look.stopped_at = last.into_iter().next().map(|row| row.id);
        if look.stopped_at.is_none() {
            break;
        }
    }
    if let Some(stopped_at) = look.stopped_at {
        // What was stored in between has moved the place: what is behind it comes with the next look.
        look.found.retain(|it| it.id >= stopped_at);
    }
    Ok(look)
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

/// Rows of a span that an index finds.
struct Within<'a> {
    span: IdSpan,
    by_index: Vec<ColumnCondition<'a>>,
}

impl Within<'_> {
    fn walk<'b>(&'b self, pass: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql(" FROM notifications n WHERE n.id >= ");
        pass.push_bind_param::<SqlUuid, _>(&self.span.from)?;
        pass.push_sql(" AND n.id < ");
        pass.push_bind_param::<SqlUuid, _>(&self.span.before)?;
        push(&self.by_index, pass)?;
        pass.push_sql(" ORDER BY n.id DESC");
        Ok(())
    }
}

fn push<'b>(
    conditions: &'b [ColumnCondition<'_>],
    pass: &mut AstPass<'_, 'b, Pg>,
) -> QueryResult<()> {
    for (column, wanted) in conditions {
        pass.push_sql(" AND n.");
        pass.push_sql(column);
        pass.push_sql(" = ");
        match wanted {
            WantedValue::Id(id) => pass.push_bind_param::<SqlUuid, _>(id)?,
            WantedValue::Word(word) => pass.push_bind_param::<Text, _>(*word)?,
        }
    }
    Ok(())
}

/// Of the first so many rows those that the conditions mean, so many at most.
struct Listing<'a>(&'a Within<'a>, &'a [ColumnCondition<'a>], i64, i64);

impl QueryFragment<Pg> for Listing<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Self(within, others, rows, most) = self;
        pass.push_sql(concat!("SELECT ", summary!(), " FROM (SELECT n.*"));
        within.walk(&mut pass)?;
        pass.push_sql(&format!(" LIMIT {rows}) n WHERE true"));
        push(others, &mut pass)?;
        pass.push_sql(" ORDER BY n.id DESC LIMIT ");
        pass.push_bind_param::<BigInt, _>(most)
    }
}

/// The id of the row behind the first so many.
struct LastOf<'a>(&'a Within<'a>, i64);

impl QueryFragment<Pg> for LastOf<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("SELECT n.id");
        self.0.walk(&mut pass)?;
        pass.push_sql(&format!(" OFFSET {} LIMIT 1", self.1));
        Ok(())
    }
}

/// Prepared once a connection for each text: there is one for each set of columns.
macro_rules! prepared_by_text {
    ($($query:ident),*) => {$(
        impl QueryId for $query<'_> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }

        impl Query for $query<'_> {
            type SqlType = Untyped;
        }

        impl<C> diesel::query_dsl::RunQueryDsl<C> for $query<'_> {}
    )*};
}
prepared_by_text!(Listing, LastOf);
