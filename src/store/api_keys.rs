//! API keys. Only the hash of a key is stored; who made, changed or revoked it is in the audit trail.

pub mod change;
pub mod sessions;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Float8, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::StoreError;
use super::audit::{self, AuditChanges, AuditEntry, DoneBy};
use super::schema::notification_schema::api_keys;
use super::time::{from_database, to_database};
use crate::domain::{ApiKey, ApiScopes, Network};

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApiKey {
    /// Names it in the audit trail.
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
    /// Requests a second; `None` is what the settings say.
    pub rate_limit: Option<u32>,
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
    /// Requests a second; `None` is what the settings say.
    pub rate_limit: Option<u32>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
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
    rate_limit: Option<i32>,
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
            rate_limit: row.rate_limit.and_then(|it| u32::try_from(it).ok()),
            expires_at: row.expires_at.map(from_database),
            revoked_at: row.revoked_at.map(from_database),
            last_used_at: row.last_used_at.map(from_database),
            created_at: from_database(row.created_at),
        }
    }
}

/// Makes a key, in the transaction around it; `by` says who. Answers its id.
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
    let said = json!({
        "name": new.name,
        "prefix": new.key.prefix(),
        "scopes": new.scopes.words(),
        "networks": networks,
        "rate_limit": new.rate_limit,
        "expires_at": new.expires_at.map(|moment| moment.to_string()),
    });
    let id = Uuid::now_v7();
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(id),
            api_keys::tenant_id.eq(new.tenant_id),
            api_keys::key_hash.eq(new.key.hash()),
            api_keys::prefix.eq(new.key.prefix()),
            api_keys::name.eq(new.name),
            api_keys::scopes.eq(json!(new.scopes.words())),
            api_keys::networks.eq(networks),
            api_keys::rate_limit.eq(new.rate_limit.and_then(|it| i32::try_from(it).ok())),
            api_keys::expires_at.eq(new.expires_at.map(to_database)),
        ))
        .execute(connection)
        .await?;
    let changes = AuditChanges::made(said);
    audit::record(
        connection,
        by,
        entry((id, new.tenant_id), "create", changes),
    )
    .await?;
    Ok(id)
}

/// Takes a key back, for good, in the transaction around it: of this tenant, or any without one. Says whether
/// there was one that was not taken back already.
///
/// # Errors
/// The database is out of reach.
pub async fn revoke(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    tenant_id: Option<Uuid>,
    by: &DoneBy,
) -> Result<bool, StoreError> {
    let any_tenant = tenant_id.is_none().into_sql::<Bool>();
    let revoked: Option<Option<Uuid>> = diesel::update(api_keys::table.find(id))
        .filter(api_keys::revoked_at.is_null())
        .filter(any_tenant.or(api_keys::tenant_id.is_not_distinct_from(tenant_id)))
        .set(api_keys::revoked_at.eq(diesel::dsl::now))
        .returning(api_keys::tenant_id)
        .get_result(connection)
        .await
        .optional()?;
    let Some(of) = revoked else {
        return Ok(false);
    };
    let entry = entry((id, of), "revoke", AuditChanges::none());
    audit::record(connection, by, entry).await?;
    Ok(true)
}

/// Gives a key another text of the same prefix, in the transaction around it. The one that it had opens for
/// `overlap` seconds more; one that it had before that opens no longer. Says whether there is such a key that
/// was not taken back.
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
    let until = sql::<Timestamptz>("now() + make_interval(secs => ")
        .bind::<Float8, _>(overlap)
        .sql(")");
    let rotated: Option<(Option<Uuid>, Option<DateTime<Utc>>)> =
        diesel::update(api_keys::table.find(id))
            .filter(api_keys::prefix.eq(key.prefix()))
            .filter(api_keys::revoked_at.is_null())
            .set((
                api_keys::previous_hash.eq(api_keys::key_hash.nullable()),
                api_keys::key_hash.eq(key.hash()),
                api_keys::previous_until.eq(until.nullable()),
            ))
            .returning((api_keys::tenant_id, api_keys::previous_until))
            .get_result(connection)
            .await
            .optional()?;
    let Some((of, until)) = rotated else {
        return Ok(false);
    };
    let until = until.map(|until| from_database(until).to_string());
    let changes = AuditChanges::made(json!({ "previous_until": until }));
    audit::record(connection, by, entry((id, of), "rotate", changes)).await?;
    Ok(true)
}

fn entry(
    (id, tenant_id): (Uuid, Option<Uuid>),
    action: &'static str,
    changes: AuditChanges,
) -> AuditEntry {
    AuditEntry {
        tenant_id,
        action,
        resource: "api_key",
        resource_id: id.to_string(),
        changes,
    }
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
