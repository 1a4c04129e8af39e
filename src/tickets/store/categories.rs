//! Categories, with all that holds for their tickets.

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Int4, Int8, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::row::word;
use super::schema::ticket_schema::ticket_categories;
use crate::store::statement::statement;
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::{
    CategoryRules, ServiceTargets, ServiceWindow, TicketCategory, WrittenHours,
};

type CategoryColumns = (
    SqlUuid,
    Text,
    Nullable<Text>,
    Bool,
    Nullable<Int8>,
    Nullable<Int8>,
    Nullable<Text>,
    Nullable<Jsonb>,
    Array<Text>,
    Jsonb,
    Jsonb,
);
type StoredTicketCategory = (
    Uuid,
    String,
    Option<String>,
    bool,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<Value>,
    Vec<String>,
    Value,
    Value,
);

/// A category with what belongs to it, before the words that say which.
macro_rules! categories {
    ($which:literal) => {
        concat!(
            "SELECT c.id, c.name, c.description, c.is_active, c.close_after, c.give_up_after,
                 h.time_zone, h.windows,
                 ARRAY(SELECT d.day::text FROM service_holidays d WHERE d.category_id = c.id ORDER BY d.day),
                 (SELECT coalesce(jsonb_agg(jsonb_build_array(
                      t.priority, t.first_response, t.next_response, t.resolution) ORDER BY t.priority), '[]')
                  FROM service_targets t WHERE t.category_id = c.id),
                 (SELECT coalesce(jsonb_agg(jsonb_build_array(
                      a.staff_id, a.is_primary, a.priority) ORDER BY a.staff_id), '[]')
                  FROM category_assignments a WHERE a.category_id = c.id)
             FROM ticket_categories c LEFT JOIN service_hours h ON h.category_id = c.id
             WHERE c.tenant_id = ? AND ",
            $which
        )
    };
}

statement!(
    Named(tenant: Uuid => SqlUuid, name: String => Text) -> CategoryColumns =
    categories!("c.name = ? FOR SHARE OF c")
);
statement!(
    NamedHeld(tenant: Uuid => SqlUuid, name: String => Text) -> CategoryColumns =
    categories!("c.name = ? FOR UPDATE OF c")
);
statement!(
    NamedNow(tenant: Uuid => SqlUuid, name: String => Text) -> CategoryColumns = categories!("c.name = ?")
);
statement!(
    One(tenant: Uuid => SqlUuid, id: Uuid => SqlUuid) -> CategoryColumns = categories!("c.id = ?")
);
statement!(
    Page(tenant: Uuid => SqlUuid, before: Uuid => SqlUuid, most: i64 => Int8) -> CategoryColumns =
    categories!("c.id < ? ORDER BY c.id DESC LIMIT ?")
);

fn read<T: DeserializeOwned>(value: Value) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn category(row: StoredTicketCategory) -> Result<TicketCategory, StoreError> {
    #[derive(Deserialize)]
    struct StoredTarget(String, Option<i64>, Option<i64>, Option<i64>);
    let (
        id,
        name,
        description,
        is_active,
        close_after,
        give_up_after,
        zone,
        windows,
        days,
        targets,
        staff,
    ) = row;
    let hours = match (zone, windows) {
        (Some(time_zone), Some(windows)) => {
            let windows: Vec<(u8, u16, u16)> = read(windows)?;
            let window = |(weekday, from, to)| ServiceWindow { weekday, from, to };
            let days = days.iter().map(|day| word(day));
            Some(WrittenHours {
                time_zone,
                windows: windows.into_iter().map(window).collect(),
                holidays: days.collect::<Result<_, _>>()?,
            })
        }
        _ => None,
    };
    let targets: Vec<StoredTarget> = read(targets)?;
    let target = |StoredTarget(priority, first_response, next_response, resolution)| {
        let targets = ServiceTargets {
            first_response,
            next_response,
            resolution,
        };
        Ok::<_, StoreError>((word(&priority)?, targets))
    };
    Ok(TicketCategory {
        id,
        name,
        description,
        is_active,
        hours,
        targets: targets.into_iter().map(target).collect::<Result<_, _>>()?,
        close_after,
        give_up_after,
        staff: read(staff)?,
    })
}

/// What holds for tickets of a category, until the transaction ends: nobody changes it meanwhile. A name that nobody
/// made rules for has none.
///
/// # Errors
/// The database is out of reach, or the rules cannot be read.
pub async fn rules(
    connection: &mut PgConnection,
    tenant: Uuid,
    name: Option<&str>,
) -> Result<CategoryRules, StoreError> {
    let Some(name) = name else {
        return Ok(CategoryRules::default());
    };
    match named(connection, tenant, name).await? {
        Some(category) => category.rules().map_err(StoreError::Corrupt),
        None => Ok(CategoryRules::default()),
    }
}

/// What holds for tickets of a category at this moment; somebody may change it meanwhile.
///
/// # Errors
/// As [`rules`].
pub async fn rules_now(
    connection: &mut PgConnection,
    tenant: Uuid,
    name: String,
) -> Result<CategoryRules, StoreError> {
    let row: Option<StoredTicketCategory> = NamedNow { tenant, name }
        .get_result(connection)
        .await
        .optional()?;
    match row.map(category).transpose()? {
        Some(category) => category.rules().map_err(StoreError::Corrupt),
        None => Ok(CategoryRules::default()),
    }
}

/// A category by its name, which whoever asks changes: nobody reads its rules to go by them until the transaction ends.
///
/// # Errors
/// The database is out of reach.
pub async fn held(
    connection: &mut PgConnection,
    tenant: Uuid,
    name: String,
) -> Result<Option<TicketCategory>, StoreError> {
    let row: Option<StoredTicketCategory> = NamedHeld { tenant, name }
        .get_result(connection)
        .await
        .optional()?;
    row.map(category).transpose()
}

/// A category by its name, until the transaction ends: nobody changes it meanwhile.
///
/// # Errors
/// The database is out of reach.
pub async fn named(
    connection: &mut PgConnection,
    tenant: Uuid,
    name: &str,
) -> Result<Option<TicketCategory>, StoreError> {
    let name = name.to_owned();
    let row: Option<StoredTicketCategory> = Named { tenant, name }
        .get_result(connection)
        .await
        .optional()?;
    row.map(category).transpose()
}

/// A category.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut PgConnection,
    tenant: Uuid,
    id: Uuid,
) -> Result<Option<TicketCategory>, StoreError> {
    let row: Option<StoredTicketCategory> =
        One { tenant, id }.get_result(connection).await.optional()?;
    row.map(category).transpose()
}

/// At most so many categories, by falling id, that come behind another one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut PgConnection,
    tenant: Uuid,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<TicketCategory>, StoreError> {
    let page = Page {
        tenant,
        before: before.unwrap_or(Uuid::max()),
        most: i64::try_from(most).unwrap_or(i64::MAX),
    };
    let rows: Vec<StoredTicketCategory> = page.load(connection).await?;
    rows.into_iter().map(category).collect()
}

statement!(
    Put(
        tenant: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        name: String => Text,
        description: Option<String> => Nullable<Text>,
        is_active: bool => Bool,
        close_after: Option<i64> => Nullable<Int8>,
        give_up_after: Option<i64> => Nullable<Int8>,
    ) -> (SqlUuid, Bool) =
    "INSERT INTO ticket_categories (tenant_id, id, name, description, is_active, close_after, give_up_after)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT ON CONSTRAINT ticket_categories_name_key DO UPDATE SET description = EXCLUDED.description,
         is_active = EXCLUDED.is_active, close_after = EXCLUDED.close_after,
         give_up_after = EXCLUDED.give_up_after, version = ticket_categories.version + 1, updated_at = now()
     RETURNING id, xmax = 0"
);
// All that belongs to a category is written anew.
statement!(
    Clear(targets_of: Uuid => SqlUuid, hours_of: Uuid => SqlUuid, staff_of: Uuid => SqlUuid) -> Int4 =
    "WITH a AS (DELETE FROM service_targets WHERE category_id = ?),
          b AS (DELETE FROM service_hours WHERE category_id = ?),
          c AS (DELETE FROM category_assignments WHERE category_id = ?)
     SELECT 1"
);
statement!(
    PutHours(id: Uuid => SqlUuid, zone: String => Text, windows: Value => Jsonb) -> Int4 =
    "INSERT INTO service_hours (category_id, time_zone, windows) VALUES (?, ?, ?) RETURNING 1"
);
statement!(
    PutHolidays(id: Uuid => SqlUuid, days: Vec<String> => Array<Text>) -> Int4 =
    "INSERT INTO service_holidays (category_id, day) SELECT ?, day::date FROM unnest(?) AS day
     ON CONFLICT DO NOTHING RETURNING 1"
);
statement!(
    PutTargets(
        id: Uuid => SqlUuid,
        priorities: Vec<String> => Array<Text>,
        first: Vec<Option<i64>> => Array<Nullable<Int8>>,
        next: Vec<Option<i64>> => Array<Nullable<Int8>>,
        resolution: Vec<Option<i64>> => Array<Nullable<Int8>>,
    ) -> Int4 =
    "INSERT INTO service_targets (category_id, priority, first_response, next_response, resolution)
     SELECT ?, * FROM unnest(?, ?, ?, ?) RETURNING 1"
);
statement!(
    PutStaff(
        id: Uuid => SqlUuid,
        tenant: Uuid => SqlUuid,
        staff: Vec<Uuid> => Array<SqlUuid>,
        primary: Vec<bool> => Array<Bool>,
        priorities: Vec<i32> => Array<Int4>,
    ) -> Int4 =
    "INSERT INTO category_assignments (category_id, tenant_id, staff_id, is_primary, priority)
     SELECT ?, ?, * FROM unnest(?, ?, ?) RETURNING 1"
);
statement!(
    Recount(tenant: Uuid => SqlUuid, name: String => Text) -> Int4 =
    "INSERT INTO clock_recounts (tenant_id, category) VALUES (?, ?)
     ON CONFLICT (tenant_id, category) DO UPDATE SET after = DEFAULT, asked_at = clock_timestamp()
     RETURNING 1"
);

/// Writes a category by its name, with all that belongs to it, and lets the clocks of its tickets be computed anew;
/// says its id and whether it is new.
///
/// # Errors
/// [`StoreError::ForeignKey`] when somebody named is not of the staff; or the database is out of reach.
pub async fn put(
    connection: &mut PgConnection,
    tenant: Uuid,
    category: &TicketCategory,
) -> Result<(Uuid, bool), StoreError> {
    let put = Put {
        tenant,
        id: category.id,
        name: category.name.clone(),
        description: category.description.clone(),
        is_active: category.is_active,
        close_after: category.close_after,
        give_up_after: category.give_up_after,
    };
    let (id, is_new): (Uuid, bool) = put.get_result(connection).await?;
    let clear = Clear {
        targets_of: id,
        hours_of: id,
        staff_of: id,
    };
    let _: i32 = clear.get_result(connection).await?;
    if let Some(hours) = &category.hours {
        let windows = hours.windows.iter();
        let windows: Vec<Value> = windows
            .map(|it| json!([it.weekday, it.from, it.to]))
            .collect();
        let put = PutHours {
            id,
            zone: hours.time_zone.clone(),
            windows: Value::Array(windows),
        };
        let _: i32 = put.get_result(connection).await?;
        let days = hours.holidays.iter().map(ToString::to_string).collect();
        let _: Vec<i32> = PutHolidays { id, days }.load(connection).await?;
    }
    let targets = category.targets.iter();
    let put = PutTargets {
        id,
        priorities: targets.clone().map(|(it, _)| it.to_string()).collect(),
        first: targets.clone().map(|(_, it)| it.first_response).collect(),
        next: targets.clone().map(|(_, it)| it.next_response).collect(),
        resolution: targets.map(|(_, it)| it.resolution).collect(),
    };
    let _: Vec<i32> = put.load(connection).await?;
    let staff = category.staff.iter();
    let put = PutStaff {
        id,
        tenant,
        staff: staff.clone().map(|(it, ..)| *it).collect(),
        primary: staff.clone().map(|(_, it, _)| *it).collect(),
        priorities: staff.map(|(.., it)| *it).collect(),
    };
    let _: Vec<i32> = put.load(connection).await?;
    recount(connection, tenant, category.name.clone()).await?;
    Ok((id, is_new))
}

async fn recount(
    connection: &mut PgConnection,
    tenant: Uuid,
    name: String,
) -> Result<(), StoreError> {
    let _: i32 = Recount { tenant, name }.get_result(connection).await?;
    Ok(())
}

/// Removes a category, whose tickets keep its name and have no targets then; says whether it was there.
///
/// # Errors
/// The database is out of reach.
pub async fn remove(
    connection: &mut PgConnection,
    tenant: Uuid,
    id: Uuid,
) -> Result<bool, StoreError> {
    use ticket_categories as c;
    let one = c::table
        .filter(c::tenant_id.eq(tenant))
        .filter(c::id.eq(id));
    let name: Option<String> = diesel::delete(one)
        .returning(c::name)
        .get_result(connection)
        .await
        .optional()?;
    if let Some(name) = &name {
        recount(connection, tenant, name.clone()).await?;
    }
    Ok(name.is_some())
}
