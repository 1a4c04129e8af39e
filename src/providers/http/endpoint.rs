//! Where an account's requests go: URL and headers that never change, made once.

use bytes::Bytes;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    InvalidHeaderValue, USER_AGENT,
};
use hyper::{Method, Uri};
use uuid::Uuid;

use super::Request;
use crate::providers::Delivery;

const NOTIFICATION_ID: HeaderName = HeaderName::from_static("x-herald-notification-id");
/// Who asks.
const OURS: &str = concat!("herald/", env!("CARGO_PKG_VERSION"));
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A URL with its constant headers. Both may hold secrets: there is no `Debug`.
pub(crate) struct HttpEndpoint {
    uri: Uri,
    headers: HeaderMap,
}

impl HttpEndpoint {
    pub(crate) fn new(uri: Uri, mut headers: HeaderMap) -> Self {
        headers.insert(USER_AGENT, HeaderValue::from_static(OURS));
        if let Some(host) = host(&uri) {
            headers.insert(HOST, host);
        }
        Self { uri, headers }
    }

    /// A request that puts a delivery, carrying its id and the publisher's trace.
    pub(crate) fn post(&self, body: impl Into<Bytes>, delivery: &Delivery<'_>) -> Request {
        let mut request = self.bare(Method::POST, body);
        let headers = request.headers_mut();
        let mut text = Uuid::encode_buffer();
        let id = delivery
            .notification_id
            .hyphenated()
            .encode_lower(&mut text);
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(NOTIFICATION_ID, id);
        }
        // A trace context that is no header value is not worth failing a message for.
        if let Some(Ok(trace)) = delivery.traceparent.map(HeaderValue::from_str) {
            headers.insert(TRACEPARENT, trace);
        }
        request
    }

    /// A request that belongs to no notification.
    pub(crate) fn bare(&self, method: Method, body: impl Into<Bytes>) -> Request {
        let mut request = Request::new(body.into());
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

/// The host as HTTP names it (RFC 9110, 7.2): with the port, unless that is the scheme's own.
fn host(uri: &Uri) -> Option<HeaderValue> {
    let host = uri.host()?;
    let usual = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let named = match uri.port_u16().filter(|port| *port != usual) {
        Some(port) => HeaderValue::from_str(&format!("{host}:{port}")),
        None => HeaderValue::from_str(host),
    };
    named.ok()
}

/// Headers of a JSON request. SendGrid answers 406 without `Accept`.
pub(crate) fn json_headers(authorization: Option<HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization);
    }
    headers
}

/// `Bearer <key>`, kept out of debug output.
pub(crate) fn bearer(key: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    secret_header(&format!("Bearer {key}"))
}

/// A header value that is a secret.
pub(crate) fn secret_header(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}
