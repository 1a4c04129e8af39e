//! One provider over HTTP/1: as many connections as requests are in flight, each used again.

use std::cell::RefCell;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::error::FloorError;

/// The base addresses of the providers: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Providers {
    /// SendGrid v3.
    pub sendgrid: String,
    /// Twilio.
    pub twilio: String,
    /// Firebase Cloud Messaging, with its token endpoint.
    pub fcm: String,
    /// Slack.
    pub slack: String,
}

/// A request's body.
pub(super) type Body = Full<Bytes>;

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A provider with its idle connections.
pub(super) struct Endpoint {
    /// `host:port`.
    pub(super) host: String,
    idle: RefCell<Vec<SendRequest<Body>>>,
}

impl Endpoint {
    pub(super) fn at(base_url: &str) -> Result<Self, FloorError> {
        let host = base_url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|host| host.contains(':') && !host.contains('/'))
            .ok_or_else(|| FloorError::Address(base_url.to_owned()))?;
        Ok(Self {
            host: host.to_owned(),
            idle: RefCell::default(),
        })
    }

    /// Sends a request and reads the answer.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Answer, FloorError> {
        let mut connection = self.connection().await?;
        let (parts, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        // The newest is taken first: idle ones beyond the need stay idle.
        self.idle.borrow_mut().push(connection);
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    async fn connection(&self) -> Result<SendRequest<Body>, FloorError> {
        loop {
            // The borrow must not reach over the wait.
            let idle = self.idle.borrow_mut().pop();
            let Some(mut connection) = idle else {
                return self.connect().await;
            };
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Body>, FloorError> {
        let unreachable = |error| FloorError::Unreachable {
            address: self.host.clone(),
            error,
        };
        let stream = TcpStream::connect(&self.host).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // What fails here fails the request that waits for it.
        tokio::task::spawn_local(connection);
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        assert_eq!(Endpoint::at("http://a:1/").unwrap().host, "a:1");
        for wrong in ["https://a:1", "http://a", "http://a:1/b"] {
            assert!(Endpoint::at(wrong).is_err(), "{wrong}");
        }
    }
}
