use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::rt::System;
use actix_web::test::{
    TestRequest, call_and_read_body, call_service, init_service, try_call_service,
};

use super::*;
use crate::ops::Control;
use crate::runtime::{Ending, Health, Pulse, Shutdown};
use crate::telemetry::Metrics;

fn control() -> (Control, Health, Shutdown) {
    let (health, stop) = (Health::new(), Shutdown::new());
    let (pulse, metrics) = (Pulse::default(), Arc::new(Metrics::new()));
    (
        Control::new(health.clone(), pulse, metrics, stop.clone()),
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

#[test]
fn readiness_names_what_ails_the_engine() {
    System::new().block_on(async {
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
    });
}

#[test]
fn a_process_that_stands_still_is_not_alive() {
    System::new().block_on(async {
        let (pulse, metrics) = (Pulse::default(), Arc::new(Metrics::new()));
        let control = Control::new(Health::new(), pulse.clone(), metrics, Shutdown::new());
        pulse.beat("actors");
        pulse.beat("io");
        assert_eq!(get(&control, "/livez").await.0, StatusCode::OK);
        tokio::time::pause();
        tokio::time::advance(std::time::Duration::from_secs(31)).await;
        pulse.beat("io");
        let (status, body) = get(&control, "/livez").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            body.contains("stands still") && body.contains(r#""actors":31"#),
            "{body}"
        );
        assert!(!body.contains("io"), "{body}");
        pulse.beat("actors");
        assert_eq!(get(&control, "/livez").await.0, StatusCode::OK);
    });
}

#[test]
fn metrics_are_prometheus_text_and_unknown_paths_are_problems() {
    System::new().block_on(async {
        let (control, ..) = control();
        let (status, body) = get(&control, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("herald_build_info"), "{body}");
        let (status, body) = get(&control, "/nothing/here").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body.contains(r#""code":"not_found""#), "{body}");
    });
}

#[test]
fn every_endpoint_is_described() {
    let endpoints = endpoints();
    let mut names = std::collections::HashSet::new();
    for endpoint in &endpoints {
        assert!(
            names.insert(endpoint.name),
            "{endpoint:?}: its name is another one's"
        );
        assert!(
            !endpoint.name.is_empty() && !endpoint.summary.is_empty(),
            "{endpoint:?}"
        );
        assert!(!endpoint.answers.is_empty(), "{endpoint:?}");
        let is_open = matches!(endpoint.access, endpoint::EndpointAccess::Open);
        // Mails are handed over by somebody who has a key; the other hooks are signed.
        let needs_key =
            endpoint.path.starts_with("/v1/") || endpoint.path.starts_with("/hooks/smtp/");
        assert_eq!(is_open, !needs_key, "{endpoint:?}");
    }
}

async fn faulty() -> actix_web::HttpResponse {
    panic!("a fault")
}

#[test]
fn a_panic_ends_its_request_alone_and_is_answered_as_a_problem() {
    System::new().block_on(async {
        let app = App::new()
            .route("/faulty", web::get().to(faulty))
            .route("/fine", web::get().to(actix_web::HttpResponse::Ok))
            .wrap(from_fn(request_id::numbered));
        let app = init_service(app).await;
        let ask = |path: &str| TestRequest::get().uri(path).to_request();
        let failed = try_call_service(&app, ask("/faulty")).await.unwrap_err();
        let answer = failed.error_response();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let kind = answer.headers().get("content-type").unwrap();
        assert_eq!(kind, "application/problem+json");
        assert!(answer.headers().contains_key("herald-request-id"));
        assert_eq!(
            call_service(&app, ask("/fine")).await.status(),
            StatusCode::OK
        );
    });
}
