//! The people that a load test writes to: the same ones for the same numbers, so that the seed file
//! and the publisher need not be told about each other.

use uuid::Uuid;

/// Zones with and without daylight saving, on both sides of UTC and with odd offsets.
const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "UTC",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Tokyo",
    "Pacific/Auckland",
];
const NAMES: [&str; 8] = ["ana", "ben", "cleo", "dan", "eva", "finn", "gina", "hugo"];
/// The ids' version 7 prefix; the number of the person is in the last twelve digits.
const FIRST_ID: u128 = 0x0190_c1a0_0000_7000_8000_0000_0000_0000;

/// The same for tenants; the number is in the last twelve digits as well.
const FIRST_TENANT: u128 = 0x0190_c1a0_0000_7000_9000_0000_0000_0000;

/// The tenant `number`, from 1; number 0 is the default one, which needs no id.
#[must_use]
pub fn tenant(number: u32) -> Option<Uuid> {
    (number > 0).then(|| Uuid::from_u128(FIRST_TENANT + u128::from(number)))
}

/// One person with all addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Number of the person, from 1.
    pub number: u32,
}

impl Person {
    /// The person's id.
    #[must_use]
    pub fn id(self) -> Uuid {
        Uuid::from_u128(FIRST_ID + u128::from(self.number))
    }

    /// The person's tenant where people are spread over so many; `None` is the default one.
    #[must_use]
    pub fn tenant(self, tenants: u32) -> Option<Uuid> {
        tenant(self.number % tenants.max(1))
    }

    /// The person with this id, if it is one of these people's.
    #[must_use]
    pub fn with_id(id: Uuid) -> Option<Self> {
        let number = id.as_u128().checked_sub(FIRST_ID)?;
        let number = u32::try_from(number).ok()?;
        Some(Self { number })
    }

    /// First name and number, for example `ana-1`.
    #[must_use]
    pub fn username(self) -> String {
        format!("{}-{}", self.pick(&NAMES), self.number)
    }

    /// Mail address.
    #[must_use]
    pub fn email(self) -> String {
        format!("{}@example.com", self.username())
    }

    /// Number in the E.164 form.
    #[must_use]
    pub fn phone(self) -> String {
        format!("+4915{:09}", self.number)
    }

    /// IANA time zone.
    #[must_use]
    pub fn timezone(self) -> &'static str {
        self.pick(&ZONES)
    }

    /// How many devices the person has: one, of every fourth two, of every sixteenth three.
    #[must_use]
    pub fn device_count(self) -> u32 {
        1 + u32::from(self.number.is_multiple_of(4)) + u32::from(self.number.is_multiple_of(16))
    }

    /// Registration tokens of the devices with their platforms.
    pub fn devices(self) -> impl Iterator<Item = (String, &'static str)> {
        let platforms = ["android", "ios", "web"];
        (0..self.device_count())
            .zip(platforms)
            .map(move |(device, platform)| (format!("device-{}-{device}", self.number), platform))
    }

    /// Chat channel or member id.
    #[must_use]
    pub fn chat(self) -> String {
        format!("U{:08}", self.number)
    }

    fn pick(self, from: &[&'static str]) -> &'static str {
        let index = self.number as usize % from.len().max(1);
        from.get(index).copied().unwrap_or_default()
    }
}

/// People 1 to `count`.
pub fn people(count: u32) -> impl Iterator<Item = Person> {
    (1..=count).map(|number| Person { number })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everybody_has_addresses_of_their_own() {
        let ids: HashSet<_> = people(500).map(Person::id).collect();
        let phones: HashSet<_> = people(500).map(Person::phone).collect();
        let devices: HashSet<_> = people(500).flat_map(Person::devices).collect();
        assert_eq!((ids.len(), phones.len()), (500, 500));
        assert_eq!(devices.len(), 500 + 125 + 31);
        let first = Person { number: 1 };
        assert_eq!(
            first.id().to_string(),
            "0190c1a0-0000-7000-8000-000000000001"
        );
        assert_eq!(first.id().get_version_num(), 7);
        assert_eq!(Person::with_id(first.id()), Some(first));
        assert_eq!(Person::with_id(Uuid::nil()), None);
        assert_eq!(first.email(), "ben-1@example.com");
        assert_eq!(first.phone(), "+4915000000001");
    }
}
