//! `[[users]]`

use uuid::Uuid;

use super::fields::EntryFields;
use super::template;
use crate::domain::platform::Platform;
use crate::domain::{Channel, field};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: Uuid,
    /// The tenant they belong to.
    pub tenant_id: Uuid,
    /// E-mail address.
    pub email: Option<String>,
    /// Unique name within the tenant.
    pub username: Option<String>,
    /// What to call them.
    pub name: Option<String>,
    /// Their id in another system.
    pub external_id: Option<String>,
    /// Phone number, E.164.
    pub phone: Option<String>,
    /// IANA time zone name.
    pub timezone: Option<String>,
    /// Language.
    pub locale: Option<String>,
    /// Push devices.
    pub devices: Vec<DeclaredDevice>,
}

/// A push device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredDevice {
    /// Registration token.
    pub token: String,
    /// What it runs.
    pub platform: Platform,
}

pub(super) fn read(fields: &mut EntryFields) -> Option<User> {
    fields.required("id", "a UUID");
    let id = fields.uuid("id");
    let user = User {
        id: id.unwrap_or_default(),
        tenant_id: fields.tenant(),
        email: email(fields),
        username: fields.line("username", field::USERNAME_CHARS),
        name: fields.line("name", field::NAME_CHARS),
        external_id: fields.line("external_id", field::EXTERNAL_ID_CHARS),
        phone: phone(fields),
        timezone: fields.fit("timezone", field::timezone),
        locale: template::locale(fields),
        devices: devices(fields),
    };
    id.map(|_| user)
}

fn email(fields: &mut EntryFields) -> Option<String> {
    spelt(fields, "email", Channel::Email)
}

fn phone(fields: &mut EntryFields) -> Option<String> {
    spelt(fields, "phone", Channel::Sms)
}

/// An address in the one spelling of its channel.
pub(super) fn spelt(
    fields: &mut EntryFields,
    key: &'static str,
    channel: Channel,
) -> Option<String> {
    fields.fit(key, |text| field::address(channel, text))
}

fn devices(fields: &mut EntryFields) -> Vec<DeclaredDevice> {
    let mut devices = Vec::new();
    fields.inner("devices", |device| {
        device.required("token", "a text");
        device.required("platform", "android, ios, web");
        let token = spelt(device, "token", Channel::Push);
        let platform = device.word("platform", "android, ios, web");
        devices.extend(
            token
                .zip(platform)
                .map(|(token, platform)| DeclaredDevice { token, platform }),
        );
    });
    devices
}
