//! The audit trail: who changed what, from where. A row is written in the transaction of its change.
//!
//! The engine's role may add rows and read them, and nothing else. What is shown of a thing holds no
//! secret, so none gets here.

pub mod trail;

use std::net::IpAddr;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::StoreError;
use super::schema::notification_schema::audit_logs;

/// Rows of one statement: PostgreSQL takes 65,535 parameters.
const ROWS: usize = 1_000;

/// Who does something, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneBy {
    actor: String,
    address: Option<String>,
    request_id: Option<Uuid>,
}

impl DoneBy {
    /// Somebody on the command line.
    #[must_use]
    pub fn command_line() -> Self {
        Self {
            actor: "command line".to_owned(),
            address: None,
            request_id: None,
        }
    }

    /// The holder of an API key, from an address, by a request.
    #[must_use]
    pub fn key(id: Uuid, address: IpAddr, request_id: Option<Uuid>) -> Self {
        Self {
            actor: id.to_string(),
            address: Some(address.to_string()),
            request_id,
        }
    }

    /// A person who chooses by a link, from an address, by a request. The thing that is changed says who.
    #[must_use]
    pub fn person(address: IpAddr, request_id: Option<Uuid>) -> Self {
        Self {
            actor: "person".to_owned(),
            address: Some(address.to_string()),
            request_id,
        }
    }

    /// The id of their API key, or what acted: the command line, the person themselves.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The request by which they do it.
    #[must_use]
    pub const fn request_id(&self) -> Option<Uuid> {
        self.request_id
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Whose thing it is; `None` for what belongs to no tenant.
    pub tenant_id: Option<Uuid>,
    /// What was done: `create`, `update`, `delete`, or another verb.
    pub action: &'static str,
    /// What kind of thing: `webhook`, `api_key`.
    pub resource: &'static str,
    /// Which one.
    pub resource_id: String,
    /// What changed of it.
    pub changes: AuditChanges,
}

/// What changed of a thing: the fields that differ, as they were and as they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditChanges {
    old: Map<String, Value>,
    new: Map<String, Value>,
}

impl AuditChanges {
    /// Nothing to be shown.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A thing that is new.
    #[must_use]
    pub fn made(new: Value) -> Self {
        Self {
            old: Map::new(),
            new: fields(new),
        }
    }

    /// A thing that is gone.
    #[must_use]
    pub fn gone(old: Value) -> Self {
        Self {
            old: fields(old),
            new: Map::new(),
        }
    }

    /// What differs between what a thing was and what it is.
    #[must_use]
    pub fn between(old: Value, new: Value) -> Self {
        let (mut old, mut new) = (fields(old), fields(new));
        let same: Vec<String> = old
            .iter()
            .filter(|(name, value)| new.get(*name) == Some(value))
            .map(|(name, _)| name.clone())
            .collect();
        for name in same {
            old.remove(&name);
            new.remove(&name);
        }
        Self { old, new }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.old.is_empty() && self.new.is_empty()
    }

    fn stored(&self) -> Option<Value> {
        let sides = [("old", &self.old), ("new", &self.new)];
        let said: Map<String, Value> = sides
            .into_iter()
            .filter(|(_, fields)| !fields.is_empty())
            .map(|(side, fields)| (side.to_owned(), json!(fields)))
            .collect();
        (!said.is_empty()).then_some(Value::Object(said))
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => [("value".to_owned(), other)].into_iter().collect(),
    }
}

/// Notes a change, in the transaction around it.
///
/// # Errors
/// The database is out of reach.
pub async fn record(
    connection: &mut AsyncPgConnection,
    by: &DoneBy,
    entry: AuditEntry,
) -> Result<(), StoreError> {
    record_all(connection, by, &[entry]).await
}

/// Lets the database note what is written of declared things until the transaction around this ends, by whom
/// it is done: for who writes much at once.
///
/// # Errors
/// The database is out of reach.
pub async fn note_writes(
    connection: &mut AsyncPgConnection,
    by: &DoneBy,
) -> Result<(), StoreError> {
    diesel::sql_query("SELECT set_config('herald.audit_actor', $1, true)")
        .bind::<diesel::sql_types::Text, _>(&by.actor)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes what was done with a tenant's thing, in the transaction around it.
///
/// # Errors
/// The database is out of reach.
pub async fn record_of(
    connection: &mut AsyncPgConnection,
    by: &DoneBy,
    resource: &'static str,
    (tenant_id, id): (Uuid, Uuid),
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        tenant_id: Some(tenant_id),
        action,
        resource,
        resource_id: id.to_string(),
        changes,
    };
    record(connection, by, entry).await
}

/// Notes several changes, in the transaction around them.
///
/// # Errors
/// The database is out of reach.
pub async fn record_all(
    connection: &mut AsyncPgConnection,
    by: &DoneBy,
    entries: &[AuditEntry],
) -> Result<(), StoreError> {
    use audit_logs as a;
    for entries in entries.chunks(ROWS) {
        let rows = entries.iter().map(|entry| {
            (
                a::tenant_id.eq(entry.tenant_id),
                a::actor.eq(&by.actor),
                a::ip_address.eq(by.address.as_deref()),
                a::request_id.eq(by.request_id),
                a::action.eq(entry.action),
                a::resource_type.eq(entry.resource),
                a::resource_id.eq(&entry.resource_id),
                a::changes.eq(entry.changes.stored()),
            )
        });
        diesel::insert_into(a::table)
            .values(rows.collect::<Vec<_>>())
            .execute(connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_kept() {
        let old = json!({ "name": "a", "url": "x", "gone": 1 });
        let new = json!({ "name": "a", "url": "y", "new": null });
        let changes = AuditChanges::between(old.clone(), new);
        let kept = json!({ "old": { "url": "x", "gone": 1 }, "new": { "url": "y", "new": null } });
        assert_eq!(changes.stored(), Some(kept));
        assert!(AuditChanges::between(old.clone(), old.clone()).is_empty());
        assert_eq!(AuditChanges::none().stored(), None);
        let gone = AuditChanges::gone(old.clone()).stored();
        assert_eq!(gone, Some(json!({ "old": old })));
    }
}
