//! Probes: is the process alive, and does it take work.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::ops::Control;

/// 200 while the process moves, else 503 with what stands still: only a restart helps.
pub(super) async fn livez(control: web::Data<Control>) -> HttpResponse {
    let still: serde_json::Map<String, serde_json::Value> = control
        .still()
        .into_iter()
        .map(|(part, since)| (part.to_owned(), since.as_secs().into()))
        .collect();
    if still.is_empty() {
        return HttpResponse::Ok().json(json!({ "status": "alive" }));
    }
    let stands = json!({ "status": "stands still", "seconds_without_a_sign": still });
    HttpResponse::ServiceUnavailable().json(stands)
}

/// 200 when the engine takes work, else 503 with what ails it.
pub(super) async fn readyz(control: web::Data<Control>) -> HttpResponse {
    let readiness = control.readiness();
    let parts: serde_json::Map<String, serde_json::Value> = readiness
        .parts
        .into_iter()
        .map(|(part, ailment)| (part, ailment.unwrap_or_else(|| "ok".to_owned()).into()))
        .collect();
    let (mut response, status) = if readiness.ready {
        (HttpResponse::Ok(), "ready")
    } else {
        (HttpResponse::ServiceUnavailable(), "not ready")
    };
    response.json(json!({ "status": status, "parts": parts }))
}
