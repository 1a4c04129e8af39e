//! People, as the HTTP API and the command line may see and change them.

/// Does work in a transaction, more than once while others change the same: a phone and a browser save at the same time,
/// and of two who change places one is turned away.
macro_rules! often {
    ($database:expr, $work:expr) => {{
        let mut left = $crate::ops::control::people_desk::ATTEMPTS;
        loop {
            left -= 1;
            match $database.attempt($work).await {
                Err($crate::ops::control::desk::DeskError::Busy(_)) if left > 0 => {}
                done => break done,
            }
        }
    }};
}

mod choosing;
mod devices;
mod many;
mod many_devices;
mod preferences;
mod whole;

pub use choosing::ChosenChange;
pub use many::PersonPut;
pub use preferences::shown as shown_preference;
pub use whole::{ExportParts, erase_person, export_person, find_person};

use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::domain::Platform;
use crate::store::audit::{self, AuditChanges, DoneBy};
use crate::store::recipients::desk::{self, PersonFilter, StoredPerson};
use crate::store::recipients::{RecipientConflict, RecipientFields, UpsertError};
use crate::store::{Database, PgConnection, StoreError};

/// How often it is tried while others write the same people.
const ATTEMPTS: u32 = 5;

/// Whose person: a tenant's, or any without one; and their id.
pub type PersonOf = (Option<Uuid>, Uuid);

/// A person that is to be.
#[derive(Debug, Clone)]
pub struct PersonOrder {
    /// Their id.
    pub id: Uuid,
    /// The tenant that a new one belongs to.
    pub tenant_id: Uuid,
    /// The tenant that is asked about; `None` is an operator who named none.
    pub asked_tenant: Option<Uuid>,
    /// All that is known of them.
    pub fields: RecipientFields,
    /// Devices that they have, beside those that are known.
    pub devices: Vec<(String, Platform)>,
    /// Whether somebody who is there already is replaced.
    pub may_replace: bool,
}

/// Makes, changes and shows people. Clones share it.
#[derive(Debug, Clone)]
pub struct PeopleDesk {
    /// Does the work.
    pub desk: Desk,
}

impl PeopleDesk {
    /// At most so many people, by falling id, that come behind another one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Option<Uuid>,
        filter: PersonFilter,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredPerson>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(desk::page(&mut connection, tenant_id, &filter, before, most).await?)
        };
        self.desk.with("list people", work).await
    }

    /// A person.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(&self, (tenant_id, id): PersonOf) -> Result<StoredPerson, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let found = desk::get(&mut connection, tenant_id, id).await?;
            found.ok_or(DeskError::NotFound("user"))
        };
        self.desk.with("get a person", work).await
    }

    /// Makes a person, or replaces what is known of one; says whether they are new.
    ///
    /// # Errors
    /// They are another tenant's, or somebody else has their address or name; or the database is out of reach.
    pub async fn put(
        &self,
        order: PersonOrder,
        by: DoneBy,
    ) -> Result<(StoredPerson, bool), DeskError> {
        let work = async move |database: Database| {
            often!(database, async |connection: &mut PgConnection| {
                put(connection, &order, &by).await
            })
        };
        self.desk.with("put a person", work).await
    }

    /// Changes what is known of a person: `change` makes of it what it is to be.
    ///
    /// # Errors
    /// There is none, or somebody else has their address or name; or the database is out of reach.
    pub async fn change(
        &self,
        of: PersonOf,
        change: impl FnOnce(RecipientFields) -> RecipientFields + Send + 'static,
        by: DoneBy,
    ) -> Result<StoredPerson, DeskError> {
        let work = async move |database: Database| {
            let changed = async |connection: &mut PgConnection| {
                let stored = held(connection, of).await?;
                let fields = change(stored.fields.clone());
                write(connection, &stored, fields, &by).await
            };
            database.attempt(changed).await
        };
        self.desk.with("change a person", work).await
    }
}

async fn put(
    connection: &mut PgConnection,
    order: &PersonOrder,
    by: &DoneBy,
) -> Result<(StoredPerson, bool), DeskError> {
    let of = (order.asked_tenant, order.id);
    let known = desk::hold(connection, of.0, of.1).await?;
    let (person, is_new) = match known {
        Some(_) if !order.may_replace => {
            return Err(exists());
        }
        Some(stored) => (
            write(connection, &stored, order.fields.clone(), by).await?,
            false,
        ),
        None => {
            desk::put(connection, order.tenant_id, order.id, &order.fields).await?;
            let changes = AuditChanges::made(said(&order.fields));
            note(
                connection,
                (order.tenant_id, order.id),
                by,
                "create",
                changes,
            )
            .await?;
            let of = (Some(order.tenant_id), order.id);
            (held(connection, of).await?, true)
        }
    };
    for (token, platform) in &order.devices {
        devices::add(connection, &person, (token, *platform), by).await?;
    }
    Ok((person, is_new))
}

/// Why somebody is not made who is there.
fn exists() -> DeskError {
    let words = "the tenant has a user of this id: change them, or replace them by PUT";
    DeskError::Conflict("user_exists", words.to_owned())
}

/// Writes what a person is to be, whom the caller holds.
async fn write(
    connection: &mut PgConnection,
    stored: &StoredPerson,
    fields: RecipientFields,
    by: &DoneBy,
) -> Result<StoredPerson, DeskError> {
    let whose = (stored.tenant_id, stored.id);
    desk::put(connection, whose.0, whose.1, &fields).await?;
    let changes = AuditChanges::between(said(&stored.fields), said(&fields));
    if !changes.is_empty() {
        note(connection, whose, by, "update", changes).await?;
    }
    held(connection, (Some(whose.0), whose.1)).await
}

async fn held(connection: &mut PgConnection, of: PersonOf) -> Result<StoredPerson, DeskError> {
    let found = desk::hold(connection, of.0, of.1).await?;
    found.ok_or(DeskError::NotFound("user"))
}

/// What the audit trail keeps of a person, until they are erased.
fn said(fields: &RecipientFields) -> Value {
    json!({
        "email": fields.email,
        "username": fields.username,
        "phone": fields.phone,
        "timezone": fields.timezone,
        "locale": fields.locale,
        "name": fields.name,
        "external_id": fields.external_id,
    })
}

/// All that is done with a person and what is theirs stands under the person's id.
async fn note(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    by: &DoneBy,
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    audit::record_of(connection, by, "user", whose, action, changes).await
}

impl From<UpsertError> for DeskError {
    fn from(error: UpsertError) -> Self {
        match error {
            UpsertError::Conflict(RecipientConflict::OtherTenant) => Self::NotFound("user"),
            UpsertError::Conflict(RecipientConflict::UnknownTenant) => Self::NotFound("tenant"),
            UpsertError::Conflict(conflict) => {
                Self::Conflict("recipient_conflict", conflict.to_string())
            }
            UpsertError::Store(error) => error.into(),
        }
    }
}
