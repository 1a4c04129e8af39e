//! The keys that sign user tokens. A secret stands sealed; of the others only the public half is there. Who made
//! or revoked one is in the audit trail.

mod declaring;
pub mod looking;
pub mod own;

pub use declaring::declare;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::StoreError;
use super::audit::{self, AuditChanges, DoneBy};
use super::schema::notification_schema::token_keys;
use super::seal::{SealError, SealedPlace, Sealer};
use super::time::from_database;
use crate::domain::TokenAlgorithm;
use crate::domain::user_token::{PublicTokenKey, TokenKey};

/// The table, for sealing.
const TABLE: &str = "token_keys";
/// Where the secret stands.
const COLUMN: &str = "sealed_secret";

const fn place(row: Uuid) -> SealedPlace<'static> {
    SealedPlace {
        table: TABLE,
        row,
        column: COLUMN,
    }
}

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTokenKey {
    /// Names it in paths and in the audit trail.
    pub id: Uuid,
    /// Whose.
    pub tenant_id: Uuid,
    /// By what tokens name it.
    pub kid: String,
    /// What people call it.
    pub name: String,
    /// How it signs.
    pub algorithm: TokenAlgorithm,
    /// Whether Herald signs with it.
    pub is_own: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    public_key: Option<Vec<u8>>,
    sealed_secret: Option<Vec<u8>>,
}

/// A key that is to be.
#[derive(Debug)]
pub struct NewTokenKey<'a> {
    /// Whose.
    pub tenant_id: Uuid,
    /// By what tokens name it.
    pub kid: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// What it is.
    pub material: TokenMaterial<'a>,
}

/// What verifies a key's signatures.
#[derive(Debug)]
pub enum TokenMaterial<'a> {
    /// Its public half.
    Public(&'a PublicTokenKey),
    /// Its secret.
    Secret(&'a [u8]),
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = token_keys)]
struct TokenKeyRow {
    id: Uuid,
    tenant_id: Uuid,
    kid: String,
    name: String,
    algorithm: String,
    is_own: bool,
    public_key: Option<Vec<u8>>,
    sealed_secret: Option<Vec<u8>>,
    created_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl TokenKeyRow {
    /// `None` for an algorithm that this version does not know: it opens nothing here.
    fn stored(self) -> Option<StoredTokenKey> {
        Some(StoredTokenKey {
            algorithm: self.algorithm.parse().ok()?,
            id: self.id,
            tenant_id: self.tenant_id,
            kid: self.kid,
            name: self.name,
            is_own: self.is_own,
            created_at: from_database(self.created_at),
            revoked_at: self.revoked_at.map(from_database),
            public_key: self.public_key,
            sealed_secret: self.sealed_secret,
        })
    }
}

impl StoredTokenKey {
    /// Its public half as PEM; `None` of a secret.
    #[must_use]
    pub fn public_pem(&self) -> Option<String> {
        let der = self.public_key.clone()?;
        Some(PublicTokenKey::kept(self.algorithm, der).pem())
    }

    /// What verifies its signatures.
    ///
    /// # Errors
    /// Its secret cannot be opened.
    pub fn verifying(&self, sealer: &Sealer) -> Result<TokenKey, SealError> {
        if let Some(der) = &self.public_key {
            let key = PublicTokenKey::kept(self.algorithm, der.clone());
            return Ok(TokenKey::public(&key));
        }
        Ok(TokenKey::secret(&self.secret(sealer)?))
    }

    /// Its secret.
    ///
    /// # Errors
    /// There is none, or it cannot be opened.
    pub fn secret(&self, sealer: &Sealer) -> Result<Vec<u8>, SealError> {
        let sealed = self.sealed_secret.as_ref().ok_or(SealError::Malformed)?;
        sealer.open(place(self.id), sealed)
    }
}

/// Makes a key, in the transaction around it; answers its id.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist, [`StoreError::UniqueViolation`] when a live key of it
/// has the `kid`; or the secret cannot be sealed.
pub async fn create(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    new: &NewTokenKey<'_>,
    by: &DoneBy,
) -> Result<Uuid, StoreError> {
    let id = Uuid::now_v7();
    let sealed = |secret| {
        let sealed = sealer.seal(place(id), secret);
        sealed.map_err(|error: SealError| StoreError::Other(error.to_string()))
    };
    let (algorithm, public, sealed) = match new.material {
        TokenMaterial::Public(key) => (key.algorithm(), Some(key.der()), None),
        TokenMaterial::Secret(secret) => (TokenAlgorithm::Hs256, None, Some(sealed(secret)?)),
    };
    diesel::insert_into(token_keys::table)
        .values((
            token_keys::id.eq(id),
            token_keys::tenant_id.eq(new.tenant_id),
            token_keys::kid.eq(new.kid),
            token_keys::name.eq(new.name),
            token_keys::algorithm.eq(algorithm.as_str()),
            token_keys::public_key.eq(public),
            token_keys::sealed_secret.eq(sealed),
        ))
        .execute(connection)
        .await?;
    let said = json!({ "kid": new.kid, "name": new.name, "algorithm": algorithm });
    note(connection, by, (new.tenant_id, id), "create", said).await?;
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
    let revoked: Option<(Uuid, String)> = diesel::update(token_keys::table.find(id))
        .filter(token_keys::revoked_at.is_null())
        .filter(any_tenant.or(token_keys::tenant_id.eq(tenant_id.unwrap_or_default())))
        .set(token_keys::revoked_at.eq(diesel::dsl::now))
        .returning((token_keys::tenant_id, token_keys::kid))
        .get_result(connection)
        .await
        .optional()?;
    let Some((tenant_id, kid)) = revoked else {
        return Ok(false);
    };
    note(
        connection,
        by,
        (tenant_id, id),
        "revoke",
        json!({ "kid": kid }),
    )
    .await?;
    Ok(true)
}

async fn note(
    connection: &mut AsyncPgConnection,
    by: &DoneBy,
    whose: (Uuid, Uuid),
    action: &'static str,
    said: Value,
) -> Result<(), StoreError> {
    let changes = AuditChanges::made(said);
    audit::record_of(connection, by, "token_key", whose, action, changes).await
}

/// How many live keys a tenant has.
///
/// # Errors
/// The database is out of reach.
pub async fn live(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
) -> Result<usize, StoreError> {
    let count: i64 = token_keys::table
        .filter(token_keys::tenant_id.eq(tenant_id))
        .filter(token_keys::revoked_at.is_null())
        .count()
        .get_result(connection)
        .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// A key of this tenant, or of any without one.
///
/// # Errors
/// The database is out of reach.
pub async fn get(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    tenant_id: Option<Uuid>,
) -> Result<Option<StoredTokenKey>, StoreError> {
    let any_tenant = tenant_id.is_none().into_sql::<Bool>();
    let row: Option<TokenKeyRow> = token_keys::table
        .find(id)
        .filter(any_tenant.or(token_keys::tenant_id.eq(tenant_id.unwrap_or_default())))
        .select(TokenKeyRow::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.and_then(TokenKeyRow::stored))
}

/// At most so many keys of a tenant, the newest first, that were made before another one; of all tenants without
/// one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredTokenKey>, StoreError> {
    let mut keys = token_keys::table
        .select(TokenKeyRow::as_select())
        .into_boxed();
    if let Some(tenant_id) = tenant_id {
        keys = keys.filter(token_keys::tenant_id.eq(tenant_id));
    }
    if let Some(before) = before {
        keys = keys.filter(token_keys::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let keys = keys.order(token_keys::id.desc()).limit(most);
    let rows: Vec<TokenKeyRow> = keys.load(connection).await?;
    Ok(rows.into_iter().filter_map(TokenKeyRow::stored).collect())
}
