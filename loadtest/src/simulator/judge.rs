//! How an HTTP provider is described to the server: judge a request, word an error.

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{HeaderMap, Method};
use uuid::Uuid;

use super::NOTIFICATION_HEADER;
use super::answer::Answer;
use crate::ledger::Acceptance;

/// A request, read whole.
pub(crate) struct Inbound<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

impl<'a> Inbound<'a> {
    /// The credential after `scheme` in `Authorization`.
    pub(crate) fn credential(&self, scheme: &str) -> Option<&'a str> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (named, credential) = value.split_once(' ')?;
        named
            .eq_ignore_ascii_case(scheme)
            .then(|| credential.trim())
            .filter(|credential| !credential.is_empty())
    }

    /// Whether the content type is `wanted`, parameters aside.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        self.headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
    }

    /// The notification id in the engine's own header.
    pub(crate) fn notification_id(&self) -> Option<Uuid> {
        self.headers
            .get(NOTIFICATION_HEADER)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    }
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It breaks the provider's description: the engine has a bug.
    Malformed,
    /// The credentials are missing or wrong.
    Unauthorized,
    /// The request is right, but the provider cannot deliver to this recipient.
    Recipient,
}

/// What the judge says.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// A message was taken on, for one or more recipients.
    Accept {
        acceptances: Vec<Acceptance>,
        answer: Answer,
    },
    /// Fine, but nothing is sent: a token is issued, a sandbox or dry run validated.
    Serve {
        endpoint: &'static str,
        answer: Answer,
    },
    /// Refused; `why` is for the person who reads the statistics.
    Refuse {
        refusal: Refusal,
        answer: Answer,
        why: String,
    },
}

impl Verdict {
    pub(crate) fn malformed(answer: Answer, why: impl Into<String>) -> Self {
        Self::Refuse {
            refusal: Refusal::Malformed,
            answer,
            why: why.into(),
        }
    }

    pub(crate) fn unauthorized(answer: Answer, why: impl Into<String>) -> Self {
        Self::Refuse {
            refusal: Refusal::Unauthorized,
            answer,
            why: why.into(),
        }
    }

    pub(crate) fn recipient(answer: Answer, why: impl Into<String>) -> Self {
        Self::Refuse {
            refusal: Refusal::Recipient,
            answer,
            why: why.into(),
        }
    }
}

/// An HTTP provider.
pub(crate) trait Judge: Send + Sync + 'static {
    /// Judges a request as the provider's description does.
    fn judge(&self, request: &Inbound<'_>) -> Verdict;

    /// The provider's own wording of an error with this status.
    fn error(&self, status: u16) -> Answer;

    /// The same, because of these recipients of the request.
    fn error_about(&self, status: u16, _culprits: &[String], _request: &Inbound<'_>) -> Answer {
        self.error(status)
    }
}
