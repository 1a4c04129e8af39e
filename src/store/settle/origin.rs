//! Where a notification came from, and under which take it is held.

use serde::{Deserialize, Serialize};

use crate::store::takes::TakeId;

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
    fn it_is_read_back_also_as_it_was_written_before_claims_had_numbers() {
        for origin in [Origin::Broker(TakeId(7)), Origin::Database(TakeId(-3))] {
            let text = serde_json::to_string(&origin).unwrap();
            assert_eq!(serde_json::from_str::<Origin>(&text).unwrap(), origin);
        }
        let before = serde_json::from_str::<Origin>("\"Broker\"").unwrap();
        assert_eq!(before, Origin::Broker(TakeId(0)));
    }
}
