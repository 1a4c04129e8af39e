//! Who works at the desk.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Int2, Int4, Int8, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::row::word;
use super::schema::ticket_schema::staff;
use crate::store::statement::statement;
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::{CategoryStaff, StaffMember};

type StaffColumns = (Uuid, String, String, Option<String>, i16, bool);

fn member(
    (id, name, role, domain, level, is_active): StaffColumns,
) -> Result<StaffMember, StoreError> {
    Ok(StaffMember {
        id,
        name,
        role: word(&role)?,
        domain,
        level,
        is_active,
    })
}

/// Somebody who works here.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<Option<StaffMember>, StoreError> {
    use staff as s;
    let row: Option<StaffColumns> = s::table
        .select((s::id, s::name, s::role, s::domain, s::level, s::is_active))
        .filter(s::tenant_id.eq(tenant_id))
        .filter(s::id.eq(id))
        .first(connection)
        .await
        .optional()?;
    row.map(member).transpose()
}

/// At most so many of a tenant's staff, by falling id, that come behind somebody.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StaffMember>, StoreError> {
    use staff as s;
    let rows: Vec<StaffColumns> = s::table
        .select((s::id, s::name, s::role, s::domain, s::level, s::is_active))
        .filter(s::tenant_id.eq(tenant_id))
        .filter(s::id.lt(before.unwrap_or(Uuid::max())))
        .order(s::id.desc())
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    rows.into_iter().map(member).collect()
}

statement!(
    Put(
        tenant: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        name: String => Text,
        role: String => Text,
        domain: Option<String> => Nullable<Text>,
        level: i16 => Int2,
        is_active: bool => Bool,
    ) -> Bool =
    "INSERT INTO staff (tenant_id, id, name, role, domain, level, is_active)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (tenant_id, id) DO UPDATE SET name = EXCLUDED.name, role = EXCLUDED.role,
         domain = EXCLUDED.domain, level = EXCLUDED.level, is_active = EXCLUDED.is_active, updated_at = now()
     RETURNING xmax = 0"
);

/// Writes somebody who works here; says whether they are new.
///
/// # Errors
/// The database is out of reach.
pub async fn put(
    connection: &mut PgConnection,
    tenant: Uuid,
    member: &StaffMember,
) -> Result<bool, StoreError> {
    let put = Put {
        tenant,
        id: member.id,
        name: member.name.clone(),
        role: member.role.to_string(),
        domain: member.domain.clone(),
        level: member.level,
        is_active: member.is_active,
    };
    Ok(put.get_result(connection).await?)
}

/// Removes somebody from the staff; says whether they were there. Their tickets stay theirs.
///
/// # Errors
/// The database is out of reach.
pub async fn remove(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<bool, StoreError> {
    let one = staff::table
        .filter(staff::tenant_id.eq(tenant_id))
        .filter(staff::id.eq(id));
    Ok(diesel::delete(one).execute(connection).await? > 0)
}

statement!(
    Leads(tenant: Uuid => SqlUuid, most: i64 => Int8) -> SqlUuid =
    "SELECT id FROM staff WHERE tenant_id = ? AND is_active AND role IN ('lead', 'admin') ORDER BY level, id LIMIT ?"
);

/// Those of the staff who see all, of the lowest level first: whom what belongs to nobody is told to.
///
/// # Errors
/// The database is out of reach.
pub async fn leads(
    connection: &mut PgConnection,
    tenant: Uuid,
    most: i64,
) -> Result<Vec<Uuid>, StoreError> {
    Ok(Leads { tenant, most }.load(connection).await?)
}

statement!(
    OfCategory(tenant: Uuid => SqlUuid, category: String => Text)
        -> (SqlUuid, Bool, Int4, Int2, Int8) =
    "SELECT a.staff_id, a.is_primary, a.priority, s.level, (
         SELECT count(*) FROM support_tickets t
         WHERE t.tenant_id = s.tenant_id AND t.assignee_id = s.id AND t.deleted_at IS NULL
           AND t.status IN ('open', 'in_progress', 'waiting'))
     FROM ticket_categories c
     JOIN category_assignments a ON a.category_id = c.id
     JOIN staff s ON s.tenant_id = a.tenant_id AND s.id = a.staff_id
     WHERE c.tenant_id = ? AND c.name = ? AND s.is_active"
);

/// Who may be given tickets of a category, with what they have in hand.
///
/// # Errors
/// The database is out of reach.
pub async fn of_category(
    connection: &mut PgConnection,
    tenant: Uuid,
    category: &str,
) -> Result<Vec<CategoryStaff>, StoreError> {
    let asked = OfCategory {
        tenant,
        category: category.to_owned(),
    };
    let rows: Vec<(Uuid, bool, i32, i16, i64)> = asked.load(connection).await?;
    let one = |(staff_id, is_primary, priority, level, load)| CategoryStaff {
        staff_id,
        is_primary,
        priority,
        level,
        load,
    };
    Ok(rows.into_iter().map(one).collect())
}
