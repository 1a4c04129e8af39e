//! Errors as RFC 9457 problem details.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

/// There is nothing at this path.
pub(super) async fn not_found(request: HttpRequest) -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("application/problem+json")
        .json(json!({
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "code": "not_found",
            "detail": format!("there is nothing at {}", request.path()),
        }))
}
