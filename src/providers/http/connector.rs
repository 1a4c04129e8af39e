//! How a connection to a provider is made: straight or through the proxy that the environment names
//! (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), with TLS where the URL says so.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::tls::Files;

type ConnectFailure = Box<dyn Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, ConnectFailure>> + Send>>;

/// The client could not be set up; only TLS can be the cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct HttpClientError(String);

/// Connects within a limit: name, TCP, proxy and TLS together.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Dialer>,
    limit: Duration,
}

/// Opens the TCP connection, through a proxy where one is named.
#[derive(Clone)]
struct Dialer {
    tcp: HttpConnector,
    proxies: Arc<Matcher>,
}

/// No connection in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {0:?}")]
struct TooLate(Duration);

impl Connector {
    pub(super) fn new(limit: Duration, files: &Files) -> Result<Self, HttpClientError> {
        Self::through(Matcher::from_env(), limit, files)
    }

    fn through(proxies: Matcher, limit: Duration, files: &Files) -> Result<Self, HttpClientError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared among the addresses of a name, so that each gets its turn.
        tcp.set_connect_timeout(Some(limit));
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let proxies = Arc::new(proxies);
        let tls = files.shared();
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls.map_err(|error| HttpClientError(error.to_string()))?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Dialer { tcp, proxies });
        Ok(Self { https, limit })
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = ConnectFailure;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (limit, connecting) = (self.limit, self.https.call(uri));
        Box::pin(async move {
            let connected = tokio::time::timeout(limit, connecting).await;
            connected.map_err(|_| TooLate(limit))?
        })
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectFailure;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&uri) else {
            let connecting = self.tcp.call(uri);
            return Box::pin(async { Ok(connecting.await?) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
        if let Some(login) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        let connecting = tunnel.call(with_port(uri));
        Box::pin(async { Ok(connecting.await?) })
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
        let uri = Uri::from_static("http://provider.example/v3/mail/send");
        connector.clone().call(uri).await.unwrap();
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
