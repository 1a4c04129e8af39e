//! API keys. Only the hash of a key is stored; who made, changed or revoked it is in the audit log, by the
//! same statement.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{Array, Float8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::StoreError;
use super::schema::notification_schema::api_keys;
use super::time::{from_database, to_database};
use crate::domain::{ApiKey, ApiScopes, DEFAULT_TENANT, Network};

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApiKey {
    /// Names it in the audit log.
    pub id: Uuid,
    /// The only tenant that it opens; `None` is an operator's: all.
    pub tenant_id: Option<Uuid>,
    /// The readable part.
    pub prefix: String,
    /// Of its text.
    pub hash: String,
    /// Of the text that it had before, and until when that opens.
    pub previous: Option<(String, Timestamp)>,
    /// What people call it.
    pub name: String,
    /// What it opens.
    pub scopes: ApiScopes,
    /// From where it may be used; `None` is from anywhere.
    pub networks: Option<Vec<Network>>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key that is to be made.
#[derive(Debug)]
pub struct NewApiKey<'a> {
    /// Its text.
    pub key: &'a ApiKey,
    /// The only tenant that it opens; `None` for an operator.
    pub tenant_id: Option<Uuid>,
    /// What people call it.
    pub name: &'a str,
    /// What it opens.
    pub scopes: &'a ApiScopes,
    /// From where it may be used; empty: from anywhere.
    pub networks: &'a [Network],
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Who does something, for the audit log.
#[derive(Debug, Clone)]
pub struct DoneBy {
    actor: String,
    address: Option<String>,
}

impl DoneBy {
    /// Somebody on the command line.
    #[must_use]
    pub fn command_line() -> Self {
        Self {
            actor: "command line".to_owned(),
            address: None,
        }
    }

    /// The holder of a key, from an address.
    #[must_use]
    pub fn key(id: Uuid, address: IpAddr) -> Self {
        Self {
            actor: id.to_string(),
            address: Some(address.to_string()),
        }
    }

    /// Their name in the audit log, and from where they did it.
    pub(super) fn names(&self) -> (&str, Option<&str>) {
        (&self.actor, self.address.as_deref())
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
struct ApiKeyRow {
    id: Uuid,
    tenant_id: Option<Uuid>,
    prefix: String,
    key_hash: String,
    previous_hash: Option<String>,
    previous_until: Option<DateTime<Utc>>,
    name: String,
    scopes: Value,
    networks: Vec<Option<String>>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<ApiKeyRow> for StoredApiKey {
    fn from(row: ApiKeyRow) -> Self {
        let scopes = row.scopes.as_array().into_iter().flatten();
        // A network that cannot be read lets nobody in, and does not become "from anywhere".
        let networks = row.networks.iter().flatten();
        let networks = networks.filter_map(|text| text.parse().ok()).collect();
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            prefix: row.prefix,
            hash: row.key_hash,
            previous: row.previous_hash.zip(row.previous_until.map(from_database)),
            name: row.name,
            scopes: ApiScopes::known(scopes.filter_map(Value::as_str)),
            networks: (!row.networks.is_empty()).then_some(networks),
            expires_at: row.expires_at.map(from_database),
            revoked_at: row.revoked_at.map(from_database),
            last_used_at: row.last_used_at.map(from_database),
            created_at: from_database(row.created_at),
        }
    }
}

#[derive(QueryableByName)]
struct Changed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Makes a key; `by` says who. Answers its id.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist, [`StoreError::UniqueViolation`] when another
/// key has the prefix.
pub async fn create(
    connection: &mut AsyncPgConnection,
    new: &NewApiKey<'_>,
    by: &DoneBy,
) -> Result<Uuid, StoreError> {
    let networks: Vec<String> = new.networks.iter().map(ToString::to_string).collect();
    let said = json!({ "new": {
        "name": new.name,
        "prefix": new.key.prefix(),
        "scopes": new.scopes.words(),
        "networks": networks,
        "expires_at": new.expires_at.map(|moment| moment.to_string()),
    } });
    let made: Changed = diesel::sql_query(
        "WITH made AS (
             INSERT INTO api_keys
                 (id, tenant_id, key_hash, prefix, name, scopes, networks, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id, tenant_id),
         noted AS (
             INSERT INTO audit_logs
                 (tenant_id, actor, ip_address, action, resource_type, resource_id, changes)
             SELECT coalesce(tenant_id, $9), $10, $11, 'create', 'api_key', id::text, $12 FROM made)
         SELECT id FROM made",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Nullable<SqlUuid>, _>(new.tenant_id)
    .bind::<Text, _>(new.key.hash())
    .bind::<Text, _>(new.key.prefix())
    .bind::<Text, _>(new.name)
    .bind::<Jsonb, _>(json!(new.scopes.words()))
    .bind::<Array<Text>, _>(networks)
    .bind::<Nullable<Timestamptz>, _>(new.expires_at.map(to_database))
    .bind::<SqlUuid, _>(DEFAULT_TENANT)
    .bind::<Text, _>(&by.actor)
    .bind::<Nullable<Text>, _>(&by.address)
    .bind::<Jsonb, _>(said)
    .get_result(connection)
    .await?;
    Ok(made.id)
}

/// Takes a key back, for good: of this tenant, or any without one. Says whether there was one that was not
/// taken back already.
///
/// # Errors
/// The database is out of reach.
pub async fn revoke(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    tenant_id: Option<Uuid>,
    by: &DoneBy,
) -> Result<bool, StoreError> {
    let revoked: Option<Changed> = diesel::sql_query(
        "WITH gone AS (
             UPDATE api_keys SET revoked_at = now()
             WHERE id = $1 AND revoked_at IS NULL AND ($5 IS NULL OR tenant_id = $5)
             RETURNING id, tenant_id),
         noted AS (
             INSERT INTO audit_logs
                 (tenant_id, actor, ip_address, action, resource_type, resource_id)
             SELECT coalesce(tenant_id, $2), $3, $4, 'revoke', 'api_key', id::text FROM gone)
         SELECT id FROM gone",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(DEFAULT_TENANT)
    .bind::<Text, _>(&by.actor)
    .bind::<Nullable<Text>, _>(&by.address)
    .bind::<Nullable<SqlUuid>, _>(tenant_id)
    .get_result(connection)
    .await
    .optional()?;
    Ok(revoked.is_some())
}

/// Gives a key another text of the same prefix. The one that it had opens for `overlap` seconds more; one
/// that it had before that opens no longer. Says whether there is such a key that was not taken back.
///
/// # Errors
/// The database is out of reach.
pub async fn rotate(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    key: &ApiKey,
    overlap: f64,
    by: &DoneBy,
) -> Result<bool, StoreError> {
    let rotated: Option<Changed> = diesel::sql_query(
        "WITH turned AS (
             UPDATE api_keys SET previous_hash = key_hash, key_hash = $3,
                 previous_until = now() + $4 * interval '1 second'
             WHERE id = $1 AND prefix = $2 AND revoked_at IS NULL
             RETURNING id, tenant_id, previous_until),
         noted AS (
             INSERT INTO audit_logs
                 (tenant_id, actor, ip_address, action, resource_type, resource_id, changes)
             SELECT coalesce(tenant_id, $5), $6, $7, 'rotate', 'api_key', id::text,
                    jsonb_build_object('new', jsonb_build_object('previous_until', previous_until))
             FROM turned)
         SELECT id FROM turned",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(key.prefix())
    .bind::<Text, _>(key.hash())
    .bind::<Float8, _>(overlap)
    .bind::<SqlUuid, _>(DEFAULT_TENANT)
    .bind::<Text, _>(&by.actor)
    .bind::<Nullable<Text>, _>(&by.address)
    .get_result(connection)
    .await
    .optional()?;
    Ok(rotated.is_some())
}

/// All keys, the newest first.
///
/// # Errors
/// The database is out of reach.
pub async fn all(connection: &mut AsyncPgConnection) -> Result<Vec<StoredApiKey>, StoreError> {
    let rows: Vec<ApiKeyRow> = api_keys::table
        .select(ApiKeyRow::as_select())
        .order((api_keys::created_at.desc(), api_keys::id.desc()))
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredApiKey::from).collect())
}

/// At most so many keys of a tenant, the newest first, that were made before another one; of all tenants
/// and operators without a tenant.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredApiKey>, StoreError> {
    let mut keys = api_keys::table.select(ApiKeyRow::as_select()).into_boxed();
    if let Some(tenant_id) = tenant_id {
        keys = keys.filter(api_keys::tenant_id.eq(tenant_id));
    }
    if let Some(before) = before {
        keys = keys.filter(api_keys::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let keys = keys.order(api_keys::id.desc()).limit(most);
    let rows: Vec<ApiKeyRow> = keys.load(connection).await?;
    Ok(rows.into_iter().map(StoredApiKey::from).collect())
}

/// The prefix of a key.
///
/// # Errors
/// The database is out of reach.
pub async fn prefix_of(
    connection: &mut AsyncPgConnection,
    id: Uuid,
) -> Result<Option<String>, StoreError> {
    let key = api_keys::table.find(id).select(api_keys::prefix);
    Ok(key.first(connection).await.optional()?)
}

/// The keys of these prefixes, as far as there are any.
///
/// # Errors
/// The database is out of reach.
pub async fn of_prefixes(
    connection: &mut AsyncPgConnection,
    prefixes: &[String],
) -> Result<Vec<StoredApiKey>, StoreError> {
    let rows: Vec<ApiKeyRow> = api_keys::table
        .filter(api_keys::prefix.eq_any(prefixes))
        .select(ApiKeyRow::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredApiKey::from).collect())
}

/// Notes that a key is used. Once a minute is enough for people, and is all that is written.
///
/// # Errors
/// The database is out of reach.
pub async fn used(connection: &mut AsyncPgConnection, id: Uuid) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE api_keys SET last_used_at = now()
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')",
    )
    .bind::<SqlUuid, _>(id)
    .execute(connection)
    .await?;
    Ok(())
}
