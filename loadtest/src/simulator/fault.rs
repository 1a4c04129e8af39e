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
    /// A mail server's reply line, in Latin-1 as old servers write it; over HTTP, the right status with
    /// this body. A line that begins with 2 takes the message on, and says so.
    Latin1 {
        /// The line, code included; characters beyond Latin-1 become `?`.
        line: String,
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
    /// An answer with this status and the provider's own error body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            retry_after_seconds: None,
            body: None,
        }
    }

    /// An answer with this status and this body; for a mail server, this reply line.
    #[must_use]
    pub fn says(status: u16, body: impl Into<String>) -> Self {
        Self::Status {
            status,
            retry_after_seconds: None,
            body: Some(body.into()),
        }
    }

    /// Twilio's refusal with a code of its dictionary, for example 63038: the account's limit of the
    /// day is used up.
    #[must_use]
    pub fn twilio(status: u16, code: u32) -> Self {
        let body = serde_json::json!({ "code": code, "message": "as scripted", "status": status });
        Self::says(status, body.to_string())
    }

    /// FCM's 429 about what `subject` names: `device:...` for one device's rate, `project:...` for the
    /// account's.
    #[must_use]
    pub fn fcm_quota(subject: &str) -> Self {
        let body = serde_json::json!({ "error": {
            "code": 429,
            "message": "Quota exceeded.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                    "errorCode": "QUOTA_EXCEEDED",
                },
                {
                    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                    "violations": [{ "subject": subject, "description": "as scripted" }],
                },
            ],
        }});
        Self::says(429, body.to_string())
    }

    /// Slack's refusal with an error word, for example `accesslimited`: the Web API answers 200 to it.
    #[must_use]
    pub fn slack(word: &str) -> Self {
        let body = serde_json::json!({ "ok": false, "error": word });
        Self::says(200, body.to_string())
    }

    /// Whether the provider has taken the message on when it misbehaves in this way, unless the
    /// rule says otherwise.
    pub(crate) fn accepts_by_default(&self) -> bool {
        match self {
            Self::Status { .. } | Self::Hang | Self::Reset => false,
            Self::DropAnswer | Self::Garbage { .. } => true,
            Self::Dribble { .. } | Self::HugeBody { .. } => true,
            Self::Latin1 { line } => line.starts_with('2'),
        }
    }

    /// Whether the client can read from the answer that the message was taken on.
    pub(crate) fn tells_acceptance(&self) -> bool {
        matches!(self, Self::Latin1 { line } if line.starts_with('2'))
    }
}

/// The text in Latin-1.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?'))
        .collect()
}
