//! A person's push devices.

use serde_json::json;
use uuid::Uuid;

use super::{PeopleDesk, PersonOf, held, note};
use crate::domain::{Platform, limits};
use crate::ops::control::desk::DeskError;
use crate::store::audit::{AuditChanges, DoneBy};
use crate::store::devices::{self, DeviceSighting, StoredDevice};
use crate::store::recipients::desk::{self, StoredPerson};
use crate::store::{Database, PgConnection};

impl PeopleDesk {
    /// At most so many of a person's devices, the oldest first, that come behind another one; those that their provider
    /// retired as well.
    ///
    /// # Errors
    /// There is no such person; or the database is out of reach.
    pub async fn devices(
        &self,
        (tenant_id, id): PersonOf,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredDevice>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let person = desk::get(&mut connection, tenant_id, id).await?;
            let person = person.ok_or(DeskError::NotFound("user"))?;
            let whose = (person.tenant_id, person.id);
            Ok(devices::page(&mut connection, whose, after, most).await?)
        };
        self.desk.with("list devices", work).await
    }

    /// A device reports itself: it is the person's from now on, whoever had it before. Says whether it is new.
    ///
    /// # Errors
    /// There is no such person, or they have too many; or the database is out of reach.
    pub async fn add_device(
        &self,
        of: PersonOf,
        token: String,
        platform: Platform,
        by: DoneBy,
    ) -> Result<(StoredDevice, bool), DeskError> {
        let work = async move |database: Database| {
            often!(database, async |connection: &mut PgConnection| {
                let person = held(connection, of).await?;
                add(connection, &person, (&token, platform), &by).await
            })
        };
        self.desk.with("add a device", work).await
    }

    /// Takes a device from a person.
    ///
    /// # Errors
    /// There is no such person, or they have no such device; or the database is out of reach.
    pub async fn remove_device(
        &self,
        of: PersonOf,
        device: Uuid,
        by: DoneBy,
    ) -> Result<(), DeskError> {
        let work = async move |database: Database| {
            often!(database, async |connection: &mut PgConnection| {
                let person = held(connection, of).await?;
                let whose = (person.tenant_id, person.id);
                if !devices::remove(connection, whose, device).await? {
                    return Err(DeskError::NotFound("device"));
                }
                let changes = AuditChanges::gone(json!({ "device": device }));
                Ok(note(connection, whose, &by, "remove_device", changes).await?)
            })
        };
        self.desk.with("remove a device", work).await
    }
}

/// Why a person gets no other device.
pub(super) fn too_many() -> DeskError {
    let words = format!(
        "the user has {} devices: remove one that they no longer use",
        limits::DEVICES
    );
    DeskError::Conflict("too_many_devices", words)
}

/// Adds a device to a person whom the caller holds. Its token is no secret, but it is theirs: the trail has
/// its id.
pub(super) async fn add(
    connection: &mut PgConnection,
    person: &StoredPerson,
    (token, platform): (&str, Platform),
    by: &DoneBy,
) -> Result<(StoredDevice, bool), DeskError> {
    let (tenant_id, id) = (person.tenant_id, person.id);
    let before = devices::of_token(connection, tenant_id, token).await?;
    let had = devices::list(connection, tenant_id, id).await?;
    let others = had.iter().filter(|it| it.token != token);
    if others.filter(|it| it.invalidated_at.is_none()).count() >= limits::DEVICES {
        return Err(too_many());
    }
    let sighting = DeviceSighting::Reported;
    devices::upsert(connection, tenant_id, id, token, platform, sighting).await?;
    let device = devices::of_token(connection, tenant_id, token).await?;
    let (_, device) =
        device.ok_or_else(|| DeskError::Failed("a device was not kept".to_owned()))?;
    let changes = json!({ "device": device.id, "platform": platform });
    let is_theirs = before.as_ref().is_some_and(|(owner, _)| *owner == id);
    if let Some((owner, _)) = before.as_ref().filter(|_| !is_theirs) {
        let changes = AuditChanges::gone(changes.clone());
        note(
            connection,
            (tenant_id, *owner),
            by,
            "remove_device",
            changes,
        )
        .await?;
    }
    if !is_theirs {
        let changes = AuditChanges::made(changes);
        note(connection, (tenant_id, id), by, "add_device", changes).await?;
    }
    Ok((device, !is_theirs))
}
