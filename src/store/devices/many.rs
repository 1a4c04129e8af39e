//! The devices of many people at once.

use std::collections::HashMap;

use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::Platform;
use crate::store::StoreError;
use crate::store::statement::statement;

/// A tenant's device, by its token.
pub type TokenOf = (Uuid, String);

/// A device that reports itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedDevice {
    /// The tenant.
    pub tenant_id: Uuid,
    /// Whose it is from now on.
    pub user_id: Uuid,
    /// Its token.
    pub token: String,
    /// What it runs.
    pub platform: Platform,
}

statement!(
    OfTokens(tenants: Vec<Uuid> => Array<SqlUuid>, tokens: Vec<String> => Array<Text>)
        -> (SqlUuid, Text, SqlUuid, SqlUuid) =
    "SELECT d.tenant_id, d.token, d.user_id, d.id
     FROM unnest(?, ?) AS asked (tenant_id, token) JOIN user_devices d USING (tenant_id, token)"
);

/// Whose these tokens are, and the ids of their devices.
///
/// # Errors
/// The database is out of reach.
pub async fn of_tokens(
    connection: &mut AsyncPgConnection,
    tokens: &[TokenOf],
) -> Result<HashMap<TokenOf, (Uuid, Uuid)>, StoreError> {
    let (tenants, tokens) = tokens.iter().cloned().unzip();
    let rows: Vec<(Uuid, String, Uuid, Uuid)> =
        OfTokens { tenants, tokens }.load(connection).await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(tenant_id, token, user_id, id)| ((tenant_id, token), (user_id, id)))
        .collect())
}

statement!(
    LivingOf(tenants: Vec<Uuid> => Array<SqlUuid>, people: Vec<Uuid> => Array<SqlUuid>) -> (SqlUuid, Text) =
    "SELECT d.user_id, d.token
     FROM unnest(?, ?) AS asked (tenant_id, user_id) JOIN user_devices d USING (tenant_id, user_id)
     WHERE d.invalidated_at IS NULL"
);

/// The tokens of the living devices of people, by person.
///
/// # Errors
/// The database is out of reach.
pub async fn living_of(
    connection: &mut AsyncPgConnection,
    people: &[(Uuid, Uuid)],
) -> Result<HashMap<Uuid, Vec<String>>, StoreError> {
    let (tenants, people) = people.iter().copied().unzip();
    let rows: Vec<(Uuid, String)> = LivingOf { tenants, people }.load(connection).await?;
    let mut living: HashMap<Uuid, Vec<String>> = HashMap::new();
    for (user_id, token) in rows {
        living.entry(user_id).or_default().push(token);
    }
    Ok(living)
}

statement!(
    Report(
        ids: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        people: Vec<Uuid> => Array<SqlUuid>,
        tokens: Vec<String> => Array<Text>,
        platforms: Vec<&'static str> => Array<Text>,
    ) -> (SqlUuid, Text, SqlUuid) =
    "INSERT INTO user_devices AS d (id, tenant_id, user_id, token, platform)
     SELECT id, tenant_id, user_id, token, platform
     FROM unnest(?, ?, ?, ?, ?) AS asked (id, tenant_id, user_id, token, platform) ORDER BY tenant_id, token
     ON CONFLICT ON CONSTRAINT user_devices_token_key DO UPDATE SET
         user_id = EXCLUDED.user_id, platform = EXCLUDED.platform,
         last_seen_at = EXCLUDED.last_seen_at, invalidated_at = NULL
     RETURNING d.tenant_id, d.token, d.id"
);

/// Writes devices that report themselves, as [`super::upsert`] does with one; no token of a tenant is there twice. Answers
/// their ids.
///
/// # Errors
/// One of them is nobody's; or the database is out of reach.
pub async fn report(
    connection: &mut AsyncPgConnection,
    devices: &[ReportedDevice],
) -> Result<HashMap<TokenOf, Uuid>, StoreError> {
    let report = Report {
        ids: devices.iter().map(|_| Uuid::now_v7()).collect(),
        tenants: devices.iter().map(|it| it.tenant_id).collect(),
        people: devices.iter().map(|it| it.user_id).collect(),
        tokens: devices.iter().map(|it| it.token.clone()).collect(),
        platforms: devices.iter().map(|it| it.platform.as_str()).collect(),
    };
    let rows: Vec<(Uuid, String, Uuid)> = report.load(connection).await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(tenant_id, token, id)| ((tenant_id, token), id))
        .collect())
}
