//! The one HTTP client that every account shares, and what is known when no answer comes.
//!
//! Nothing here knows a provider, follows a redirect, keeps a cookie or asks twice.

mod answer;
mod connection;
mod connector;
mod departure;
mod endpoint;
pub(crate) mod form;
mod guarded;
mod status_line;
mod streamed;
#[cfg(test)]
mod tests;
mod trouble;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, HeaderValue};
use hyper::{Response, Uri};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::Leave;
use crate::config::Providers;
use crate::domain::{Account, AddressGuard};
use crate::tls::Files;

pub use answer::HttpAnswer;
pub(crate) use answer::ReplyContext;
use connection::{Connections, HttpConnection, HttpOrigin};
use connector::Connector;
pub use connector::HttpClientError;
use departure::{Departure, RequestBody};
pub(crate) use endpoint::{HttpEndpoint, bearer, json_headers, secret_header};
use status_line::HeardStatus;
pub use streamed::{NoAnswer, StreamedBody};
pub(crate) use trouble::HttpTransportError;

/// Most bytes that are read of the answer of a server that somebody else chose.
const GUARDED_RESPONSE_BYTES: usize = 16_384;

/// A request whose body is known whole, to a whole URL.
pub(crate) type Request = hyper::Request<Bytes>;

/// The shared client: connections to every provider that are kept, each for one request at a time.
#[derive(Clone)]
pub struct HttpClient {
    connector: Connector,
    connections: Connections,
    files: Files,
    max_response_bytes: usize,
    public_url: Option<Arc<Url>>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpClient")
    }
}

impl HttpClient {
    /// The client: connections are given up after the settings' `connect_timeout` (name, TCP and
    /// TLS together), and of a body no more than `max_response_bytes` is read.
    ///
    /// Make one for the whole engine, on the runtime that lives longest: a pooled
    /// connection stalls with the runtime that opened it.
    ///
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn new(settings: &Providers) -> Result<Self, HttpClientError> {
        Ok(Self {
            connector: Connector::new(settings.connect_timeout, &settings.tls)?,
            connections: Connections::default(),
            files: settings.tls.clone(),
            max_response_bytes: settings.max_response_bytes,
            public_url: None,
        })
    }

    /// The same client of somebody whom providers reach there.
    #[must_use]
    pub fn reached_at(self, public_url: Option<Url>) -> Self {
        Self {
            public_url: public_url.map(Arc::new),
            ..self
        }
    }

    /// Where an account's provider tells events.
    pub(crate) fn hook(&self, account: &Account) -> Option<Url> {
        let mut url = Url::clone(self.public_url.as_ref()?);
        let mut path = url.path_segments_mut().ok()?;
        let kind = account.kind.as_str();
        path.pop_if_empty()
            .extend(["hooks", kind, account.name.as_str()]);
        drop(path);
        Some(url)
    }

    /// A client for URLs that somebody else chose: it reaches the addresses that `guard` allows, through no
    /// proxy, and reads little.
    ///
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn guarded(
        guard: AddressGuard,
        connect_timeout: Duration,
        tls: &Files,
    ) -> Result<Self, HttpClientError> {
        Ok(Self {
            connector: Connector::guarded(guard, connect_timeout, tls)?,
            connections: Connections::default(),
            files: tls.clone(),
            max_response_bytes: GUARDED_RESPONSE_BYTES,
            public_url: None,
        })
    }

    /// A client with the defaults, for tests.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self::new(&Providers::plain()).unwrap()
    }

    /// Carries one request, if there is leave at the moment at which it would be written. Ends by the
    /// deadline, the body included.
    ///
    /// Once a status line has come there is an answer, even if nothing after it can be read, or it never
    /// ends: resending what was accepted would bother a person twice.
    pub(crate) async fn call(
        &self,
        request: Request,
        leave: &Leave,
        deadline: Instant,
    ) -> Result<HttpAnswer, HttpTransportError> {
        let Some(origin) = HttpOrigin::of(request.uri()) else {
            let words = "the URL names no host".to_owned();
            return Err(HttpTransportError::NotSent(words));
        };
        let departure = Arc::new(Departure::new(leave.clone()));
        let heard = HeardStatus::default();
        let exchanging = self.exchange(request, &origin, &departure, &heard);
        let exchanged = timeout_at(deadline, exchanging).await;
        let exchanged =
            exchanged.unwrap_or_else(|_| Err(HttpTransportError::timed_out(&departure)));
        match (exchanged, heard.code()) {
            (Ok((response, connection)), _) => {
                Ok(self.read(response, connection, &origin, deadline).await)
            }
            (Err(HttpTransportError::Lost(_)), Some(status)) => Ok(HttpAnswer::bare(status)),
            (Err(trouble), _) => Err(trouble),
        }
    }

    /// Puts a request over a kept connection, else over a new one. One that was opened in vain is kept.
    async fn exchange(
        &self,
        request: Request,
        origin: &HttpOrigin,
        departure: &Arc<Departure>,
        heard: &HeardStatus,
    ) -> Result<(Response<Incoming>, HttpConnection), HttpTransportError> {
        let mut request = written(request, departure);
        loop {
            let kept = self.connections.take(origin);
            let is_new = kept.is_none();
            let mut connection = match kept {
                Some(kept) => kept,
                None => {
                    let opened = self.connector.open(origin).await;
                    opened.map_err(|error| HttpTransportError::connecting(&*error, &self.files))?
                }
            };
            if !departure.has_leave() {
                // Whoever is decided on anew finds it there.
                if connection.rest().await {
                    self.connections.keep(origin, connection);
                }
                return Err(HttpTransportError::CalledOff);
            }
            let mut failed = match connection.ask(request, heard).await {
                Ok(response) => return Ok((response, connection)),
                Err(failed) => failed,
            };
            match failed.take_message() {
                // It was closed while it was kept, before a byte of this was written.
                Some(unsent) if !is_new => request = unsent,
                _ => return Err(HttpTransportError::of(&failed.into_error(), departure)),
            }
        }
    }

    /// Takes the answer with as much of its body as comes in time, is not cut off and fits. The
    /// connection is kept if that was all.
    async fn read(
        &self,
        response: Response<Incoming>,
        connection: HttpConnection,
        origin: &HttpOrigin,
        deadline: Instant,
    ) -> HttpAnswer {
        let (parts, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        let filling = fill(&mut incoming, &mut body, self.max_response_bytes);
        if timeout_at(deadline, filling).await.unwrap_or(false) {
            self.connections.keep(origin, connection);
        }
        HttpAnswer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            is_bare: false,
        }
    }
}

/// The request as it is written: the path alone, and a body that asks for leave.
fn written(request: Request, departure: &Arc<Departure>) -> hyper::Request<RequestBody> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.map_or_else(Uri::default, Uri::from);
    // Without it any coding would do (RFC 9110, 12.5.3), and Herald reads none.
    let identity = HeaderValue::from_static("identity");
    parts.headers.insert(ACCEPT_ENCODING, identity);
    hyper::Request::from_parts(parts, RequestBody::new(body, Arc::clone(departure)))
}

/// Reads chunks until the end, an error, or the limit; says whether it was the end. Dropping the response
/// closes what is left.
async fn fill(incoming: &mut Incoming, body: &mut Vec<u8>, most: usize) -> bool {
    loop {
        let frame = match incoming.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => frame,
        };
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        let room = most.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= most {
            return false;
        }
    }
}
