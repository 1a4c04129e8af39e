//! Who changed the rules of the desk, and how a person is forgotten.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{TicketDesk, TicketDeskError};
use crate::store::{Database, PgConnection, StoreError};
use crate::tickets::store::changes;

pub use crate::tickets::store::changes::DeskChange;

/// What the trail of changes calls a ticket.
const TICKET: &str = "ticket";
/// How often it is tried while others hold tickets of the person.
const ATTEMPTS: u32 = 20;

/// Who changes the rules of the desk.
#[derive(Debug, Clone)]
pub struct DeskActor {
    /// Their API key; of a person who deletes a ticket their own id.
    pub key_id: Uuid,
    /// From where.
    pub address: IpAddr,
    /// By which request.
    pub request_id: Option<Uuid>,
}

/// A thing as it was and as it is; `None`: it was not there, or is gone.
#[derive(Debug)]
pub(super) struct Changed<'a, T> {
    pub(super) kind: &'static str,
    pub(super) id: Uuid,
    pub(super) old: Option<&'a T>,
    pub(super) new: Option<&'a T>,
}

/// Writes down what somebody changed; nothing if nothing differs.
pub(super) async fn note<T: serde::Serialize>(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    by: &DeskActor,
    changed: Changed<'_, T>,
) -> Result<(), StoreError> {
    let action = match (changed.old, changed.new) {
        (None, _) => "create",
        (_, None) => "delete",
        _ => "update",
    };
    let (mut old, mut new) = (fields(changed.old), fields(changed.new));
    let same: Vec<String> = old
        .iter()
        .filter(|(name, value)| new.get(*name) == Some(value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in same {
        old.remove(&name);
        new.remove(&name);
    }
    if old.is_empty() && new.is_empty() {
        return Ok(());
    }
    let change = DeskChange {
        id: Uuid::now_v7(),
        actor: by.key_id.to_string(),
        ip_address: Some(by.address.to_string()),
        request_id: by.request_id,
        action: action.to_owned(),
        resource_type: changed.kind.to_owned(),
        resource_id: changed.id,
        changes: json!({ "old": old, "new": new }),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    };
    changes::add(connection, tenant_id, &change).await
}

/// Writes down by which key a deed was done to a ticket; what was done is in its history.
pub(super) async fn note_deed(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    by: &DeskActor,
    (ticket_id, word, versions): (Uuid, &'static str, (i64, i64)),
) -> Result<(), StoreError> {
    let change = DeskChange {
        id: Uuid::now_v7(),
        actor: by.key_id.to_string(),
        ip_address: Some(by.address.to_string()),
        request_id: by.request_id,
        action: word.to_owned(),
        resource_type: TICKET.to_owned(),
        resource_id: ticket_id,
        changes: json!({ "old": { "version": versions.0 }, "new": { "version": versions.1 } }),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    };
    changes::add(connection, tenant_id, &change).await
}

fn fields<T: serde::Serialize>(thing: Option<&T>) -> Map<String, Value> {
    match thing.map(|thing| json!(thing)) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

impl TicketDesk {
    /// At most so many changes of the staff and the categories, by falling id, that come behind another one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn changes(
        &self,
        tenant_id: Uuid,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<DeskChange>, TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(changes::page(&mut connection, tenant_id, before, most).await?)
        };
        self.with("list changes of the desk", work).await
    }

    /// Forgets a person, of one tenant or of all: their tickets, what they wrote, that they work here. Says whether
    /// anything of theirs was here.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn erase_person(
        &self,
        tenant_id: Option<Uuid>,
        person: Uuid,
    ) -> Result<bool, TicketDeskError> {
        let work =
            async move |database: Database| Ok(erase_person(&database, tenant_id, person).await?);
        let erased = self.with("erase a person at the desk", work).await;
        self.tell_sweeper();
        erased
    }

    /// Forgets what strangers wrote by mails from an address, to one tenant or to all; says how many comments that were.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn erase_sender(
        &self,
        tenant_id: Option<Uuid>,
        address: String,
    ) -> Result<i64, TicketDeskError> {
        let work =
            async move |database: Database| Ok(erase_sender(&database, tenant_id, address).await?);
        let erased = self.with("erase what came from an address", work).await;
        self.tell_sweeper();
        erased
    }
}

/// Does work in a transaction, again while others hold what it changes. A macro, since the future of a function that calls
/// such work twice is not known to be `Send`.
macro_rules! patiently {
    ($database:expr, $work:expr) => {{
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            match $database.transaction($work).await {
                Err(error) if left > 0 && error.is_contention() => {}
                done => break done,
            }
        }
    }};
}

/// Forgets what came from an address; see [`TicketDesk::erase_sender`]. For whoever has no desk, but its connections.
///
/// # Errors
/// The database is out of reach.
pub async fn erase_sender(
    database: &Database,
    tenant_id: Option<Uuid>,
    address: String,
) -> Result<i64, StoreError> {
    patiently!(database, async |connection: &mut PgConnection| {
        changes::erase_sender(connection, tenant_id, address.clone()).await
    })
}

/// Forgets a person; see [`TicketDesk::erase_person`]. For whoever has no desk, but its connections.
///
/// # Errors
/// The database is out of reach.
pub async fn erase_person(
    database: &Database,
    tenant_id: Option<Uuid>,
    person: Uuid,
) -> Result<bool, StoreError> {
    let forgotten = patiently!(database, async |connection: &mut PgConnection| {
        changes::erase(connection, tenant_id, person).await
    });
    Ok(forgotten? > 0)
}
