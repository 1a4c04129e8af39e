//! HTTP: translates, decides nothing.
//!
//! A handler sees the engine only through [`Control`].

mod api_keys;
mod authority;
mod body;
mod fields;
mod metrics;
mod page;
mod probes;
mod problem;
mod request_id;
mod unread;
mod webhooks;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, Resource, Route, guard, web};

use crate::ops::Control;
use crate::ops::control::{KeyDesk, WebhookDesk};

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
pub fn server(
    address: SocketAddr,
    workers: usize,
    control: Control,
    keys: KeyDesk,
    webhooks: WebhookDesk,
) -> std::io::Result<Server> {
    let (control, keys) = (web::Data::new(control), web::Data::new(keys));
    let webhooks = web::Data::new(webhooks);
    let app = move || {
        App::new()
            .app_data(control.clone())
            .app_data(keys.clone())
            .app_data(webhooks.clone())
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

/// What can be read, and nothing else.
fn readable(path: &str, read: Route) -> Resource {
    others("GET, HEAD", web::resource(path).route(read_by(read)))
}

/// What can be posted to, and nothing else.
fn posted(path: &str, post: Route) -> Resource {
    others("POST", web::resource(path).route(post))
}

/// A route for GET, and for HEAD, which has the same headers.
fn read_by(route: Route) -> Route {
    route.guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// The same, with an answer for all other methods.
fn others(allowed: &'static str, resource: Resource) -> Resource {
    let refuse = move || std::future::ready(problem::method_not_allowed(allowed));
    resource.default_service(web::to(refuse))
}

/// Every route.
fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(readable("/livez", web::route().to(probes::livez)))
        .service(readable("/readyz", web::route().to(probes::readyz)))
        .service(readable("/metrics", web::route().to(metrics::metrics)))
        .service(others(
            "GET, HEAD, POST",
            web::resource("/v1/api-keys")
                .route(read_by(web::route().to(api_keys::list)))
                .route(web::post().to(api_keys::create)),
        ))
        .service(others(
            "DELETE",
            web::resource("/v1/api-keys/{id}").route(web::delete().to(api_keys::revoke)),
        ))
        .configure(webhook_routes)
        .default_service(web::to(problem::nothing_here));
}

fn webhook_routes(routes: &mut web::ServiceConfig) {
    routes
        .service(others(
            "GET, HEAD, POST",
            web::resource("/v1/webhooks")
                .route(read_by(web::route().to(webhooks::list)))
                .route(web::post().to(webhooks::create)),
        ))
        .service(others(
            "GET, HEAD, PATCH, DELETE",
            web::resource("/v1/webhooks/{id}")
                .route(read_by(web::route().to(webhooks::get)))
                .route(web::patch().to(webhooks::change))
                .route(web::delete().to(webhooks::delete)),
        ))
        .service(readable(
            "/v1/webhooks/{id}/deliveries",
            web::route().to(webhooks::deliveries),
        ))
        .service(posted(
            "/v1/webhooks/{id}/test",
            web::post().to(webhooks::test),
        ))
        .service(posted(
            "/v1/webhooks/{id}/rotate-secret",
            web::post().to(webhooks::rotate),
        ))
        .service(posted(
            "/v1/webhooks/{id}/replay",
            web::post().to(webhooks::replay),
        ))
        .service(readable(
            "/v1/webhooks/{id}/replay/{replay}",
            web::route().to(webhooks::progress),
        ));
}

#[cfg(test)]
mod tests;
