//! Prometheus.

use actix_web::{HttpResponse, web};

use crate::ops::Control;

/// All metrics in Prometheus' text format 0.0.4.
pub(super) async fn metrics(control: web::Data<Control>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(control.metrics())
}
