//! The one HTTP client that every account shares, and what is known when no answer comes.
//!
//! Nothing here knows a provider, follows a redirect, keeps a cookie or asks twice.

mod answer;
mod connector;
mod endpoint;
pub(crate) mod form;
#[cfg(test)]
mod tests;
mod trouble;
mod wait;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use crate::config::Providers;
use crate::tls::Files;

pub use answer::HttpAnswer;
pub(crate) use answer::ReplyContext;
use connector::Connector;
pub use connector::HttpClientError;
pub(crate) use endpoint::{HttpEndpoint, bearer, json_headers, secret_header};
pub(crate) use trouble::HttpTransportError;

/// A request whose body is known whole.
pub(crate) type Request = hyper::Request<Full<Bytes>>;

/// The shared client: keep-alive connections to every provider, HTTP/2 where the server offers it.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    files: Files,
    max_response_bytes: usize,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpClient")
    }
}

impl HttpClient {
    /// The client: connections are given up after the settings' `connect_timeout` (name, TCP and
    /// TLS together; an account whose whole timeout is shorter cannot tell a slow connection from
    /// a lost answer), and of a body no more than `max_response_bytes` is read.
    ///
    /// Make one for the whole engine, on the runtime that lives longest: a pooled
    /// connection stalls with the runtime that opened it.
    ///
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn new(settings: &Providers) -> Result<Self, HttpClientError> {
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(256)
            // Shorter than the usual idle limits of servers and balancers (60 s and more), so
            // that a request is seldom written to a connection which is just being closed.
            .pool_idle_timeout(Duration::from_secs(45))
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build(Connector::new(settings.connect_timeout, &settings.tls)?);
        Ok(Self {
            client,
            files: settings.tls.clone(),
            max_response_bytes: settings.max_response_bytes,
        })
    }

    /// A client with the defaults, for tests.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self::new(&Providers::plain()).unwrap()
    }

    /// Carries one request. Ends by the deadline, the body included.
    ///
    /// Once a status line has come there is an answer, even if its body breaks off or never
    /// ends: resending what was accepted would bother a person twice.
    pub(crate) async fn call(
        &self,
        request: Request,
        deadline: Instant,
    ) -> Result<HttpAnswer, HttpTransportError> {
        let response = match timeout_at(deadline, self.client.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(HttpTransportError::of(&error, &self.files)),
            Err(_elapsed) => return Err(HttpTransportError::timed_out()),
        };
        Ok(read(response, deadline, self.max_response_bytes).await)
    }
}

/// Takes the answer with as much of its body as comes in time, is not cut off and fits.
async fn read(response: Response<Incoming>, deadline: Instant, most: usize) -> HttpAnswer {
    let (parts, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    // The outcome is of no interest: a partial body is read for what it holds.
    let _elapsed = timeout_at(deadline, fill(&mut incoming, &mut body, most)).await;
    HttpAnswer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}

/// Reads chunks until the end, an error, or the limit; dropping the response closes what is left.
async fn fill(incoming: &mut Incoming, body: &mut Vec<u8>, most: usize) {
    while let Some(Ok(frame)) = incoming.frame().await {
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        let room = most.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= most {
            return;
        }
    }
}
