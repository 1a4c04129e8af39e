//! HTTP: translates, decides nothing.
//!
//! A handler sees the engine only through [`Control`].

mod metrics;
mod probes;
mod problem;

use std::net::SocketAddr;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};

use crate::ops::Control;

/// Seconds that open requests get when the server stops.
const STOP_SECONDS: u64 = 2;

/// A server on this address; it runs when its future is polled.
///
/// # Errors
/// When the address cannot be listened on.
pub fn server(address: SocketAddr, workers: usize, control: Control) -> std::io::Result<Server> {
    let control = web::Data::new(control);
    let server = HttpServer::new(move || App::new().app_data(control.clone()).configure(routes))
        .workers(workers.max(1))
        .disable_signals()
        .shutdown_timeout(STOP_SECONDS)
        .bind(address)?
        .run();
    Ok(server)
}

/// Every route.
fn routes(routes: &mut web::ServiceConfig) {
    routes
        .route("/livez", web::get().to(probes::livez))
        .route("/readyz", web::get().to(probes::readyz))
        .route("/metrics", web::get().to(metrics::metrics))
        .default_service(web::to(problem::not_found));
}

#[cfg(test)]
mod tests;
