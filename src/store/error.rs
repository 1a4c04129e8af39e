//! What PostgreSQL said, in the few kinds that callers act on differently.
//!
//! diesel-async 0.9 keeps the kind, the constraint and the message of a server's error, but not its
//! SQLSTATE. Where the kind is not enough the message tells; sessions ask for English messages for
//! that reason (see `pool`). Details are never kept: they hold the row's values.

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use diesel_async::pooled_connection::PoolError;

/// A failed piece of work on the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No connection, or it was lost. Whether the work was committed is not known.
    #[error("postgresql is out of reach: {0}")]
    Unavailable(String),
    /// The server answers, but does not let us in: credentials, database name, role.
    #[error("postgresql refuses the connection: {0}")]
    Refused(String),
    /// 23505: such a row exists.
    #[error("a row breaks the unique constraint `{constraint}`")]
    UniqueViolation {
        /// Name of the constraint or index.
        constraint: String,
    },
    /// 23503: the row referred to does not exist, or is still referred to.
    #[error("a row breaks the foreign key `{constraint}`")]
    ForeignKey {
        /// Name of the constraint.
        constraint: String,
    },
    /// 23514: a value outside of what the column allows.
    #[error("a row breaks the check `{constraint}`")]
    CheckViolation {
        /// Name of the constraint.
        constraint: String,
    },
    /// 23502: a value is missing.
    #[error("a row lacks a value for `{column}`")]
    NotNull {
        /// Name of the column.
        column: String,
    },
    /// 23514 without a constraint: no partition for this id's month. Make it and try again.
    #[error("no partition holds the row's id")]
    NoPartition,
    /// 22001, 54000: longer than the column or its index takes.
    #[error("a value is too long: {0}")]
    DataTooLong(String),
    /// 22021, 22P05: text that PostgreSQL cannot hold, such as a NUL character.
    #[error("a text cannot be stored: {0}")]
    UnstorableText(String),
    /// 40001: another transaction was first.
    #[error("a concurrent transaction was first")]
    SerializationFailure,
    /// 40P01: chosen as the victim of a deadlock.
    #[error("the transaction was the victim of a deadlock")]
    Deadlock,
    /// 57014, 55P03: the statement or its lock took too long.
    #[error("a statement took too long: {0}")]
    Timeout(String),
    /// 53100, 53200: the server's disk or memory is full.
    #[error("postgresql has run out of space: {0}")]
    DiskFull(String),
    /// 25006: the server only reads, such as a standby after a switch-over.
    #[error("postgresql is read-only")]
    ReadOnly,
    /// What was asked for is not there.
    #[error("not found")]
    NotFound,
    /// What stands in the database cannot be read as what it should be.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// Anything else: a mistake of ours, most likely.
    #[error("{0}")]
    Other(String),
}

impl StoreError {
    /// Whether the same work may succeed later without anybody changing it.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::SerializationFailure
                | Self::Deadlock
                | Self::Timeout(_)
                | Self::DiskFull(_)
                | Self::ReadOnly
        )
    }

    /// Whether the row is what is wrong, and will be next time.
    #[must_use]
    pub const fn is_about_data(&self) -> bool {
        matches!(
            self,
            Self::UniqueViolation { .. }
                | Self::ForeignKey { .. }
                | Self::CheckViolation { .. }
                | Self::NotNull { .. }
                | Self::DataTooLong(_)
                | Self::UnstorableText(_)
        )
    }

    /// Whether the unique constraint of this name was broken.
    #[must_use]
    pub fn breaks(&self, name: &str) -> bool {
        matches!(self, Self::UniqueViolation { constraint } if constraint == name)
    }

    /// What opening a connection failed with: an answer of the server that does not pass by itself
    /// is a refusal.
    pub(super) fn of_connecting(error: ConnectionError) -> Self {
        let reason = match error {
            ConnectionError::CouldntSetupConfiguration(error) => Self::from(error),
            other => Self::Unavailable(other.to_string()),
        };
        match reason {
            Self::Other(message) => Self::Refused(message),
            reason => reason,
        }
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, info) => of_database(&kind, info.as_ref()),
            DieselError::NotFound => Self::NotFound,
            DieselError::DeserializationError(error) => Self::Corrupt(error.to_string()),
            DieselError::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            DieselError::BrokenTransactionManager => {
                Self::Unavailable("the connection was lost inside a transaction".to_owned())
            }
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<bb8::RunError<PoolError>> for StoreError {
    fn from(error: bb8::RunError<PoolError>) -> Self {
        match error {
            bb8::RunError::User(PoolError::ConnectionError(error)) => Self::of_connecting(error),
            bb8::RunError::User(PoolError::QueryError(error)) => Self::from(error),
            bb8::RunError::TimedOut => {
                Self::Unavailable("no connection became free in time".to_owned())
            }
        }
    }
}

fn of_database(
    kind: &DatabaseErrorKind,
    info: &(dyn DatabaseErrorInformation + Send + Sync),
) -> StoreError {
    let constraint = || info.constraint_name().unwrap_or_default().to_owned();
    match kind {
        DatabaseErrorKind::UniqueViolation => StoreError::UniqueViolation {
            constraint: constraint(),
        },
        DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::RestrictViolation => {
            StoreError::ForeignKey {
                constraint: constraint(),
            }
        }
        DatabaseErrorKind::CheckViolation if info.constraint_name().is_none() => {
            StoreError::NoPartition
        }
        DatabaseErrorKind::CheckViolation => StoreError::CheckViolation {
            constraint: constraint(),
        },
        DatabaseErrorKind::NotNullViolation => StoreError::NotNull {
            column: info.column_name().unwrap_or_default().to_owned(),
        },
        DatabaseErrorKind::SerializationFailure => StoreError::SerializationFailure,
        DatabaseErrorKind::ReadOnlyTransaction => StoreError::ReadOnly,
        DatabaseErrorKind::ClosedConnection => StoreError::Unavailable(info.message().to_owned()),
        _ => of_message(info.message()),
    }
}

/// Makes an error of a message.
type OfMessage = fn(String) -> StoreError;

/// Parts of messages by which the kinds below are told apart, with the SQLSTATE they stand for.
/// Those without one are the client's own words.
const MESSAGES: &[(&str, OfMessage)] = &[
    ("connection closed", StoreError::Unavailable),
    ("error connecting to server", StoreError::Unavailable),
    (
        "error communicating with the server",
        StoreError::Unavailable,
    ),
    ("unexpected message from server", StoreError::Unavailable),
    ("the database system is", StoreError::Unavailable), // 57P03
    ("too many clients", StoreError::Unavailable),       // 53300
    ("connection slots are reserved", StoreError::Unavailable), // 53300
    ("terminating connection", StoreError::Unavailable), // 57P01, 57P02, 25P03
    ("too many connections", StoreError::Unavailable),   // 53300
    ("deadlock detected", |_| StoreError::Deadlock),     // 40P01
    ("canceling statement", StoreError::Timeout),        // 57014, 55P03
    ("No space left on device", StoreError::DiskFull),   // 53100
    ("Disk quota exceeded", StoreError::DiskFull),       // 53100
    ("out of memory", StoreError::DiskFull),             // 53200
    ("value too long for type", StoreError::DataTooLong), // 22001
    ("index row size", StoreError::DataTooLong),         // 54000
    ("index row requires", StoreError::DataTooLong),     // 54000
    (
        "invalid byte sequence for encoding",
        StoreError::UnstorableText,
    ), // 22021
    (
        "unsupported Unicode escape sequence",
        StoreError::UnstorableText,
    ), // 22P05
];

fn of_message(message: &str) -> StoreError {
    let kind = MESSAGES
        .iter()
        .find(|(part, _)| message.contains(part))
        .map_or(StoreError::Other as OfMessage, |(_, of)| *of);
    kind(message.to_owned())
}
