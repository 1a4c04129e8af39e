//! The support desk: what is to be done, one ticket with its conversation, who works here, by which rules, and how
//! these were kept.
//!
//! The pages reach the desk by the door that the API takes (`tickets::desk`), as a server of the tenant's: a key sees all
//! of its tenant's tickets, and whoever acts says for whom of the staff. What they do is written down as their key's.

mod acts;
mod board;
mod categories;
mod list;
mod report;
mod shown;
mod staff;
mod ticket;
mod trail;

use actix_web::web;
use uuid::Uuid;

use super::answer::ConsoleError;
use super::frame::PageFrame;
use super::look;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource};
use crate::tickets::desk::{DeskActor, TicketDesk, TicketDeskError};
use crate::tickets::domain::StaffMember;

/// Where the desk is.
pub(super) const PATH: &str = "/console/tickets";
/// Most of the staff who can be chosen.
const MOST_STAFF: usize = 500;

/// The pages of the desk, with whether they are where somebody is.
#[derive(Debug, Clone, Copy)]
struct DeskPlace {
    path: &'static str,
    name: &'static str,
    is_here: bool,
}

/// What stands round every page of the desk.
struct DeskFrame {
    places: Vec<DeskPlace>,
    /// Whether they look at all tenants, of which the desk shows the default one.
    is_default: bool,
    writes: bool,
}

const PLACES: &[(&str, &str)] = &[
    (PATH, "Tickets"),
    ("/console/ticket-report", "Targets kept"),
    ("/console/staff", "Staff"),
    ("/console/ticket-categories", "Categories"),
    ("/console/ticket-audit", "Who changed what"),
];

impl DeskFrame {
    fn of(visitor: &ConsoleVisitor, here: &str) -> Self {
        let audits = visitor.reads(ApiResource::AuditLogs);
        let places = PLACES.iter();
        let places = places.filter(|(path, _)| audits || !path.ends_with("-audit"));
        let places = places.map(|(path, name)| DeskPlace {
            path,
            name,
            is_here: *path == here,
        });
        Self {
            places: places.collect(),
            is_default: visitor.tenant_id().is_none(),
            writes: visitor.writes(ApiResource::Tickets),
        }
    }
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let post = web::post;
    let of = |end: &str| format!("/tickets/{{name}}{end}");
    let staff = web::resource("/staff")
        .route(look(staff::page))
        .route(post().to(staff::put));
    let categories = web::resource("/ticket-categories")
        .route(look(categories::list))
        .route(post().to(categories::put));
    let category = |end: &str| format!("/ticket-categories/{{id}}{end}");
    routes
        .service(web::resource("/tickets").route(look(list::page)))
        .service(web::resource(of("")).route(look(ticket::page)))
        .service(web::resource(of("/history")).route(look(trail::history)))
        .service(web::resource(of("/comment")).route(post().to(acts::comment)))
        .service(web::resource(of("/status")).route(post().to(acts::status)))
        .service(web::resource(of("/assign")).route(post().to(acts::assign)))
        .service(web::resource(of("/escalate")).route(post().to(acts::escalate)))
        .service(web::resource("/ticket-report").route(look(report::page)))
        .service(web::resource("/ticket-audit").route(look(trail::changes)))
        .service(staff)
        .service(web::resource("/staff/{id}/remove").route(post().to(staff::remove)))
        .service(categories)
        .service(web::resource(category("")).route(look(categories::page)))
        .service(web::resource(category("/remove")).route(post().to(categories::remove)));
}

/// Goes on only with a key that sees tickets.
fn needs(visitor: &ConsoleVisitor) -> Result<(), ConsoleError> {
    visitor.needs(ApiResource::Tickets, ApiAction::Read)
}

/// The frame of a page of the desk.
fn framed(visitor: &ConsoleVisitor, title: impl Into<String>) -> PageFrame {
    PageFrame::new(visitor, title, PATH)
}

/// Who changes something, for the trail of changes.
fn actor(visitor: &ConsoleVisitor) -> DeskActor {
    DeskActor {
        key_id: visitor.caller().key_id,
        address: visitor.address(),
        request_id: visitor.request_id(),
    }
}

/// Who works here, by their ids.
struct DeskRoster(Vec<StaffMember>);

impl DeskRoster {
    async fn of(visitor: &ConsoleVisitor, desk: &TicketDesk) -> Result<Self, ConsoleError> {
        let staff = desk.staff(visitor.own_tenant(), None, MOST_STAFF).await;
        Ok(Self(staff.map_err(refused)?))
    }

    /// How somebody is called; whoever is not of the staff by their id.
    fn name(&self, id: Uuid) -> String {
        let found = self.0.iter().find(|member| member.id == id);
        found.map_or_else(|| id.to_string(), |member| member.name.clone())
    }

    /// Those who are given tickets.
    fn active(&self) -> Vec<(String, String)> {
        let active = self.0.iter().filter(|member| member.is_active);
        let mut named: Vec<_> = active
            .map(|member| (member.id.to_string(), member.name.clone()))
            .collect();
        named.sort_by(|a, b| a.1.cmp(&b.1));
        named
    }

    fn has(&self, id: Uuid) -> bool {
        self.0
            .iter()
            .any(|member| member.id == id && member.is_active)
    }
}

/// Why nothing is shown or done.
fn refused(error: TicketDeskError) -> ConsoleError {
    let words = error.to_string();
    match error {
        TicketDeskError::NotFound(what) => ConsoleError::NotFound(what),
        TicketDeskError::Busy(why) | TicketDeskError::Unavailable(why) => {
            tracing::warn!(why, "a page of the support desk could not be shown");
            ConsoleError::Unavailable
        }
        TicketDeskError::Failed(why) | TicketDeskError::NoStore(why) => {
            tracing::error!(why, "a page of the support desk could not be shown");
            ConsoleError::Failed
        }
        TicketDeskError::Refused(_)
        | TicketDeskError::Stale(_)
        | TicketDeskError::Forbidden(_)
        | TicketDeskError::UnknownStaff
        | TicketDeskError::KeyReused
        | TicketDeskError::File(_)
        | TicketDeskError::Overloaded
        | TicketDeskError::InactiveCategory => ConsoleError::Conflict(format!("{words}.")),
    }
}
