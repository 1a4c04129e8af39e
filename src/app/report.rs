//! How a run of the engine ended.

use std::collections::BTreeMap;

use crate::providers::http::HttpClientError;
use crate::runtime::Ending;
use crate::store::seal::SealError;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// Why.
    pub ending: Ending,
    /// Whether everything in hand was settled before the deadline. What was not has returned to
    /// the broker.
    pub drained: bool,
    /// Messages that were not settled.
    pub returned: usize,
    /// What was still running at the deadline, with how many of each.
    pub late: BTreeMap<&'static str, usize>,
}

impl RunReport {
    pub(super) const fn never_started(ending: Ending) -> Self {
        Self {
            ending,
            drained: true,
            returned: 0,
            late: BTreeMap::new(),
        }
    }

    /// Whether the process may end with exit code 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.ending == Ending::Asked
    }
}

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operating system gives us no threads.
    #[error("the IO runtime cannot be started: {0}")]
    Runtime(String),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address} (HERALD__HTTP__BIND): {why}")]
    Listen {
        /// The configured address.
        address: std::net::SocketAddr,
        /// What the operating system says.
        why: String,
    },
    /// Our certificate or its key cannot be used.
    #[error("{0}")]
    Certificate(String),
    /// The sealing keys are no good.
    #[error("HERALD__SECRETS__KEY: {0}")]
    Keys(#[from] SealError),
    /// The database was made by another tool, or by a version whose migrations were others.
    #[error("{0}; see HERALD__DATABASE__URL")]
    Schema(String),
    /// What is said of the bucket of attachments is contradictory.
    #[error("tickets.attachments: {0}")]
    Attachments(String),
    /// What is said of the bucket for months is.
    #[error("retention.export: {0}")]
    Export(String),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    HttpClient(#[from] HttpClientError),
}
