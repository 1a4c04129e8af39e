//! What a repeatable write has changed, and the reading of words from rows.

use std::fmt;
use std::str::FromStr;

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Int8, Nullable, Text};

use super::StoreError;

/// What a write that may be repeated has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteChange {
    /// The row is new.
    Created,
    /// The row was different.
    Updated,
    /// The row was as asked already, and was not touched.
    Unchanged,
}

impl fmt::Display for WriteChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        })
    }
}

/// The answer of `INSERT ... ON CONFLICT DO UPDATE ... WHERE <different> RETURNING xmax = 0`: no
/// row when nothing was different; `xmax` is zero in a row that was inserted.
#[derive(QueryableByName)]
pub(super) struct UpsertAnswer {
    #[diesel(sql_type = Bool)]
    created: bool,
}

impl UpsertAnswer {
    pub(super) fn change(written: Option<&Self>) -> WriteChange {
        match written {
            None => WriteChange::Unchanged,
            Some(Self { created: true }) => WriteChange::Created,
            Some(Self { created: false }) => WriteChange::Updated,
        }
    }
}

/// The same for what belongs to a person: whether the tenant has that person, and what was written.
#[derive(QueryableByName)]
pub(super) struct WrittenFor {
    #[diesel(sql_type = Bool)]
    known: bool,
    #[diesel(sql_type = Nullable<Bool>)]
    created: Option<bool>,
}

impl WrittenFor {
    pub(super) fn change(&self) -> Result<WriteChange, StoreError> {
        match (self.known, self.created) {
            (false, _) => Err(StoreError::NotFound),
            (true, None) => Ok(WriteChange::Unchanged),
            (true, Some(true)) => Ok(WriteChange::Created),
            (true, Some(false)) => Ok(WriteChange::Updated),
        }
    }
}

/// A word of a closed vocabulary, from a column whose `CHECK` allows no other.
pub(super) fn word<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error: T::Err| StoreError::Corrupt(error.to_string()))
}

/// Things that name another one: what they are, and how many there are.
pub type Use = (String, u64);

/// Uses in words: `2 templates, 1 topics`.
#[must_use]
pub fn uses_in_words(uses: &[Use]) -> String {
    let words = uses.iter().map(|(what, number)| format!("{number} {what}"));
    words.collect::<Vec<_>>().join(", ")
}

/// How often something is named.
#[derive(QueryableByName)]
pub(super) struct CountedUse {
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = Int8)]
    number: i64,
}

impl CountedUse {
    /// Those that there are.
    pub(super) fn all(counted: Vec<Self>) -> Vec<Use> {
        let used = counted.into_iter().filter(|one| one.number > 0);
        used.map(|one| (one.what, one.number.unsigned_abs()))
            .collect()
    }
}
