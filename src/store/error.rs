//! What PostgreSQL said, in the few kinds that callers act on differently.
//!
//! Told apart by SQLSTATE and never by words, which are the server's language. diesel-async 0.9 does
//! not keep the code; our sessions (`store::session`) write it before the text. Details are never
//! kept: they hold the row's values.
//!
//! The question that matters most is whose fault it is. Only an error that [is about
//! data](StoreError::is_about_data) may be blamed on a row; a race is tried again at once; everything
//! else, whatever is unknown included, is the server's trouble or an operator's doing, and passes when
//! they have ended it.

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

use super::session::MarkedText;
use super::sqlstate::SqlState;

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
    /// Class 22: a value that the server cannot take, such as a time beyond its range.
    #[error("a value is refused (SQLSTATE {state})")]
    BadValue {
        /// Its code.
        state: SqlState,
        /// The server's words, which may hold the value.
        message: String,
    },
    /// Class 23, those without a kind of their own.
    #[error("a row breaks the constraint `{constraint}` (SQLSTATE {state})")]
    Constraint {
        /// Its code.
        state: SqlState,
        /// Name of the constraint.
        constraint: String,
    },
    /// 22001, and 54000 where a row is refused for its size: longer than the column, the row or its index
    /// takes.
    #[error("a value is too long: {1} (SQLSTATE {0})")]
    DataTooLong(SqlState, String),
    /// 22021, 22P05: text that PostgreSQL cannot hold, such as a NUL character.
    #[error("a text cannot be stored: {1} (SQLSTATE {0})")]
    UnstorableText(SqlState, String),
    /// 40001: another transaction was first.
    #[error("a concurrent transaction was first")]
    SerializationFailure,
    /// 40P01: chosen as the victim of a deadlock.
    #[error("the transaction was the victim of a deadlock")]
    Deadlock,
    /// 57014: the statement took too long.
    #[error("{0}")]
    Timeout(String),
    /// 55P03: somebody has locked a row or table that is needed.
    #[error("{0}")]
    Locked(String),
    /// 53100, 53200: the server's disk or memory is used up.
    #[error("{0}")]
    DiskFull(String),
    /// 25006: the server only reads, such as a standby after a switch-over.
    #[error("postgresql is read-only (SQLSTATE 25006)")]
    ReadOnly,
    /// What was asked for is not there.
    #[error("not found")]
    NotFound,
    /// What stands in the database cannot be read as what it should be.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// Anything else that the server says: a right or a column is missing, a trigger refuses, its
    /// storage fails. Nothing of it is a row's fault.
    #[error("{}: {message} (SQLSTATE {state})", .state.meaning())]
    Server {
        /// Its code.
        state: SqlState,
        /// The server's words.
        message: String,
    },
    /// Anything else that fails on our side: a mistake of ours, most likely.
    #[error("{0}")]
    Other(String),
}

impl StoreError {
    /// Whether the row is what is wrong, and will be next time. Nothing else may ever be blamed on a
    /// row.
    #[must_use]
    pub const fn is_about_data(&self) -> bool {
        matches!(
            self,
            Self::UniqueViolation { .. }
                | Self::ForeignKey { .. }
                | Self::CheckViolation { .. }
                | Self::NotNull { .. }
                | Self::BadValue { .. }
                | Self::Constraint { .. }
                | Self::DataTooLong(..)
                | Self::UnstorableText(..)
        )
    }

    /// Whether a part of the same work may succeed, so that it is worth to find the part that does
    /// not: not if it is the connection, or a race.
    #[must_use]
    pub const fn may_be_of_one_row(&self) -> bool {
        !matches!(
            self,
            Self::Unavailable(_)
                | Self::Refused(_)
                | Self::ReadOnly
                | Self::SerializationFailure
                | Self::Deadlock
        )
    }

    /// Whether one value among those that are read may be why: the client does not understand it, or its
    /// storage is damaged. What takes too long, or waits, does so for all.
    #[must_use]
    pub(super) const fn may_be_of_what_is_read(&self) -> bool {
        self.may_be_of_one_row() && !self.is_for_now()
    }

    /// Whether others hold or change the same at this moment: nothing was done, and doing it again may go well.
    #[must_use]
    pub const fn is_contention(&self) -> bool {
        matches!(
            self,
            Self::Locked(_) | Self::Deadlock | Self::SerializationFailure
        )
    }

    /// Whether it passes by itself or by an operator's hand, and says nothing of the row at which it showed: no
    /// room, a lock, too slow.
    #[must_use]
    pub const fn is_for_now(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Locked(_) | Self::DiskFull(_))
    }

    /// The same in words that hold no row's values, for a log line or an event.
    #[must_use]
    pub fn without_data(&self) -> String {
        match self {
            // The client library names the column, and nothing of what is in it.
            Self::Corrupt(what) => what.clone(),
            error => error.code().meaning().to_owned(),
        }
    }

    /// The same with whose it is and what to do, where it is something stored that cannot be read.
    #[must_use]
    pub fn of_whom(self, whom: &str) -> Self {
        match self {
            Self::Corrupt(why) => Self::Corrupt(format!(
                "{whom}: {why}; write a value into that column that the engine can read, or NULL"
            )),
            other => other,
        }
    }

    /// The server's code, as far as it is known.
    #[must_use]
    pub fn code(&self) -> SqlState {
        let code = match self {
            Self::BadValue { state, .. }
            | Self::Constraint { state, .. }
            | Self::DataTooLong(state, _)
            | Self::UnstorableText(state, _)
            | Self::Server { state, .. } => return *state,
            Self::UniqueViolation { .. } => "23505",
            Self::ForeignKey { .. } => "23503",
            Self::CheckViolation { .. } | Self::NoPartition => "23514",
            Self::NotNull { .. } => "23502",
            Self::SerializationFailure => "40001",
            Self::Deadlock => "40P01",
            Self::Timeout(_) => "57014",
            Self::Locked(_) => "55P03",
            Self::DiskFull(_) => "53100",
            Self::ReadOnly => "25006",
            Self::Unavailable(_) | Self::Refused(_) => "08000",
            Self::NotFound | Self::Corrupt(_) | Self::Other(_) => "XX000",
        };
        SqlState::of(code)
    }

    /// Whether the unique constraint of this name was broken.
    #[must_use]
    pub fn breaks(&self, name: &str) -> bool {
        matches!(self, Self::UniqueViolation { constraint } if constraint == name)
    }

    /// What opening a connection through Diesel failed with.
    pub(super) fn of_connecting(error: ConnectionError) -> Self {
        let reason = match error {
            ConnectionError::CouldntSetupConfiguration(error) => Self::from(error),
            other => Self::Unavailable(other.to_string()),
        };
        reason.while_connecting()
    }

    /// The same, met while opening a connection: an answer of the server that does not pass by itself
    /// is a refusal.
    pub(super) fn while_connecting(self) -> Self {
        match self {
            error @ (Self::Server { .. } | Self::BadValue { .. } | Self::Other(_)) => {
                let mend = mend(error.code()).map(|mend| format!("; {mend}"));
                Self::Refused(format!("{error}{}", mend.unwrap_or_default()))
            }
            error => error,
        }
    }

    /// An error of the server by its code, where it names nothing else.
    pub(super) fn of_code(code: &str, message: &str) -> Self {
        SqlState::parse(code).map_or_else(
            || Self::Other(message.to_owned()),
            |state| of_state((state, false), message.to_owned(), &message.to_owned()),
        )
    }
}

/// What to do about a refusal to let us in.
fn mend(state: SqlState) -> Option<&'static str> {
    match state.as_str() {
        "28P01" => Some("see user and password in HERALD__DATABASE__URL"),
        "28000" => {
            Some("see the server's pg_hba.conf, and user and sslmode in HERALD__DATABASE__URL")
        }
        "3D000" => Some("create it, or name another one in HERALD__DATABASE__URL"),
        "42501" => Some("GRANT herald_notifications TO the login of HERALD__DATABASE__URL"),
        // SET ROLE, as the server answers it for a role that is not there.
        "22023" => Some("the role herald_notifications is not there: run `herald migrate` first"),
        _ => None,
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

fn of_database(
    kind: &DatabaseErrorKind,
    info: &(dyn DatabaseErrorInformation + Send + Sync),
) -> StoreError {
    use DatabaseErrorKind as Kind;
    let message = info.message();
    if matches!(kind, Kind::UnableToSendCommand | Kind::ClosedConnection) {
        return StoreError::Unavailable(message.to_owned());
    }
    if let Some(marked) = MarkedText::read(message) {
        let state = (marked.state, marked.is_row_size);
        return of_state(state, marked.words.to_owned(), info);
    }
    // A session that was not opened by us: migrations and tests.
    let code = match kind {
        Kind::UniqueViolation => "23505",
        Kind::ForeignKeyViolation => "23503",
        Kind::RestrictViolation => "23001",
        Kind::ExclusionViolation => "23P01",
        Kind::CheckViolation => "23514",
        Kind::NotNullViolation => "23502",
        Kind::SerializationFailure => "40001",
        Kind::ReadOnlyTransaction => "25006",
        _ => return StoreError::Other(message.to_owned()),
    };
    of_state((SqlState::of(code), false), message.to_owned(), info)
}

/// What a code stands for. 57014 is also what an operator's cancellation says; class 54 is about limits of the
/// server, of which a row's size is but one.
fn of_state(
    (state, is_row_size): (SqlState, bool),
    message: String,
    info: &(dyn DatabaseErrorInformation + Send + Sync),
) -> StoreError {
    let constraint = || info.constraint_name().unwrap_or_default().to_owned();
    let with_state = |words: String| format!("{}: {words} (SQLSTATE {state})", state.meaning());
    match (state.class(), state.as_str()) {
        (_, "23505") => StoreError::UniqueViolation {
            constraint: constraint(),
        },
        (_, "23503" | "23001") => StoreError::ForeignKey {
            constraint: constraint(),
        },
        (_, "23514") if info.constraint_name().is_none() => StoreError::NoPartition,
        (_, "23514") => StoreError::CheckViolation {
            constraint: constraint(),
        },
        (_, "23502") => StoreError::NotNull {
            column: info.column_name().unwrap_or_default().to_owned(),
        },
        ("23", _) => StoreError::Constraint {
            state,
            constraint: constraint(),
        },
        (_, "22001") => StoreError::DataTooLong(state, message),
        _ if is_row_size => StoreError::DataTooLong(state, message),
        (_, "22021" | "22P05") => StoreError::UnstorableText(state, message),
        ("22", _) => StoreError::BadValue { state, message },
        (_, "40P01") => StoreError::Deadlock,
        ("40", _) => StoreError::SerializationFailure,
        (_, "57014") => StoreError::Timeout(with_state(message)),
        (_, "55P03") => StoreError::Locked(with_state(message)),
        (_, "53300") | ("08", _) => StoreError::Unavailable(with_state(message)),
        ("57", _) => StoreError::Unavailable(with_state(message)),
        (_, "53100" | "53200") => StoreError::DiskFull(with_state(message)),
        (_, "25006") => StoreError::ReadOnly,
        _ => StoreError::Server { state, message },
    }
}
