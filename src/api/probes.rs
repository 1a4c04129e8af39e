//! Probes: is the process alive, and does it take work.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::pipeline::Control;

/// The process answers.
pub(super) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
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
