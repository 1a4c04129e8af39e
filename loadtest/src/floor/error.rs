//! What ends the floor.

/// Why the floor ended.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    /// The database failed.
    #[error("the database: {}", with_cause(.0))]
    Database(#[from] tokio_postgres::Error),
    /// The broker failed.
    #[error("the broker: {0}")]
    Broker(#[from] lapin::Error),
    /// The broker took a consumer away: its queue is gone.
    #[error("the broker ended a consumer: was a queue deleted?")]
    Cancelled,
    /// Rows that should be new were there already.
    #[error("only {stored} of {settled} rows were stored: does an engine work on this database?")]
    Unstored {
        /// Rows written.
        stored: u64,
        /// Rows to be written.
        settled: usize,
    },
    /// A message is not what this program's publisher sends.
    #[error("a message that loadtest did not publish: {0}")]
    Message(String),
    /// An address of a provider is of no use.
    #[error("{0} is not an address of the form http://host:port")]
    Address(String),
    /// A provider cannot be reached.
    #[error("the provider at {address}: {error}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A provider's connection failed.
    #[error("a provider's connection: {0}")]
    Http(#[from] hyper::Error),
    /// A provider refused.
    #[error("a provider refused {path} with {status}: {body}")]
    Refused {
        /// What was asked.
        path: String,
        /// Its status.
        status: u16,
        /// Its words.
        body: String,
    },
    /// The access token for pushes.
    #[error("the access token for pushes: {0}")]
    Token(String),
    /// A part of the loop ended without a reason, which would be a bug here.
    #[error("a part of the loop ended by itself")]
    Ended,
    /// A part of the loop panicked, which would be a bug here.
    #[error("a part of the loop panicked: {0}")]
    Panicked(tokio::task::JoinError),
}

/// PostgreSQL's own words are the cause of an error that only says "db error".
fn with_cause(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
