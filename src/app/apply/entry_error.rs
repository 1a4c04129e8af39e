//! Why an entry could not be written: for what it says, or for the database.

use crate::store::StoreError;

/// Why an entry could not be written.
pub(super) enum EntryError {
    /// The entry is wrong, in words.
    Entry(String),
    /// The database's.
    Store(StoreError),
}

impl From<StoreError> for EntryError {
    fn from(error: StoreError) -> Self {
        explain(error)
    }
}

/// What the database refuses is a mistake of the entry; everything else is the database's.
pub(super) fn explain(error: StoreError) -> EntryError {
    match error {
        StoreError::NotFound => {
            EntryError::Entry("its user does not exist in this tenant".to_owned())
        }
        StoreError::ForeignKey { .. } => EntryError::Entry("its tenant does not exist".to_owned()),
        StoreError::CheckViolation { .. }
        | StoreError::DataTooLong(..)
        | StoreError::UnstorableText(..)
        | StoreError::UniqueViolation { .. } => EntryError::Entry(error.to_string()),
        other => EntryError::Store(other),
    }
}
