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
mod client_address;
mod components;
mod connections;
mod console;
mod console_parts;
mod dlq;
mod documents;
mod endpoint;
mod events;
mod explaining;
mod fields;
mod front;
mod hooks;
mod inbox;
mod inbox_stream;
mod jobs;
mod mail_in;
mod metrics;
mod openapi;
mod page;
mod parameters;
mod person_page;
mod probes;
mod problem;
mod problem_codes;
mod provider_events;
mod providers;
mod reading;
mod request_id;
mod runs_cancelled;
mod server_settings;
mod simulations;
mod suppressions;
mod templates;
mod tenants;
mod things;
mod tickets;
mod token_keys;
mod topics;
mod unread;
mod users;
mod watching;
mod webhooks;
mod workflow_runs;
mod workflows;

use std::sync::{Arc, OnceLock};

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

pub use self::console_parts::ConsoleParts;
pub use self::openapi::document as openapi_document;
pub use self::server_settings::ServerSettings;

use self::connections::OpenConnections;
use self::endpoint::{Accesses, Endpoint};
use self::front::ServerFront;
use crate::ops::control::Desks;
use crate::tickets::desk::TicketDesk;

/// Seconds that open requests get when the server stops.
const STOP_SECONDS: u64 = 2;
/// Connections beyond those that are served: they are taken to be told that they are too many.
const REFUSED: usize = 1_000;

/// A server; it runs when its future is polled.
///
/// # Errors
/// When an address cannot be listened on.
pub fn server(
    settings: &ServerSettings,
    desks: Desks,
    tickets: TicketDesk,
) -> std::io::Result<Server> {
    let metrics = Arc::new(OnceLock::new());
    let front = web::Data::new(ServerFront {
        metrics: Arc::clone(&metrics),
        origins: Arc::clone(&settings.cors_origins),
    });
    let control = web::Data::new(desks.control.clone());
    let (desks, limits) = (web::Data::new(desks), web::Data::new(settings.clone()));
    let tickets = web::Data::new(tickets);
    let pages = settings.console;
    let app = move || {
        App::new()
            .app_data(control.clone())
            .app_data(desks.clone())
            .app_data(limits.clone())
            .app_data(tickets.clone())
            .app_data(front.clone())
            .configure(routes)
            .configure(|routes| {
                if let Some(pages) = pages {
                    console::routes(pages, routes);
                }
            })
            .wrap(from_fn(front::front))
            .wrap(from_fn(request_id::numbered))
    };
    let connections = OpenConnections::new(
        settings.connections,
        settings.connections_per_address,
        settings.write_timeout,
        Arc::clone(&settings.trusted_proxies),
    );
    let server = HttpServer::new(app)
        .max_connections(settings.connections.saturating_add(REFUSED))
        .on_connect(move |stream, data| connections::enter(&connections, stream, data))
        .client_request_timeout(settings.head_timeout)
        .keep_alive(settings.keep_alive)
        .workers(settings.workers.max(1))
        .disable_signals()
        .shutdown_timeout(STOP_SECONDS);
    let mut server = match &settings.tls {
        Some(tls) => server.bind_rustls_0_23(settings.address, tls.clone())?,
        None => server.bind(settings.address)?,
    };
    if let Some(address) = settings.metrics_address {
        server = server.bind(address)?;
        if let Some(bound) = server.addrs().last() {
            // Nothing else sets it.
            let _ = metrics.set(*bound);
        }
    }
    Ok(server.run())
}

/// Every endpoint.
fn endpoints() -> Vec<Endpoint> {
    [
        probes::endpoints(),
        metrics::endpoints(),
        openapi::endpoints(),
        documents::endpoints(),
        components::endpoints(),
        api_keys::endpoints(),
        accept::endpoints(),
        explaining::endpoints(),
        providers::endpoints(),
        reading::endpoints(),
        cancelling::endpoints(),
        templates::endpoints(),
        dlq::endpoints(),
        jobs::endpoints(),
        watching::endpoints(),
        audit_logs::endpoints(),
        webhooks::endpoints(),
        hooks::endpoints(),
        mail_in::endpoints(),
        provider_events::endpoints(),
        users::endpoints(),
        suppressions::endpoints(),
        categories::endpoints(),
        tenants::endpoints(),
        topics::endpoints(),
        simulations::endpoints(),
        events::endpoints(),
        workflows::endpoints(),
        workflow_runs::endpoints(),
        token_keys::endpoints(),
        inbox_stream::endpoints(),
        person_page::endpoints(),
        inbox::endpoints(),
        tickets::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn routes(routes: &mut web::ServiceConfig) {
    let endpoints = endpoints();
    let accesses = endpoints
        .iter()
        .map(|it| ((it.method.clone(), it.path.to_owned()), it.access));
    routes.app_data(web::Data::new(Accesses::of(accesses)));
    endpoint::register(endpoints, routes);
    routes.default_service(web::to(problem::nothing_here));
}

#[cfg(test)]
mod tests;
