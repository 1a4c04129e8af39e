//! The person, and where a notification for them goes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Channel, EVERYBODY, Preference, address};

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

    /// The e-mail address or number that a message names, if it is not this person's own.
    #[must_use]
    pub fn others_address(&self, channel: Channel, to: Option<&str>) -> Option<String> {
        if !matches!(channel, Channel::Email | Channel::Sms) {
            return None;
        }
        let own = self.targets(channel, None);
        let named = self.targets(channel, Some(to?)).pop()?.address;
        let is_own = own.iter().any(|it| it.address == named);
        (!is_own).then_some(named)
    }

    /// The addresses of this person for a channel, each in its one spelling; `to` overrides them.
    ///
    /// Push yields every live device, every other channel one address at most. Chat has no
    /// address of the person: `to`, or none (an incoming webhook needs none). An inbox has no other
    /// address than the person's. What stands in the database and is no address, or more than one, is
    /// nothing that could be compared with the list of suppressions: it is left out.
    #[must_use]
    pub fn targets(&self, channel: Channel, to: Option<&str>) -> Vec<Target> {
        let target = |address: &str, device_id| {
            let address = address::canonical(channel, address).ok()?;
            Some(Target { address, device_id })
        };
        let plain = |address: &str| target(address, None);
        if let Some(to) = to.filter(|_| channel != Channel::InApp) {
            let to = plain(to).map(|to| {
                let mut devices = self.devices.iter();
                let device = devices.find(|device| device.token == to.address);
                let device_id = device.map(|device| device.id);
                Target { device_id, ..to }
            });
            return to.into_iter().collect();
        }
        match channel {
            Channel::Email => self.email.as_deref().and_then(plain).into_iter().collect(),
            Channel::Sms => self.phone.as_deref().and_then(plain).into_iter().collect(),
            Channel::Push => {
                let devices = self.devices.iter();
                devices
                    .filter_map(|device| target(&device.token, Some(device.id)))
                    .collect()
            }
            // The inboxes of all have no address.
            Channel::InApp if self.user_id == EVERYBODY => vec![Target {
                address: String::new(),
                device_id: None,
            }],
            Channel::InApp => plain(&self.user_id.to_string()).into_iter().collect(),
            Channel::Chat => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_left_out_and_an_inbox_has_one_only() {
        let user_id = Uuid::from_u128(7);
        let stored = |email: &str, phone: &str| Recipient {
            email: Some(email.to_owned()),
            phone: Some(phone.to_owned()),
            ..Recipient::nobody((Uuid::nil(), user_id))
        };
        for (email, phone) in [
            ("Sup <sup@example.com>", "+49 (0) 1510000078"),
            ("sup@example.com, other@example.com", "0049 1510000078"),
            ("sup@example.com.", "tel:+491510000078"),
        ] {
            let person = stored(email, phone);
            assert_eq!(person.targets(Channel::Email, None), [], "{email}");
            assert_eq!(person.targets(Channel::Sms, None), [], "{phone}");
        }
        let person = stored(" Sup@Example.com", "+49 151 0000078");
        let one = |address: &str| {
            vec![Target {
                address: address.to_owned(),
                device_id: None,
            }]
        };
        assert_eq!(person.targets(Channel::Email, None), one("sup@example.com"));
        assert_eq!(person.targets(Channel::Sms, None), one("+491510000078"));
        let inbox = one(&user_id.to_string());
        assert_eq!(person.targets(Channel::InApp, None), inbox);
        assert_eq!(person.targets(Channel::InApp, Some("anything")), inbox);
    }
}
