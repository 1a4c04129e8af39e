//! People and devices as they are shown.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ops::control::{StoredDevice, StoredPerson};

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct ShownPerson<'a> {
    /// Names them in paths and envelopes.
    id: Uuid,
    /// Whose they are.
    tenant_id: Uuid,
    /// Their id in another system.
    external_id: Option<&'a str>,
    /// E-mail address.
    email: Option<&'a str>,
    /// Unique name within the tenant.
    username: Option<&'a str>,
    /// What to call them.
    name: Option<&'a str>,
    /// Phone number, E.164.
    phone: Option<&'a str>,
    /// IANA time zone name.
    timezone: Option<&'a str>,
    /// Language.
    locale: Option<&'a str>,
    /// When they were made.
    created_at: Timestamp,
    /// When they were changed last.
    updated_at: Timestamp,
}

/// A person's push device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub(super) struct ShownDevice<'a> {
    /// Names it in paths.
    id: Uuid,
    /// Registration token.
    token: &'a str,
    /// What it runs.
    platform: &'a str,
    /// When its app reported last.
    last_seen_at: Timestamp,
    /// When its provider said that it is gone; nothing is sent to it since then.
    invalidated_at: Option<Timestamp>,
    /// When it was added.
    created_at: Timestamp,
}

impl<'a> From<&'a StoredPerson> for ShownPerson<'a> {
    fn from(person: &'a StoredPerson) -> Self {
        let fields = &person.fields;
        Self {
            id: person.id,
            tenant_id: person.tenant_id,
            external_id: fields.external_id.as_deref(),
            email: fields.email.as_deref(),
            username: fields.username.as_deref(),
            name: fields.name.as_deref(),
            phone: fields.phone.as_deref(),
            timezone: fields.timezone.as_deref(),
            locale: fields.locale.as_deref(),
            created_at: person.created_at,
            updated_at: person.updated_at,
        }
    }
}

impl<'a> From<&'a StoredDevice> for ShownDevice<'a> {
    fn from(device: &'a StoredDevice) -> Self {
        Self {
            id: device.id,
            token: &device.token,
            platform: &device.platform,
            last_seen_at: device.last_seen_at,
            invalidated_at: device.invalidated_at,
            created_at: device.created_at,
        }
    }
}
