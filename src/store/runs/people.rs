//! Whom runs tell.

use std::collections::HashMap;

use diesel::sql_types::{Array, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::statement::statement;

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPerson {
    /// The id.
    pub id: Uuid,
    /// Unique name within the tenant.
    pub username: Option<String>,
    /// What they are called.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// IANA time zone name.
    pub timezone: Option<String>,
    /// Language.
    pub locale: Option<String>,
}

type PersonColumns = (
    Uuid,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

statement!(
    /// People of tenants, looked at.
    LookAtPeople(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        ids: Vec<Uuid> => Array<SqlUuid>,
    ) -> (SqlUuid, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>) =
        "SELECT u.id, u.username, u.name, u.email, u.timezone, u.locale
         FROM users u JOIN (SELECT DISTINCT tenant_id, id FROM unnest(?, ?) AS asked (tenant_id, id)) AS asked
             ON u.id = asked.id AND u.tenant_id = asked.tenant_id
         WHERE u.deleted_at IS NULL"
);

statement!(
    /// People of tenants, held so that nobody erases them meanwhile.
    HoldPeople(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        ids: Vec<Uuid> => Array<SqlUuid>,
    ) -> (SqlUuid, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Text>) =
        "SELECT u.id, u.username, u.name, u.email, u.timezone, u.locale
         FROM users u JOIN (SELECT DISTINCT tenant_id, id FROM unnest(?, ?) AS asked (tenant_id, id)) AS asked
             ON u.id = asked.id AND u.tenant_id = asked.tenant_id
         WHERE u.deleted_at IS NULL ORDER BY u.id FOR KEY SHARE OF u"
);

/// These people, as far as they are there.
///
/// # Errors
/// The database is out of reach.
pub async fn hold(
    connection: &mut AsyncPgConnection,
    whose: &[(Uuid, Uuid)],
) -> Result<HashMap<Uuid, RunPerson>, StoreError> {
    let statement = HoldPeople {
        tenants: whose.iter().map(|(tenant, _)| *tenant).collect(),
        ids: whose.iter().map(|(_, id)| *id).collect(),
    };
    let rows: Vec<PersonColumns> = statement.load(connection).await?;
    Ok(by_id(rows))
}

/// These people of a tenant, as far as they are there; nobody is held.
///
/// # Errors
/// The database is out of reach.
pub async fn look_at(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, RunPerson>, StoreError> {
    let statement = LookAtPeople {
        tenants: vec![tenant_id; ids.len()],
        ids: ids.to_vec(),
    };
    Ok(by_id(statement.load(connection).await?))
}

fn by_id(rows: Vec<PersonColumns>) -> HashMap<Uuid, RunPerson> {
    let people = rows
        .into_iter()
        .map(|(id, username, name, email, timezone, locale)| {
            let person = RunPerson {
                id,
                username,
                name,
                email,
                timezone,
                locale,
            };
            (id, person)
        });
    people.collect()
}

impl RunPerson {
    /// What expressions and templates know of them: `recipient`.
    #[must_use]
    pub fn known(&self) -> Value {
        json!({
            "id": self.id,
            "username": self.username,
            "name": self.name,
            "email": self.email,
            "locale": self.locale,
            "timezone": self.timezone,
        })
    }
}
