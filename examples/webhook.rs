//! Takes webhooks at 127.0.0.1:PORT and prints what they tell: `cargo run --example webhook PORT`. Needs
//! `HERALD_WEBHOOK_SECRET`, the `whsec_...` that `POST /v1/webhooks` answered.

#![expect(
    clippy::disallowed_methods,
    reason = "a receiver is a program of its own, with its own variables"
)]

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex};

use actix_web::dev::Server;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use serde_json::Value;
use standardwebhooks::Webhook;

/// What verifies, and the deliveries that were seen: a database's unique key, in earnest.
struct WebhookReceiver {
    webhook: Webhook,
    seen: Mutex<HashSet<String>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).ok_or("webhook PORT")?.parse()?;
    let secret = std::env::var("HERALD_WEBHOOK_SECRET")?;
    let run = async { Ok(receiver(port, &secret)?.await?) };
    actix_web::rt::System::new().block_on(run)
}

/// A server that takes webhooks; it runs when it is polled.
///
/// # Errors
/// When the secret is none, or the port is taken.
pub(crate) fn receiver(port: u16, secret: &str) -> Result<Server, Box<dyn Error>> {
    let receiver = Data::from(Arc::new(WebhookReceiver {
        webhook: Webhook::new(secret)?,
        seen: Mutex::default(),
    }));
    let app = move || {
        let receive = web::post().to(receive);
        App::new().app_data(receiver.clone()).route("/", receive)
    };
    let server = HttpServer::new(app).workers(1).disable_signals();
    Ok(server.bind(("127.0.0.1", port))?.run())
}

/// Takes the raw bytes: JSON that was parsed and written again has another signature.
async fn receive(
    receiver: Data<WebhookReceiver>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    let id = request.headers().get("webhook-id");
    let Some(id) = id.and_then(|id| id.to_str().ok()) else {
        return HttpResponse::Unauthorized().finish();
    };
    let mut headers = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let value = request.headers().get(name);
        if let Some(value) = value.and_then(|it| HeaderValue::from_bytes(it.as_bytes()).ok()) {
            headers.insert(name, value);
        }
    }
    if receiver.webhook.verify(&body, &headers).is_err() {
        return HttpResponse::Unauthorized().finish();
    }
    let is_new = receiver
        .seen
        .lock()
        .is_ok_and(|mut seen| seen.insert(id.to_owned()));
    if is_new {
        // Delivered at least once: only the first one counts.
        let event: Value = serde_json::from_slice(&body).unwrap_or_default();
        let [kind, id] = ["/type", "/data/id"].map(|at| event.pointer(at).and_then(Value::as_str));
        println!("{} {}", kind.unwrap_or_default(), id.unwrap_or_default());
    }
    HttpResponse::NoContent().finish()
}
