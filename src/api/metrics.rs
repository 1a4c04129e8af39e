//! Prometheus.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::endpoint::Endpoint;
use crate::ops::Control;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let kind = Some("text/plain; version=0.0.4; charset=utf-8");
    vec![
        Endpoint::get("/metrics", metrics)
            .named("getMetrics", "All metrics in Prometheus' text format")
            .answers_other(200, "every metric of this node", kind),
    ]
}

/// All metrics in Prometheus' text format 0.0.4.
pub(super) async fn metrics(control: Data<Control>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(control.metrics())
}
