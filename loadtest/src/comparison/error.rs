//! What ends a comparison.

use std::path::PathBuf;

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ComparisonError {
    /// The database server.
    #[error("the database server (--database): {}", with_cause(.0))]
    Database(#[from] tokio_postgres::Error),
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
    /// A wish that this version cannot fulfil.
    #[error("{0}")]
    Unknown(String),
    /// Publishing failed.
    #[error("publishing: {0}")]
    Publishing(String),
}

/// PostgreSQL's own words are the cause of an error that only says "db error".
fn with_cause(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
