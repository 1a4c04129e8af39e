//! `/v1/ticket-audit-logs`: who changed the staff and the categories.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::authority::Authority;
use crate::api::endpoint::Endpoint;
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::domain::{ApiAction, ApiResource};
use crate::tickets::desk::{DeskActor, DeskChange, TicketDesk};

/// A change of the support desk's rules, and who made it.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketAuditLog)]
struct ShownDeskChange<'a> {
    /// Its id.
    id: Uuid,
    /// The id of the API key, or of the person who deleted a ticket.
    actor: &'a str,
    /// What was done: `create`, `update`, `delete`; of a ticket `reply`, `note`, `assign`, `move`, `escalate`, `delete`.
    action: &'a str,
    /// To what kind of thing: `staff_member`, `ticket_category` or `ticket`.
    resource_type: &'a str,
    /// To which one.
    resource_id: Uuid,
    /// From where.
    ip_address: Option<&'a str>,
    /// By which request: its `Herald-Request-Id`.
    request_id: Option<Uuid>,
    /// The fields that differ, as they were (`old`) and as they are (`new`); empty once the person was erased.
    #[schema(value_type = Object)]
    changes: &'a Value,
    /// When.
    created_at: Timestamp,
}

impl<'a> From<&'a DeskChange> for ShownDeskChange<'a> {
    fn from(change: &'a DeskChange) -> Self {
        Self {
            id: change.id,
            actor: &change.actor,
            action: &change.action,
            resource_type: &change.resource_type,
            resource_id: change.resource_id,
            ip_address: change.ip_address.as_deref(),
            request_id: change.request_id,
            changes: &change.changes,
            created_at: change.created_at,
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/ticket-audit-logs", list)
            .named(
                "listTicketAuditLogs",
                "Who changed the staff, the ticket categories and, in the console, tickets; the newest first",
            )
            .details("What was done to a ticket is in its history.")
            .scope(ApiResource::AuditLogs, ApiAction::Read)
            .page::<ShownDeskChange<'_>>("changes"),
    ]
}

/// Who changes the rules of the desk.
pub(super) const fn actor_of(who: &Authority) -> DeskActor {
    DeskActor {
        key_id: who.caller.key_id,
        address: who.address,
        request_id: who.request_id,
    }
}

async fn list(
    who: Authority,
    request: HttpRequest,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, Problem> {
    let tenant_id = who.own_tenant();
    let page = Page::asked(&request, "ticket audit logs", Some(tenant_id))?;
    let changes = desk.changes(tenant_id, page.after, page.limit + 1).await?;
    let entries = changes.iter().map(|it| (it.id, ShownDeskChange::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}
