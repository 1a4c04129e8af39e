//! People as operators list, make, replace and change them.

mod many;

pub use many::{PersonWrite, hold_many, put_many};

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::upsert::{RecipientConflict, RecipientFields, UpsertError, explain};
use crate::store::StoreError;
use crate::store::schema::notification_schema::{tenants, users};
use crate::store::time::from_database;

/// A person as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPerson {
    /// Their id.
    pub id: Uuid,
    /// The tenant that they belong to.
    pub tenant_id: Uuid,
    /// What is known of them.
    pub fields: RecipientFields,
    /// When they were made.
    pub created_at: Timestamp,
    /// When they were changed last.
    pub updated_at: Timestamp,
}

/// Which people are looked for; what is absent is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonFilter {
    /// Their e-mail address, as it is spelt.
    pub email: Option<String>,
    /// Their id in another system.
    pub external_id: Option<String>,
    /// Their username.
    pub username: Option<String>,
    /// Their telephone number, as it is spelt.
    pub phone: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct PersonRow {
    id: Uuid,
    tenant_id: Uuid,
    external_id: Option<String>,
    email: Option<String>,
    username: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    timezone: Option<String>,
    locale: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<PersonRow> for StoredPerson {
    fn from(row: PersonRow) -> Self {
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            fields: RecipientFields {
                email: row.email,
                username: row.username,
                phone: row.phone,
                timezone: row.timezone,
                locale: row.locale,
                name: row.name,
                external_id: row.external_id,
            },
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }
}

/// At most so many people of a tenant, by falling id, that come behind another one; of all tenants without
/// one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    filter: &PersonFilter,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredPerson>, StoreError> {
    let mut people = users::table
        .filter(users::deleted_at.is_null())
        .select(PersonRow::as_select())
        .into_boxed();
    match tenant_id {
        Some(tenant_id) => people = people.filter(users::tenant_id.eq(tenant_id)),
        // The indexes of names begin with the tenant: without it everybody would be looked at.
        None if filter.username.is_some() || filter.external_id.is_some() => {
            people = people.filter(users::tenant_id.eq_any(tenants::table.select(tenants::id)));
        }
        None => {}
    }
    if let Some(email) = &filter.email {
        // PostgreSQL guesses a thousand people of each address, and would walk through everybody in the order of ids.
        people = people.filter(
            sql::<Bool>(
                "users.id = ANY (ARRAY(SELECT named.id FROM users named
                                 WHERE named.deleted_at IS NULL AND lower(named.email) = lower(",
            )
            .bind::<Text, _>(email)
            .sql(")))"),
        );
    }
    if let Some(external_id) = &filter.external_id {
        people = people.filter(users::external_id.eq(external_id));
    }
    if let Some(username) = &filter.username {
        people = people.filter(users::username.eq(username));
    }
    if let Some(phone) = &filter.phone {
        people = people.filter(users::phone.eq(phone));
    }
    if let Some(before) = before {
        people = people.filter(users::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let people = people.order(users::id.desc()).limit(most);
    let rows: Vec<PersonRow> = people.load(connection).await?;
    Ok(rows.into_iter().map(StoredPerson::from).collect())
}

/// A person of a tenant, or of any without one.
///
/// # Errors
/// The database is out of reach.
pub async fn get(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<StoredPerson>, StoreError> {
    let any_tenant = tenant_id.is_none().into_sql::<Bool>();
    let row: Option<PersonRow> = users::table
        .filter(users::id.eq(id))
        .filter(any_tenant.or(users::tenant_id.eq(tenant_id.unwrap_or_default())))
        .filter(users::deleted_at.is_null())
        .select(PersonRow::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(StoredPerson::from))
}

/// As [`get`]; held until the transaction around it ends.
///
/// # Errors
/// The database is out of reach.
pub async fn hold(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<StoredPerson>, StoreError> {
    let any_tenant = tenant_id.is_none().into_sql::<Bool>();
    let row: Option<PersonRow> = users::table
        .filter(users::id.eq(id))
        .filter(any_tenant.or(users::tenant_id.eq(tenant_id.unwrap_or_default())))
        .filter(users::deleted_at.is_null())
        .select(PersonRow::as_select())
        .for_no_key_update()
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(StoredPerson::from))
}

/// Makes a person, or replaces all that is known of them, as of now; one who was deleted is there again.
///
/// # Errors
/// A conflict with another user or tenant, or the database's trouble. It ends the transaction around it.
pub async fn put(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    id: Uuid,
    fields: &RecipientFields,
) -> Result<(), UpsertError> {
    let written = diesel::sql_query(
        "WITH back AS (DELETE FROM deleted_users WHERE id = $1) \
         INSERT INTO users AS u \
             (id, tenant_id, email, username, phone, timezone, locale, name, external_id, \
              recipient_as_of) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now()) \
         ON CONFLICT (id) DO UPDATE SET \
             email = EXCLUDED.email, username = EXCLUDED.username, phone = EXCLUDED.phone, \
             timezone = EXCLUDED.timezone, locale = EXCLUDED.locale, name = EXCLUDED.name, \
             external_id = EXCLUDED.external_id, recipient_as_of = EXCLUDED.recipient_as_of, \
             deleted_at = NULL \
         WHERE u.tenant_id = EXCLUDED.tenant_id",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Nullable<Text>, _>(&fields.email)
    .bind::<Nullable<Text>, _>(&fields.username)
    .bind::<Nullable<Text>, _>(&fields.phone)
    .bind::<Nullable<Text>, _>(&fields.timezone)
    .bind::<Nullable<Text>, _>(&fields.locale)
    .bind::<Nullable<Text>, _>(&fields.name)
    .bind::<Nullable<Text>, _>(&fields.external_id)
    .execute(connection)
    .await
    .map_err(|error| explain(error.into()))?;
    match written {
        0 => Err(RecipientConflict::OtherTenant.into()),
        _ => Ok(()),
    }
}
