//! Who holds a notification: the run that works on it, the number of its take, and where it came from.

use serde::{Deserialize, Serialize};

/// A run of an engine node: the owner of claims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i32);

/// The number of a take: no two takes have the same, whichever run's they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TakeId(pub i64);

/// The number of every take of a version that did not number them. Counting begins after it.
const UNNUMBERED: u32 = 0;

impl TakeId {
    /// The run in the upper half, and the number among its takes in the lower one.
    #[must_use]
    pub fn of(run: RunId, number: u32) -> Self {
        Self(i64::from(run.0) << 32 | i64::from(number))
    }

    /// What a run held whose version did not number its takes.
    #[must_use]
    pub fn unnumbered(run: RunId) -> Self {
        Self::of(run, UNNUMBERED)
    }

    /// The run that took.
    #[must_use]
    pub fn run(self) -> RunId {
        RunId(i32::try_from(self.0 >> 32).unwrap_or_default())
    }
}

/// Where a notification came from, which decides who may settle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub enum Origin {
    /// From the broker, under this take of its claim; it may have no row yet.
    Broker(TakeId),
    /// From the database, under this take, which its row names as the last one.
    Database(TakeId),
}

impl Origin {
    /// The take.
    #[must_use]
    pub const fn take(self) -> TakeId {
        match self {
            Self::Broker(take) | Self::Database(take) => take,
        }
    }
}

/// As versions have written it into the quarantine.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Numbered(Numbered),
    Unnumbered(Unnumbered),
}

#[derive(Deserialize)]
enum Numbered {
    Broker(TakeId),
    Database(TakeId),
}

/// Before claims had numbers: by which run, the entry says.
#[derive(Deserialize)]
enum Unnumbered {
    Broker,
}

impl From<Written> for Origin {
    fn from(written: Written) -> Self {
        match written {
            Written::Numbered(Numbered::Broker(take)) => Self::Broker(take),
            Written::Numbered(Numbered::Database(take)) => Self::Database(take),
            Written::Unnumbered(Unnumbered::Broker) => Self::Broker(TakeId(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_of_an_older_version_is_read() {
        for origin in [Origin::Broker(TakeId(7)), Origin::Database(TakeId(-3))] {
            let text = serde_json::to_string(&origin).unwrap();
            assert_eq!(serde_json::from_str::<Origin>(&text).unwrap(), origin);
        }
        let before = serde_json::from_str::<Origin>("\"Broker\"").unwrap();
        assert_eq!(before, Origin::Broker(TakeId(0)));
    }
}
