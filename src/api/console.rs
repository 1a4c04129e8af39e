//! The operators' pages at `/console`: HTML that is made here, on the server.
//!
//! A handler translates and renders, and decides nothing: it asks the desks that the API asks, so that scopes, policy and
//! the audit trail are the same. Whatever people, publishers and providers wrote
//! is escaped by the templates; nothing here puts a text into HTML by hand.

mod accounts;
mod answer;
mod aside;
mod assets;
mod chart;
mod desk;
mod explain;
mod figures;
mod find;
mod frame;
mod guard;
mod keys;
mod letters;
mod lists;
mod mask;
mod notification;
mod overview;
mod people;
mod posted;
mod quarantine;
mod runs;
mod sent_form;
mod sign_in;
mod suppressions;
mod templates;
mod tenant_choice;
mod topics;
mod typed;
mod visitor;
mod watch;
mod webhooks;
mod workflows;

use actix_web::guard as on;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, Responder, Route, web};

use super::console_parts::ConsoleParts;

/// The routes below `/console`.
pub(super) fn routes(parts: ConsoleParts, routes: &mut web::ServiceConfig) {
    let engine: fn(&mut web::ServiceConfig) = match parts.engine {
        true => of_engine,
        false => without_engine,
    };
    let desk: fn(&mut web::ServiceConfig) = match parts.desk {
        true => desk::routes,
        false => |_| {},
    };
    let console = web::scope("/console")
        .wrap(from_fn(guard::sealed))
        .configure(assets::routes)
        .configure(sign_in::routes)
        .configure(tenant_choice::routes)
        .configure(watch::routes)
        .configure(keys::routes)
        .configure(desk)
        .configure(engine)
        .default_service(web::to(answer::nothing_here));
    routes.service(console);
}

/// What is about notifications.
fn of_engine(routes: &mut web::ServiceConfig) {
    routes
        .configure(overview::routes)
        .configure(find::routes)
        .configure(explain::routes)
        .configure(notification::routes)
        .configure(letters::routes)
        .configure(accounts::routes)
        .configure(aside::routes)
        .configure(quarantine::routes)
        .configure(people::routes)
        .configure(templates::routes)
        .configure(webhooks::routes)
        .configure(suppressions::routes)
        .configure(topics::routes)
        .configure(workflows::routes)
        .configure(runs::routes);
}

/// The first page of a process that serves the support desk alone is the desk's.
fn without_engine(routes: &mut web::ServiceConfig) {
    let to_desk = || async { answer::see_other(desk::PATH) };
    routes
        .service(web::resource("").route(look(to_desk)))
        .service(web::resource("/").route(look(to_desk)));
}

/// A page that is looked at.
fn look<F, Args>(handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let reads = on::Any(on::Get()).or(on::Head());
    web::route().guard(reads).to(handler)
}
