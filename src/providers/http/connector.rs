//! How a connection to a provider is made: straight or through the proxy that the environment names
//! (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), with TLS where the URL says so.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::connection::{HttpConnection, HttpOrigin, begin};
use super::guarded;
use crate::domain::AddressGuard;
use crate::tls::Files;

pub(super) type ConnectFailure = Box<dyn Error + Send + Sync>;

/// The client could not be set up; only TLS can be the cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct HttpClientError(String);

/// Connects within a limit: name, TCP, proxy and TLS together.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    proxies: Arc<Matcher>,
    /// Which addresses it may reach, if not all: then through no proxy.
    guard: Option<AddressGuard>,
    tls: TlsConnector,
    limit: Duration,
}

/// No connection in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {0:?}")]
struct TooLate(Duration);

impl Connector {
    pub(super) fn new(limit: Duration, files: &Files) -> Result<Self, HttpClientError> {
        Self::through(Matcher::from_env(), limit, files)
    }

    /// One that reaches what `guard` allows, and asks no proxy.
    pub(super) fn guarded(
        guard: AddressGuard,
        limit: Duration,
        files: &Files,
    ) -> Result<Self, HttpClientError> {
        let connector = Self::through(Matcher::builder().build(), limit, files)?;
        Ok(Self {
            guard: Some(guard),
            ..connector
        })
    }

    fn through(proxies: Matcher, limit: Duration, files: &Files) -> Result<Self, HttpClientError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared among the addresses of a name, so that each gets its turn.
        tcp.set_connect_timeout(Some(limit));
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let tls = files.shared();
        let mut tls = tls.map_err(|error| HttpClientError(error.to_string()))?;
        // Said aloud, so that a server which speaks nothing else refuses the connection, and not us.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tcp,
            proxies: Arc::new(proxies),
            guard: None,
            tls: TlsConnector::from(Arc::new(tls)),
            limit,
        })
    }

    /// A new connection.
    pub(super) async fn open(&self, origin: &HttpOrigin) -> Result<HttpConnection, ConnectFailure> {
        let connected = tokio::time::timeout(self.limit, self.connect(origin.url())).await;
        connected.map_err(|_| TooLate(self.limit))?
    }

    async fn connect(&self, url: &Uri) -> Result<HttpConnection, ConnectFailure> {
        let stream = self.dial(url.clone()).await?;
        if url.scheme_str() != Some("https") {
            return Ok(begin(stream.into_inner()).await?);
        }
        let host = url.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())?;
        let stream = self.tls.connect(name, stream.into_inner()).await?;
        Ok(begin(stream).await?)
    }

    /// Opens the TCP connection, through a proxy where one is named.
    async fn dial(&self, url: Uri) -> Result<TokioIo<TcpStream>, ConnectFailure> {
        if let Some(guard) = &self.guard {
            return Ok(TokioIo::new(guarded::dial(guard, &url).await?));
        }
        let mut tcp = self.tcp.clone();
        let Some(proxy) = self.proxies.intercept(&url) else {
            return Ok(tcp.call(url).await?);
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), tcp);
        if let Some(login) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        Ok(tunnel.call(with_port(url)).await?)
    }
}

/// A tunnel takes a URL without a port for an `https://` one.
fn with_port(uri: Uri) -> Uri {
    match uri.host() {
        Some(host) if uri.scheme_str() == Some("http") && uri.port().is_none() => {
            format!("http://{host}:80/").parse().unwrap_or(uri)
        }
        _ => uri,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::testing::Peer;

    #[tokio::test]
    async fn a_proxy_that_is_named_is_asked_for_a_tunnel() {
        let proxy = Peer::answering("HTTP/1.1 200 OK\r\n\r\n");
        let named = proxy.url.replace("://", "://ana:secret@");
        let proxies = Matcher::builder().all(named).no("direct.example").build();
        let connector =
            Connector::through(proxies, Duration::from_secs(20), &Files::default()).unwrap();
        let url = Uri::from_static("http://provider.example/v3/mail/send");
        let origin = HttpOrigin::of(&url).unwrap();
        let _connection = connector.open(&origin).await.unwrap();
        let request = proxy.request();
        let asked = "CONNECT provider.example:80 ";
        assert!(request.starts_with(asked), "{request}");
        let login = "proxy-authorization: Basic YW5hOnNlY3JldA==";
        assert!(
            request.to_lowercase().contains(&login.to_lowercase()),
            "{request}"
        );
    }
}
