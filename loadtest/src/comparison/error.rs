//! What ends a comparison.

use std::path::PathBuf;

use crate::child::ChildError;
use crate::database::DatabaseError;

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ComparisonError {
    /// The database server.
    #[error("the database server (--database): {0}")]
    Database(#[from] DatabaseError),
    /// A URL without the part that is exchanged.
    #[error("{0} must be a URL that ends in /NAME")]
    Url(&'static str),
    /// The broker's management interface.
    #[error("the broker's management interface (--broker-admin): {0}")]
    Admin(String),
    /// A file or folder.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A program could not be started, or failed.
    #[error("{program}: {what}")]
    Program {
        /// What was started.
        program: String,
        /// How it ended, with its last words.
        what: String,
    },
    /// A contender's process, or the engine that prepares a database.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A wish that this version cannot fulfil.
    #[error("{0}")]
    Unknown(String),
    /// Publishing failed.
    #[error("publishing: {0}")]
    Publishing(String),
}
