//! Many people at once: held and written by a statement each.

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::super::upsert::{RecipientFields, UpsertError, explain};
use super::{PersonRow, StoredPerson};
use crate::store::StoreError;
use crate::store::schema::notification_schema::users;
use crate::store::statement::statement;

/// Those of these people that a tenant has, or any without one; held until the transaction around it ends.
///
/// # Errors
/// The database is out of reach.
pub async fn hold_many(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    ids: &[Uuid],
) -> Result<Vec<StoredPerson>, StoreError> {
    let any_tenant = tenant_id.is_none().into_sql::<Bool>();
    let rows: Vec<PersonRow> = users::table
        .filter(users::id.eq_any(ids))
        .filter(any_tenant.or(users::tenant_id.eq(tenant_id.unwrap_or_default())))
        .filter(users::deleted_at.is_null())
        .select(PersonRow::as_select())
        .order(users::id)
        .for_no_key_update()
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredPerson::from).collect())
}

statement!(
    PutMany(
        ids: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        emails: Vec<Option<String>> => Array<Nullable<Text>>,
        usernames: Vec<Option<String>> => Array<Nullable<Text>>,
        phones: Vec<Option<String>> => Array<Nullable<Text>>,
        timezones: Vec<Option<String>> => Array<Nullable<Text>>,
        locales: Vec<Option<String>> => Array<Nullable<Text>>,
        names: Vec<Option<String>> => Array<Nullable<Text>>,
        external_ids: Vec<Option<String>> => Array<Nullable<Text>>,
    ) -> SqlUuid =
    "WITH asked AS (
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY
             AS asked (id, tenant_id, email, username, phone, timezone, locale, name, external_id, place)
     ), back AS (
         DELETE FROM deleted_users d USING asked WHERE d.id = asked.id
     )
     INSERT INTO users AS u
         (id, tenant_id, email, username, phone, timezone, locale, name, external_id, recipient_as_of)
     SELECT id, tenant_id, email, username, phone, timezone, locale, name, external_id, now()
     FROM asked ORDER BY place
     ON CONFLICT (id) DO UPDATE SET
         email = EXCLUDED.email, username = EXCLUDED.username, phone = EXCLUDED.phone,
         timezone = EXCLUDED.timezone, locale = EXCLUDED.locale, name = EXCLUDED.name,
         external_id = EXCLUDED.external_id, recipient_as_of = EXCLUDED.recipient_as_of, deleted_at = NULL
     WHERE u.tenant_id = EXCLUDED.tenant_id
     RETURNING u.id"
);

/// A person that is written: the tenant, the id, and all that is known of them.
pub type PersonWrite<'a> = (Uuid, Uuid, &'a RecipientFields);

/// Makes or replaces people, as [`super::put`] does with one; no id is there twice. Answers whom it has written: the others
/// are another tenant's.
///
/// # Errors
/// One of them is in conflict with somebody, or the database's trouble. It ends the transaction around it.
pub async fn put_many(
    connection: &mut AsyncPgConnection,
    people: &[PersonWrite<'_>],
) -> Result<Vec<Uuid>, UpsertError> {
    let texts = |text: fn(&RecipientFields) -> &Option<String>| {
        let all = people.iter().map(|(.., fields)| text(fields).clone());
        all.collect::<Vec<_>>()
    };
    let put = PutMany {
        ids: people.iter().map(|(_, id, _)| *id).collect(),
        tenants: people.iter().map(|(tenant_id, ..)| *tenant_id).collect(),
        emails: texts(|it| &it.email),
        usernames: texts(|it| &it.username),
        phones: texts(|it| &it.phone),
        timezones: texts(|it| &it.timezone),
        locales: texts(|it| &it.locale),
        names: texts(|it| &it.name),
        external_ids: texts(|it| &it.external_id),
    };
    let written: QueryResult<Vec<Uuid>> = put.load(connection).await;
    written.map_err(|error| explain(StoreError::from(error)))
}
