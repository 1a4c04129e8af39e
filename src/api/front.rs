//! What is done with every request before and after it is answered: which address answers what, browsers of
//! other origins, and how the key stands.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};

use crate::domain::RateStanding;

/// What browsers of other origins may send.
const HEADERS: &str =
    "authorization, content-type, herald-tenant, idempotency-key, last-event-id, cache-control";
/// What they may read.
const EXPOSED: &str = "herald-request-id, location, retry-after, ratelimit-limit, ratelimit-remaining, \
                       ratelimit-reset, idempotent-replayed";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// What the front knows.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerFront {
    /// Where probes and metrics are, if not with the rest.
    pub(super) metrics: Arc<OnceLock<SocketAddr>>,
    /// Pages of other origins that may ask.
    pub(super) origins: Arc<[String]>,
}

/// How the key of a request stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyStanding(pub(super) RateStanding);

/// Goes round every request.
pub(super) async fn front<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let front = request.app_data::<Data<ServerFront>>().cloned();
    let front = front.unwrap_or_else(|| Data::new(ServerFront::default()));
    let origin = front.origin(request.headers());
    let mut answered = if !front.is_answered_here(request.request()) {
        let elsewhere = super::problem::nothing_here(request.request().clone()).await;
        request.into_response(elsewhere)
    } else if origin.is_some() && is_preflight(&request) {
        request.into_response(preflight())
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let standing = answered
        .request()
        .extensions()
        .get::<KeyStanding>()
        .copied();
    let headers = answered.headers_mut();
    if let Some(KeyStanding(standing)) = standing {
        tell(headers, standing);
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static(EXPOSED);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    if !front.origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    Ok(answered)
}

impl ServerFront {
    /// Probes and metrics are at their own address, if they have one; the rest is not there.
    fn is_answered_here(&self, request: &HttpRequest) -> bool {
        let Some(metrics) = self.metrics.get() else {
            return true;
        };
        let is_metrics = request.app_config().local_addr() == *metrics;
        let wants_metrics = matches!(request.path(), "/livez" | "/readyz" | "/metrics");
        is_metrics == wants_metrics
    }

    /// The origin that asks, if it may.
    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        let mut known = self.origins.iter();
        known.any(|it| it == text).then(|| origin.clone())
    }
}

fn is_preflight(request: &ServiceRequest) -> bool {
    let asks = request.headers();
    request.method() == Method::OPTIONS && asks.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
        .finish()
}

fn tell(headers: &mut HeaderMap, standing: RateStanding) {
    let reset = standing.reset.as_millis().div_ceil(1_000);
    for (name, value) in [
        ("ratelimit-limit", u128::from(standing.limit)),
        ("ratelimit-remaining", u128::from(standing.remaining)),
        ("ratelimit-reset", reset),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
