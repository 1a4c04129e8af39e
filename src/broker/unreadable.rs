//! Properties that nobody can read: marked where they come in, told where they go out.

use lapin::types::{AMQPValue, FieldTable};

use super::Refusal;
use crate::domain::Rejection;

/// The header in which the connection says why it replaced a message's properties.
pub(super) const REASON: &str = "x-herald-unreadable";
/// The header that holds the original properties, byte by byte, also in `herald.rejected`.
pub(super) const ORIGINAL: &str = "x-herald-properties";

/// What a message brought instead of properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What cannot be read.
    pub why: String,
    /// The original, as AMQP writes properties: flags, then values. May be cut off at its end.
    pub properties: Vec<u8>,
}

impl Unreadable {
    /// What becomes of the message.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let detail = format!("its AMQP properties cannot be read: {}", self.why);
        Refusal::new(Rejection::InvalidEnvelope, detail)
    }

    /// Whether the connection has put these headers in the place of others.
    pub(super) fn of(headers: &FieldTable) -> Option<Self> {
        let headers = headers.inner();
        match (headers.get(REASON)?, headers.get(ORIGINAL)?) {
            (AMQPValue::LongString(why), AMQPValue::ByteArray(properties)) => Some(Self {
                why: why.to_string(),
                properties: properties.as_slice().to_vec(),
            }),
            _ => None,
        }
    }
}
