//! Probes: is the process alive, and does it take work.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::endpoint::Endpoint;
use crate::ops::Control;

/// Whether the engine takes work.
#[derive(Debug, Serialize, ToSchema)]
struct ShownReadiness {
    /// `ready`, or `not ready`.
    status: &'static str,
    /// Every part: `ok`, or what ails it.
    parts: BTreeMap<String, String>,
}

/// Whether the process moves.
#[derive(Debug, Serialize, ToSchema)]
struct ShownLife {
    /// `alive`.
    status: &'static str,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/livez", livez)
            .named("getLife", "Whether the process moves")
            .details("503 while something stands still that only a restart helps.")
            .answers::<ShownLife>(200, "it moves"),
        Endpoint::get("/readyz", readyz)
            .named("getReadiness", "Whether the engine takes work")
            .details("503 with the same body while it does not.")
            .answers::<ShownReadiness>(200, "it takes work"),
    ]
}

/// 200 while the process moves, else 503 with what stands still: only a restart helps.
pub(super) async fn livez(control: Data<Control>) -> HttpResponse {
    let still: serde_json::Map<String, serde_json::Value> = control
        .still()
        .into_iter()
        .map(|(part, since)| (part.to_owned(), since.as_secs().into()))
        .collect();
    if still.is_empty() {
        return HttpResponse::Ok().json(ShownLife { status: "alive" });
    }
    let stands = json!({ "status": "stands still", "seconds_without_a_sign": still });
    HttpResponse::ServiceUnavailable().json(stands)
}

/// 200 when the engine takes work, else 503 with what ails it.
pub(super) async fn readyz(control: Data<Control>) -> HttpResponse {
    let readiness = control.readiness();
    let parts = readiness.parts.into_iter();
    let parts = parts.map(|(part, ailment)| (part, ailment.unwrap_or_else(|| "ok".to_owned())));
    let parts = parts.collect();
    let (mut response, status) = if readiness.ready {
        (HttpResponse::Ok(), "ready")
    } else {
        (HttpResponse::ServiceUnavailable(), "not ready")
    };
    response.json(ShownReadiness { status, parts })
}
