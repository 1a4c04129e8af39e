//! `[[users]]`

use uuid::Uuid;

use super::fields::Fields;
use super::{template, zone};
use crate::domain::address;
use crate::domain::platform::Platform;

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
    pub devices: Vec<Device>,
}

/// A push device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Registration token.
    pub token: String,
    /// What it runs.
    pub platform: Platform,
}

pub(super) fn read(fields: &mut Fields) -> Option<User> {
    fields.required("id", "a UUID");
    let id = fields.uuid("id");
    let user = User {
        id: id.unwrap_or_default(),
        tenant_id: fields.tenant(),
        email: email(fields),
        username: fields.line("username", 100),
        name: fields.line("name", 120),
        external_id: fields.line("external_id", 255),
        phone: phone(fields),
        timezone: zone::read(fields, "timezone"),
        locale: template::locale(fields),
        devices: devices(fields),
    };
    id.map(|_| user)
}

fn email(fields: &mut Fields) -> Option<String> {
    let email = fields.line("email", 255)?;
    if !address::is_email(&email) {
        return fields.refuse_with("email", "is not an e-mail address", "name@example.com");
    }
    Some(email)
}

fn phone(fields: &mut Fields) -> Option<String> {
    let phone = fields.line("phone", 30)?;
    if !address::is_e164(&phone) {
        return fields.refuse_with("phone", "is not a number in E.164", "+4915112345678");
    }
    Some(phone)
}

fn devices(fields: &mut Fields) -> Vec<Device> {
    let mut devices = Vec::new();
    fields.inner("devices", |device| {
        device.required("token", "a text");
        device.required("platform", "android, ios, web");
        let token = device.line("token", 2_048);
        let platform = device.word("platform", "android, ios, web");
        devices.extend(
            token
                .zip(platform)
                .map(|(token, platform)| Device { token, platform }),
        );
    });
    devices
}
