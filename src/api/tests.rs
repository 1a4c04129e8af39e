use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};

use super::*;
use crate::runtime::{Ending, Health, Shutdown};
use crate::telemetry::Metrics;

fn control() -> (Control, Health, Shutdown) {
    let (health, stop) = (Health::new(), Shutdown::new());
    (
        Control::new(health.clone(), Arc::new(Metrics::new()), stop.clone()),
        health,
        stop,
    )
}

async fn get(control: &Control, path: &str) -> (StatusCode, String) {
    let app = App::new()
        .app_data(web::Data::new(control.clone()))
        .configure(routes);
    let app = init_service(app).await;
    let request = || TestRequest::get().uri(path).to_request();
    let status = call_service(&app, request()).await.status();
    let body = call_and_read_body(&app, request()).await;
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[actix_web::test]
async fn readiness_names_what_ails_the_engine() {
    let (control, health, stop) = control();
    health.up("recorder");
    assert_eq!(get(&control, "/readyz").await.0, StatusCode::OK);
    health.down("broker", "RabbitMQ does not answer");
    let (status, body) = get(&control, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        body.contains(r#""broker":"RabbitMQ does not answer""#),
        "{body}"
    );
    assert!(body.contains(r#""recorder":"ok""#), "{body}");
    health.up("broker");
    stop.raise(Ending::Asked);
    let (status, body) = get(&control, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("shutting down"), "{body}");
    assert_eq!(get(&control, "/livez").await.0, StatusCode::OK);
}

#[actix_web::test]
async fn metrics_are_prometheus_text_and_unknown_paths_are_problems() {
    let (control, ..) = control();
    let (status, body) = get(&control, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("herald_build_info"), "{body}");
    let (status, body) = get(&control, "/nothing/here").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.contains(r#""code":"not_found""#), "{body}");
}
