//! Asking an HTTP server on this machine: a simulator, an engine's readiness, a management interface.

use std::error::Error;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// An answer, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends `method` to `url` with header lines (`name: value`) and a body, on a connection of its own.
///
/// # Errors
/// `InvalidInput` when `url` is not `http://host:port/path`; else when the server cannot be reached, or
/// its answer ends before it is whole.
pub async fn request(method: &str, url: &str, headers: &[&str], body: &[u8]) -> io::Result<Answer> {
    let invalid = |error: String| {
        let message = format!("{url} is not an address of the form http://host:port/path: {error}");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    let uri: Uri = url.parse().map_err(|error| invalid(format!("{error}")))?;
    if uri.scheme_str() != Some("http") || uri.port().is_none() {
        return Err(invalid("no scheme http, or no port".to_owned()));
    }
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers.iter().filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    let request = request
        .body(Full::new(Bytes::copy_from_slice(body)))
        .map_err(|error| invalid(error.to_string()))?;
    // Nothing is kept: who asks a server that is killed meanwhile must not be given an old connection.
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http();
    let answer = client.request(request).await.map_err(as_io)?;
    let (head, body) = answer.into_parts();
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.collect().await.map_err(as_io)?.to_bytes(),
    })
}

/// The error with the kind that the network gave it: a refusal, a reset and an end without an answer
/// are told from each other.
fn as_io(error: impl Error + Send + Sync + 'static) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(network) = inner.downcast_ref::<io::Error>() {
            return io::Error::new(network.kind(), error);
        }
        let http = inner.downcast_ref::<hyper::Error>();
        if http.is_some_and(hyper::Error::is_incomplete_message) {
            return io::Error::new(io::ErrorKind::UnexpectedEof, error);
        }
        cause = inner.source();
    }
    io::Error::other(error)
}

/// Asks for `url`.
///
/// # Errors
/// As [`request`].
pub async fn get(url: &str) -> io::Result<Answer> {
    request("GET", url, &[], b"").await
}

/// Whether `url` answers 200.
pub async fn is_good(url: &str) -> bool {
    get(url).await.is_ok_and(|answer| answer.status == 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_without_http_or_port_are_refused() {
        for wrong in ["https://a:1/", "http://a/", "a:1"] {
            let error = get(wrong).await.unwrap_err();
            assert_eq!(
                error.kind(),
                io::ErrorKind::InvalidInput,
                "{wrong}: {error}"
            );
        }
    }
}
