//! The ways in which a simulated provider misbehaves.

use serde::{Deserialize, Serialize};

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Answers with this status and the provider's own error body. A mail server translates HTTP
    /// statuses: 429 to 450, 5xx up to 504 to 451, 401 and 403 to 535, 400 to 554; SMTP codes stay.
    Status {
        /// HTTP status, or SMTP code.
        status: u16,
        /// `Retry-After` in seconds, when given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u32>,
        /// Body instead of the provider's own, for example an HTML page of a proxy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// Never answers; the connection stays open.
    Hang,
    /// Resets the connection (RST) without an answer.
    Reset,
    /// Closes the connection without an answer after having accepted the message.
    DropAnswer,
    /// Answers with a good status and random bytes.
    Garbage {
        /// How many bytes.
        #[serde(default = "default_garbage_bytes")]
        bytes: usize,
    },
    /// The right answer, one byte at a time, head included.
    Dribble {
        /// Milliseconds between two bytes.
        every_ms: u64,
    },
    /// A good status and a body without an end in sight, streamed.
    HugeBody {
        /// How many bytes.
        #[serde(default = "default_huge_bytes")]
        bytes: u64,
    },
}

fn default_garbage_bytes() -> usize {
    256
}

fn default_huge_bytes() -> u64 {
    100_000_000
}

impl Fault {
    /// Whether the provider has taken the message on when it misbehaves in this way, unless the
    /// rule says otherwise.
    pub(crate) fn accepts_by_default(&self) -> bool {
        match self {
            Self::Status { .. } | Self::Hang | Self::Reset => false,
            Self::DropAnswer | Self::Garbage { .. } => true,
            Self::Dribble { .. } | Self::HugeBody { .. } => true,
        }
    }
}
