//! The person, and where a notification for them goes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Channel, Preference, address};

/// A person as the engine needs them to decide and to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The user.
    pub user_id: Uuid,
    /// The tenant that the user belongs to.
    pub tenant_id: Uuid,
    /// E-mail address.
    pub email: Option<String>,
    /// Unique name within the tenant.
    pub username: Option<String>,
    /// Phone number, E.164.
    pub phone: Option<String>,
    /// IANA time zone name.
    pub timezone: Option<String>,
    /// Language, for example `de` or `pt-BR`.
    pub locale: Option<String>,
    /// As of when messages have said what is known of them; what was published before says nothing.
    pub as_of: Option<Timestamp>,
    /// Live push devices.
    pub devices: Vec<Device>,
    /// What the person wants, a channel or a category each.
    pub preferences: Vec<Preference>,
}

/// A push device that has not been retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The row's id.
    pub id: Uuid,
    /// FCM registration token.
    pub token: String,
}

/// One address that a notification goes to, and what has come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// E-mail address, number, token or chat channel. Empty where the provider needs none.
    pub address: String,
    /// The device, when the address is its token.
    pub device_id: Option<Uuid>,
}

impl Recipient {
    /// A person of whom nothing is known any more.
    #[must_use]
    pub const fn nobody((tenant_id, user_id): (Uuid, Uuid)) -> Self {
        Self {
            user_id,
            tenant_id,
            email: None,
            username: None,
            phone: None,
            timezone: None,
            locale: None,
            as_of: None,
            devices: vec![],
            preferences: vec![],
        }
    }

    /// The addresses of this person for a channel, each in its one spelling; `to` overrides them.
    ///
    /// Push yields every live device, every other channel one address at most. Chat has no
    /// address of the person: `to`, or none (an incoming webhook needs none).
    #[must_use]
    pub fn targets(&self, channel: Channel, to: Option<&str>) -> Vec<Target> {
        let plain = |address: &str| Target {
            address: address::spelt(channel, address),
            device_id: None,
        };
        if let Some(to) = to {
            let to = plain(to);
            let mut devices = self.devices.iter();
            let device = devices.find(|device| device.token == to.address);
            return vec![Target {
                device_id: device.map(|device| device.id),
                ..to
            }];
        }
        match channel {
            Channel::Email => self.email.as_deref().map(plain).into_iter().collect(),
            Channel::Sms => self.phone.as_deref().map(plain).into_iter().collect(),
            Channel::Push => self
                .devices
                .iter()
                .map(|d| Target {
                    device_id: Some(d.id),
                    ..plain(&d.token)
                })
                .collect(),
            Channel::InApp => vec![plain(&self.user_id.to_string())],
            Channel::Chat => vec![],
        }
    }
}
