//! The one HTTP client that every account shares, and what is known when no answer comes.
//!
//! Nothing here knows a provider, follows a redirect, keeps a cookie or asks twice.

mod answer;
mod endpoint;
pub(crate) mod form;
#[cfg(test)]
mod tests;
mod trouble;
mod wait;

use std::time::Duration;

use reqwest::{Request, Response, redirect};
use tokio::time::{Instant, timeout_at};

use crate::config::Providers;

pub use answer::Answer;
pub(crate) use answer::Seen;
pub(crate) use endpoint::{Endpoint, bearer, json_headers, secret_header};
pub(crate) use trouble::Trouble;

/// The shared client: keep-alive connections to every provider, HTTP/2 where the server offers it.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    max_response_bytes: usize,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpClient")
    }
}

/// The client could not be set up; only TLS can be the cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}; check the machine's root certificates")]
pub struct HttpClientError(String);

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
        reqwest::Client::builder()
            .user_agent(concat!("herald/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(256)
            // Shorter than the usual idle limits of servers and balancers (60 s and more), so
            // that a request is seldom written to a connection which is just being closed.
            .pool_idle_timeout(Duration::from_secs(45))
            .tcp_keepalive(Duration::from_secs(30))
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build()
            .map(|client| Self {
                client,
                max_response_bytes: settings.max_response_bytes,
            })
            .map_err(|error| HttpClientError(trouble::words(error)))
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
    ) -> Result<Answer, Trouble> {
        let response = match timeout_at(deadline, self.client.execute(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Trouble::of(error)),
            Err(_elapsed) => return Err(Trouble::timed_out()),
        };
        Ok(read(response, deadline, self.max_response_bytes).await)
    }
}

/// Takes the answer with as much of its body as comes in time, is not cut off and fits.
async fn read(mut response: Response, deadline: Instant, most: usize) -> Answer {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    // The outcome is of no interest: a partial body is read for what it holds.
    let _elapsed = timeout_at(deadline, fill(&mut response, &mut body, most)).await;
    Answer {
        status,
        headers,
        body,
    }
}

/// Reads chunks until the end, an error, or the limit; dropping the response closes what is left.
async fn fill(response: &mut Response, body: &mut Vec<u8>, most: usize) {
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = most.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= most {
            return;
        }
    }
}
