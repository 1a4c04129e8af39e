//! Time zones by their IANA names.
//!
//! Two sets of rules are at hand: the machine's (`/usr/share/zoneinfo`), which its operator keeps up to
//! date without waiting for us, and the one that is compiled in. One is asked first, the other for what
//! that lacks. A zone that neither knows is unknown, and never UTC.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::tz::{self, TimeZone, TimeZoneDatabase};

/// Whether the rules that are compiled in are asked first.
static BUILT_IN_FIRST: AtomicBool = AtomicBool::new(false);

/// Files among the machine's rules that are no zones of IANA: what they mean differs by machine.
const NO_ZONES: [&str; 4] = ["localtime", "posixrules", "Factory", "Etc/Unknown"];

/// A zone that this node does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the time zone `{0}` is not known to this node")]
pub struct UnknownZone(pub String);

/// A zone as somebody named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zone {
    /// One with rules.
    Known(TimeZone),
    /// One without.
    Unknown(UnknownZone),
}

impl Zone {
    /// The zone of a name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        find(name).map_or_else(Self::Unknown, Self::Known)
    }

    /// Its rules.
    ///
    /// # Errors
    /// When this node does not know it.
    pub fn rules(&self) -> Result<TimeZone, UnknownZone> {
        match self {
            Self::Known(zone) => Ok(zone.clone()),
            Self::Unknown(unknown) => Err(unknown.clone()),
        }
    }
}

impl From<TimeZone> for Zone {
    fn from(zone: TimeZone) -> Self {
        Self::Known(zone)
    }
}

/// The zone of an IANA name, in upper or lower case.
///
/// jiff keeps the zones that it was asked for: after the first time this is a look into memory. It
/// looks at the machine's files again every few minutes.
///
/// # Errors
/// When this node does not know it.
pub fn find(name: &str) -> Result<TimeZone, UnknownZone> {
    let unknown = || UnknownZone(name.chars().take(64).collect());
    if NO_ZONES.iter().any(|none| none.eq_ignore_ascii_case(name)) {
        return Err(unknown());
    }
    let (machine, built_in) = (tz::db(), TimeZoneDatabase::bundled());
    let found = if BUILT_IN_FIRST.load(Ordering::Relaxed) {
        built_in.get(name).or_else(|_| machine.get(name))
    } else {
        machine.get(name).or_else(|_| built_in.get(name))
    };
    found.map_err(|_| unknown())
}

/// Which rules the whole process goes by: the compiled-in ones first, or the machine's. Said once, at
/// the start.
pub fn go_by_built_in_first(first: bool) {
    BUILT_IN_FIRST.store(first, Ordering::Relaxed);
}

/// Every name that [`find`] knows.
pub fn names() -> impl Iterator<Item = String> {
    let mut names: Vec<String> = [tz::db(), &TimeZoneDatabase::bundled()]
        .into_iter()
        .flat_map(|rules| {
            rules
                .available()
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
        })
        .filter(|name| !NO_ZONES.contains(&name.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_in_zones_cover_the_world() {
        let bundled = TimeZoneDatabase::bundled();
        for name in [
            "Europe/Berlin",
            "Asia/Kathmandu",
            "America/Argentina/Ushuaia",
            "UTC",
        ] {
            assert!(bundled.get(name).is_ok(), "{name}");
            assert!(names().any(|known| known == name), "{name}");
        }
        assert!(bundled.available().count() > 500);
    }

    #[test]
    fn a_name_is_found_in_any_case_and_what_is_no_zone_is_not() {
        let found = find("europe/berlin").unwrap();
        assert_eq!(found.iana_name(), Some("Europe/Berlin"));
        for name in [
            "",
            "Mars/Base",
            "localtime",
            "right/Europe/Berlin",
            "../../etc/passwd",
            "+02:00",
        ] {
            assert_eq!(
                Zone::named(name),
                Zone::Unknown(UnknownZone(name.to_owned())),
                "{name}"
            );
        }
    }
}
