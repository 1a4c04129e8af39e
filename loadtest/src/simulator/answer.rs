//! What a simulator answers over HTTP, and the body types that carry it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        // Our own answer types have string keys only, so they always serialise.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self::empty(status)
            .header(CONTENT_TYPE, "application/json")
            .body(body)
    }

    pub(crate) fn text(status: u16, text: impl Into<String>) -> Self {
        Self::empty(status)
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(text.into())
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// One more header; a value that no header can hold is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.push((name, value));
        }
        self
    }

    pub(crate) fn retry_after(self, seconds: Option<u32>) -> Self {
        match seconds {
            Some(seconds) => self.header(RETRY_AFTER, seconds.to_string()),
            None => self,
        }
    }

    pub(crate) fn into_response(self) -> Response<AnswerBody> {
        let body = (!self.body.is_empty()).then_some(self.body);
        response(self.status, self.headers, AnswerBody::Whole(body))
    }

    /// The status and head of this answer with an endless-looking body of `bytes` bytes.
    pub(crate) fn into_flood(self, bytes: u64) -> Response<AnswerBody> {
        response(self.status, self.headers, AnswerBody::Flood { left: bytes })
    }
}

fn response(
    status: u16,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: AnswerBody,
) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().extend(headers);
    response
}

/// A body that is there as a whole, or streams without end in sight.
pub(crate) enum AnswerBody {
    Whole(Option<Bytes>),
    Flood { left: u64 },
}

static FLOOD: [u8; 65_536] = [b'x'; 65_536];

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(match &mut *self {
            Self::Whole(body) => body.take().map(|body| Ok(Frame::data(body))),
            Self::Flood { left: 0 } => None,
            Self::Flood { left } => {
                let size = FLOOD
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= size as u64;
                Some(Ok(Frame::data(Bytes::from_static(&FLOOD).slice(..size))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Flood { left: 0 })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Flood { .. } => SizeHint::default(),
        }
    }
}
