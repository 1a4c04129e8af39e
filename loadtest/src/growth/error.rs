//! What ends a measurement.

use crate::child::ChildError;
use crate::comparison::ComparisonError;
use crate::database::{DatabaseError, with_cause};

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum GrowthError {
    /// The ground.
    #[error(transparent)]
    Ground(#[from] ComparisonError),
    /// The database server.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A statement.
    #[error("{what}: {}", with_cause(.error))]
    Statement {
        /// What was being done.
        what: &'static str,
        /// What the server says.
        error: tokio_postgres::Error,
    },
    /// The broker's management interface.
    #[error("the broker's management interface (--broker-admin): {0}")]
    Admin(String),
    /// A node of the engine.
    #[error(transparent)]
    Child(#[from] ChildError),
}

impl GrowthError {
    /// Names what a statement was for.
    pub(super) fn at(what: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |error| Self::Statement { what, error }
    }
}
