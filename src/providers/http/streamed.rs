//! An answer whose body is read as it comes: for what is larger than what providers say.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{HOST, HeaderValue};
use hyper::{Response, Uri};
use tokio::time::{Instant, timeout_at};

use super::connection::{Connections, HttpConnection, HttpOrigin};
use super::departure::Departure;
use super::status_line::HeardStatus;
use super::{HttpClient, HttpTransportError, Request};
use crate::providers::Leave;

/// The body of an answer. Its connection is kept once all of it was read, and closed when it is dropped before.
pub struct StreamedBody {
    incoming: Incoming,
    kept: Option<(Connections, HttpOrigin, HttpConnection)>,
}

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct NoAnswer {
    /// Why.
    pub words: String,
    /// Whether the request was surely not written.
    pub is_unsent: bool,
}

impl fmt::Debug for StreamedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamedBody")
    }
}

impl HttpClient {
    /// Carries one request, and answers with the head of its answer by the deadline; its body is read as it comes.
    ///
    /// # Errors
    /// No answer came.
    pub async fn stream(
        &self,
        mut request: Request,
        deadline: Instant,
    ) -> Result<Response<StreamedBody>, NoAnswer> {
        let Some(origin) = HttpOrigin::of(request.uri()) else {
            return Err(NoAnswer {
                words: "the URL names no host".to_owned(),
                is_unsent: true,
            });
        };
        if let Some(host) = host(request.uri()) {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        let departure = Arc::new(Departure::new(Leave::for_good().clone()));
        let heard = HeardStatus::default();
        let exchanging = self.exchange(request, &origin, &departure, &heard);
        let exchanged = timeout_at(deadline, exchanging).await;
        let exchanged =
            exchanged.unwrap_or_else(|_| Err(HttpTransportError::timed_out(&departure)));
        let (response, connection) = exchanged.map_err(|trouble| {
            let is_unsent = !matches!(trouble, HttpTransportError::Lost(_));
            let words = trouble.into_words();
            NoAnswer { words, is_unsent }
        })?;
        let kept = Some((self.connections.clone(), origin, connection));
        Ok(response.map(|incoming| StreamedBody { incoming, kept }))
    }
}

/// What the URL says between `//` and the path, without who asks.
fn host(url: &Uri) -> Option<HeaderValue> {
    let authority = url.authority()?.as_str();
    let host = authority.rsplit('@').next().unwrap_or(authority);
    HeaderValue::from_str(host).ok()
}

impl Body for StreamedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(context);
        match &polled {
            Poll::Ready(None) => {
                if let Some((connections, origin, connection)) = self.kept.take() {
                    connections.keep(&origin, connection);
                }
            }
            Poll::Ready(Some(Err(_))) => self.kept = None,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
