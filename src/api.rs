//! HTTP: translates, decides nothing.
//!
//! A handler sees the engine only through [`Desks`].

mod accept;
mod api_keys;
mod audit_logs;
mod authority;
mod body;
mod cancelling;
mod categories;
mod dlq;
mod documents;
mod endpoint;
mod fields;
mod jobs;
mod metrics;
mod openapi;
mod page;
mod parameters;
mod probes;
mod problem;
mod problem_codes;
mod providers;
mod reading;
mod request_id;
mod suppressions;
mod templates;
mod tenants;
mod unread;
mod users;
mod watching;
mod webhooks;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

pub use self::openapi::document as openapi_document;

use self::endpoint::{Accesses, Endpoint};
use crate::ops::control::Desks;

/// Seconds that open requests get when the server stops.
const STOP_SECONDS: u64 = 2;
/// Longest time that the head of a request may take: a client that sends it byte by byte holds a
/// connection for no longer.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// Most connections of a thread: further ones wait to be accepted.
const CONNECTIONS: usize = 20_000;

/// A server on this address; it runs when its future is polled.
///
/// # Errors
/// When the address cannot be listened on.
pub fn server(address: SocketAddr, workers: usize, desks: Desks) -> std::io::Result<Server> {
    let control = web::Data::new(desks.control.clone());
    let desks = web::Data::new(desks);
    let app = move || {
        App::new()
            .app_data(control.clone())
            .app_data(desks.clone())
            .configure(routes)
            .wrap(from_fn(request_id::numbered))
    };
    let server = HttpServer::new(app)
        .max_connections(CONNECTIONS)
        .client_request_timeout(HEADERS_WITHIN)
        .workers(workers.max(1))
        .disable_signals()
        .shutdown_timeout(STOP_SECONDS)
        .bind(address)?
        .run();
    Ok(server)
}

/// Every endpoint.
fn endpoints() -> Vec<Endpoint> {
    [
        probes::endpoints(),
        metrics::endpoints(),
        openapi::endpoints(),
        documents::endpoints(),
        api_keys::endpoints(),
        accept::endpoints(),
        providers::endpoints(),
        reading::endpoints(),
        cancelling::endpoints(),
        templates::endpoints(),
        dlq::endpoints(),
        jobs::endpoints(),
        watching::endpoints(),
        audit_logs::endpoints(),
        webhooks::endpoints(),
        users::endpoints(),
        suppressions::endpoints(),
        categories::endpoints(),
        tenants::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn routes(routes: &mut web::ServiceConfig) {
    let endpoints = endpoints();
    routes.app_data(web::Data::new(Accesses::of(&endpoints)));
    endpoint::register(endpoints, routes);
    routes.default_service(web::to(problem::nothing_here));
}

#[cfg(test)]
mod tests;
