//! How a subcommand ends when it does not end well.

use std::process::ExitCode;

/// What went wrong, and with which exit code.
#[derive(Debug)]
pub enum Failure {
    /// Something failed.
    Failed(String),
    /// The run was measured and showed a fault; the report has said it already.
    Fault,
    /// The arguments make no sense together.
    Usage(String),
}

impl Failure {
    /// Says it on standard error, and the exit code for it.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Failed(message) => {
                eprintln!("loadtest: {message}");
                ExitCode::from(1)
            }
            Self::Fault => ExitCode::from(1),
            Self::Usage(message) => {
                eprintln!("loadtest: {message}");
                ExitCode::from(2)
            }
        }
    }

    /// A failure that names what was being done.
    pub(super) fn while_doing<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::Failed(format!("{what}: {error:#}"))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}
