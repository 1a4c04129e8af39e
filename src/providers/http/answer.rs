//! An answer with a status, and the reply that it makes.

use std::time::Duration;

use hyper::header::HeaderMap;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::wait;
use crate::domain::{Class, Reply};
use crate::providers::verdict::ResponseClass;
use crate::providers::{Delivery, scrub};

/// A provider's answer: a full status line came, the body as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// At most the first 64 KiB of the body; shorter than sent when it broke off.
    pub body: Vec<u8>,
    /// Nothing could be read after the status line.
    pub is_bare: bool,
}

impl HttpAnswer {
    /// A status line, after which nothing could be read.
    pub(crate) fn bare(status: u16) -> Self {
        Self {
            status,
            is_bare: true,
            ..Self::default()
        }
    }

    /// Whether the answer broke off: before its body, or in JSON, of the right kind as far as it came.
    pub(crate) fn is_cut_short(&self) -> bool {
        if self.is_bare {
            return true;
        }
        let read = serde_json::from_slice::<serde::de::IgnoredAny>(&self.body);
        self.body.starts_with(b"{") && read.is_err_and(|error| error.is_eof())
    }

    /// A good status, and nothing that this provider says with it: a proxy's page, perhaps. Nobody knows
    /// whether the message reached the provider.
    pub(crate) fn strange(&self) -> Reply {
        let detail = format!(
            "HTTP {} without what the provider says with it; check base_url and what stands in between",
            self.status
        );
        ResponseClass::UNKNOWN.reply(self.status.to_string(), Some(detail))
    }

    /// Whether the status is one of success.
    pub(crate) fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }

    /// A header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long it asks to wait.
    pub(crate) fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        wait::retry_after(&self.headers, now)
    }

    /// The body as JSON, if it is that; a byte order mark before it is ignored (RFC 8259, 8.1).
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        let body = self.body.strip_prefix(b"\xef\xbb\xbf");
        serde_json::from_slice(body.unwrap_or(&self.body)).ok()
    }

    /// The provider took the message.
    pub(crate) fn accepted(&self, message_id: Option<&str>) -> Reply {
        Reply::accepted(
            self.status.to_string(),
            message_id.and_then(scrub::message_id),
        )
    }

    /// The reply with this verdict, the provider's words freed of the address, and the wait that
    /// it asked for. A body that was not understood is described, not quoted: it may hold anything.
    pub(crate) fn refused(
        &self,
        verdict: ResponseClass,
        code: Option<String>,
        words: Option<&str>,
        seen: ReplyContext<'_>,
    ) -> Reply {
        let detail = match words {
            Some(words) => scrub::scrub(words, seen.address),
            None => self.describe(),
        };
        let retry_after = match verdict.class {
            Class::Throttled => wait::asked(&self.headers, seen.now),
            // The rate's window says nothing of when a key or a sender is mended.
            Class::AccountRefused | Class::Transient | Class::Unknown => {
                wait::retry_after(&self.headers, seen.now)
            }
            _ => None,
        };
        verdict
            .reply(
                code.unwrap_or_else(|| self.status.to_string()),
                Some(detail),
            )
            .with_retry_after(retry_after)
    }

    fn describe(&self) -> String {
        match self.status {
            300..=399 => format!(
                "HTTP {}: a redirect, not followed; check base_url",
                self.status
            ),
            status => format!(
                "HTTP {status} with {} bytes that say no more",
                self.body.len()
            ),
        }
    }
}

/// What a reply parser needs besides the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyContext<'a> {
    /// The address to keep out of the details.
    pub(crate) address: &'a str,
    /// The time of the attempt.
    pub(crate) now: Timestamp,
}

impl<'a> ReplyContext<'a> {
    /// Of the delivery that was answered.
    pub(crate) fn of(delivery: &Delivery<'a>) -> Self {
        Self {
            address: delivery.address,
            now: delivery.now,
        }
    }
}

#[cfg(test)]
impl HttpAnswer {
    /// An answer for a test.
    pub(crate) fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        Self {
            status,
            headers,
            body: body.as_bytes().to_vec(),
            is_bare: false,
        }
    }
}
