//! Places in lists that are ordered by time: two entries may be of one moment.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

/// The place of an entry in a list that is ordered by time, and by id within a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimePlace {
    /// Its moment, to the microsecond.
    pub at: Timestamp,
    /// Its id.
    pub id: Uuid,
}

/// A text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a list")]
pub struct NoPlace;

impl fmt::Display for TimePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.at.as_microsecond(), self.id)
    }
}

impl FromStr for TimePlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (at, id) = text.split_once(':').ok_or(NoPlace)?;
        let at = at.parse().map_err(|_| NoPlace)?;
        Ok(Self {
            at: Timestamp::from_microsecond(at).map_err(|_| NoPlace)?,
            id: id.parse().map_err(|_| NoPlace)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back() {
        let place = TimePlace {
            at: "2026-03-01T12:00:00.123456Z".parse().unwrap(),
            id: Uuid::from_u128(7),
        };
        assert_eq!(place.to_string().parse(), Ok(place));
        for none in ["", "7", "7:x", "x:00000000-0000-0000-0000-000000000007"] {
            assert_eq!(none.parse::<TimePlace>(), Err(NoPlace));
        }
    }
}
