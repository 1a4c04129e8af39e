//! Requests to where somebody asked for them to be sent: to addresses that are vetted, one by one.
//!
//! The address that was vetted is the one that is connected to, whatever a name stands for a moment later. No
//! proxy is asked, for it would choose the address; no redirect is followed by anybody here.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::Instant;

use super::{HttpAnswer, HttpClient, HttpEndpoint, HttpTransportError};
use crate::domain::AddressGuard;
use crate::providers::Leave;

/// An address that is not to be reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "the address {0} is not public, so that nothing was sent; webhooks.allowed_networks says what is \
     allowed beyond"
)]
struct Forbidden(IpAddr);

/// A name that stands for no address.
#[derive(Debug, thiserror::Error)]
#[error("the name of the host stands for no address")]
struct NoAddress;

/// Why there is no connection.
type NotConnected = Box<dyn Error + Send + Sync>;

/// Connects to the first address of the URL's host that may be reached and answers.
pub(super) async fn dial(guard: &AddressGuard, url: &Uri) -> Result<TcpStream, NotConnected> {
    let host = url.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let usual = match url.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let port = url.port_u16().unwrap_or(usual);
    let found: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
    let mut failure: NotConnected = match found.first() {
        None => NoAddress.into(),
        Some(first) => Forbidden(first.ip()).into(),
    };
    for address in found.into_iter().filter(|it| guard.allows(it.ip())) {
        match connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl HttpClient {
    /// Posts JSON with headers, by a client that is guarded or not.
    pub(crate) async fn post_json(
        &self,
        url: &str,
        headers: [(&'static str, String); 3],
        body: Bytes,
        leave: &Leave,
        deadline: Instant,
    ) -> Result<HttpAnswer, HttpTransportError> {
        let uri: Uri = url
            .parse()
            .map_err(|_| HttpTransportError::NotSent("the URL cannot be read".to_owned()))?;
        let mut all = HeaderMap::with_capacity(8);
        all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                all.insert(HeaderName::from_static(name), value);
            }
        }
        let request = HttpEndpoint::new(uri, all).bare(Method::POST, body);
        self.call(request, leave, deadline).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Network;
    use crate::providers::testing::Peer;
    use crate::runtime::clock;
    use crate::tls::Files;

    const WITHIN: Duration = Duration::from_secs(20);

    fn client(allowed: &[&str]) -> HttpClient {
        let allowed: Vec<Network> = allowed.iter().map(|it| it.parse().unwrap()).collect();
        let guard = AddressGuard::new(allowed);
        HttpClient::guarded(guard, WITHIN, &Files::default()).unwrap()
    }

    async fn posted(client: &HttpClient, url: &str) -> Result<HttpAnswer, HttpTransportError> {
        let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let headers = headers.map(|name| (name, "1".to_owned()));
        let deadline = clock::instant() + WITHIN;
        let body = Bytes::from_static(b"{}");
        client
            .post_json(url, headers, body, Leave::for_good(), deadline)
            .await
    }

    #[tokio::test]
    async fn what_is_not_public_is_refused_before_a_packet_is_sent() {
        let peer = Peer::answering("HTTP/1.1 204 No Content\r\n\r\n");
        let port = peer
            .url
            .rsplit(':')
            .next()
            .unwrap()
            .trim_end_matches('/')
            .to_owned();
        for host in [
            "127.0.0.1",
            "localhost",
            "0x7f.1",
            "2130706433",
            "0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "169.254.169.254",
            "10.0.0.1",
        ] {
            let refused = posted(&client(&[]), &format!("http://{host}:{port}/")).await;
            let words = refused.unwrap_err().into_words();
            assert!(words.contains("is not public"), "{host}: {words}");
        }
        let answer = posted(
            &client(&["127.0.0.0/8"]),
            &format!("http://localhost:{port}/a?b=c"),
        )
        .await;
        assert_eq!(answer.unwrap().status, 204);
        let request = peer.request();
        assert!(
            request.starts_with("POST /a?b=c HTTP/1.1"),
            "the only one: {request}"
        );
    }

    #[tokio::test]
    async fn a_redirect_leads_nowhere_and_a_long_answer_is_cut() {
        let inside =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        let peer = Peer::answering(inside);
        let answer = posted(&client(&["127.0.0.0/8"]), &peer.url).await.unwrap();
        assert_eq!(answer.status, 302);

        let long = format!(
            "HTTP/1.1 500 No\r\ncontent-length: 40000\r\n\r\n{}",
            "x".repeat(40_000)
        );
        let peer = Peer::answering(long.leak());
        let answer = posted(&client(&["127.0.0.0/8"]), &peer.url).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (500, 16_384));
    }
}
