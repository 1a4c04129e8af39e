//! Why something could not be done at the desk.

use crate::store::StoreError;
use crate::tickets::domain::FileRefusal;
use crate::tickets::policy::DeedRefusal;

/// Why something could not be done at the desk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketDeskError {
    /// There is no such thing, or it is not to be seen by whoever asks.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Where the ticket stands is against it.
    #[error(transparent)]
    Refused(#[from] DeedRefusal),
    /// Somebody has changed the ticket since; this is its version now.
    #[error("the ticket was changed meanwhile")]
    Stale(i64),
    /// Whoever asks may see the ticket, and not do this to it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// A member of the staff that is named is none.
    #[error("somebody in `staff` is not of the staff: PUT /v1/staff/{{id}} first")]
    UnknownStaff,
    /// The key stands for another call.
    #[error("the key stands for another call, of the last day")]
    KeyReused,
    /// New tickets of this category are not taken.
    #[error("no new tickets are taken in this category")]
    InactiveCategory,
    /// A file is not taken.
    #[error(transparent)]
    File(#[from] FileRefusal),
    /// Too many files are being taken.
    #[error("too many files are being taken at the moment")]
    Overloaded,
    /// Where files are kept does not answer, or has not what it should have.
    #[error("{0}")]
    NoStore(String),
    /// Others change the same at this moment.
    #[error("{0}")]
    Busy(String),
    /// The database is out of reach.
    #[error("{0}")]
    Unavailable(String),
    /// The desk is at fault.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for TicketDeskError {
    fn from(error: StoreError) -> Self {
        match error {
            error if error.is_contention() => Self::Busy(error.without_data()),
            StoreError::Unavailable(_)
            | StoreError::Refused(_)
            | StoreError::Timeout(_)
            | StoreError::DiskFull(_)
            | StoreError::ReadOnly => Self::Unavailable(error.without_data()),
            other => Self::Failed(other.without_data()),
        }
    }
}
