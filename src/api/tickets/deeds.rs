//! What is done to a ticket: `/assign`, `/status`, `/escalate`, `/merge`; and what was done: `/history`.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::asked::{self, prose};
use super::shown::{ShownEntry, ShownTicket};
use super::who::{self, TicketCaller};
use super::{MOST_BYTES, answer};
use crate::api::accept::described_key;
use crate::api::authority::KeyOrPerson;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::fields::SentFields;
use crate::api::page::Query;
use crate::api::parameters::{word, words};
use crate::api::problem::Problem;
use crate::domain::{ApiAction, ApiResource, OwnResource};
use crate::tickets::desk::{OrderedDeed, TicketChange, TicketDesk};
use crate::tickets::domain::TicketName;

/// Longest reason, in characters.
pub(in crate::api) const REASON_CHARS: usize = 2_000;
/// Longest words on how a ticket was resolved, in characters.
pub(in crate::api) const NOTES_CHARS: usize = 10_000;

/// Who gets a ticket.
#[derive(ToSchema)]
#[schema(as = TicketAssignment)]
#[expect(dead_code, reason = "it describes what `assign` reads")]
struct AskedAssignment {
    /// Who works on it from now on; `null` is nobody; left out: whom its category says.
    #[schema(example = "0190c1a0-0000-7000-8000-000000000002")]
    assignee_id: Option<Uuid>,
    /// Who gives it, where a server asks.
    actor_id: Option<Uuid>,
}

/// Where a ticket goes.
#[derive(ToSchema)]
#[schema(as = TicketMove)]
#[expect(dead_code, reason = "it describes what `status` reads")]
struct AskedMove {
    /// `open`, `in_progress`, `waiting`, `resolved` or `closed`.
    #[schema(example = "in_progress")]
    status: String,
    /// How it was resolved; its requester sees it.
    #[schema(max_length = 10_000)]
    resolution_notes: Option<String>,
    /// Who moves it, where a server asks.
    actor_id: Option<Uuid>,
}

/// Why a ticket is brought to the next level.
#[derive(ToSchema)]
#[schema(as = TicketEscalation)]
#[expect(dead_code, reason = "it describes what `escalate` reads")]
struct AskedEscalation {
    /// Why.
    #[schema(max_length = 2_000)]
    reason: Option<String>,
    /// Who brings it up, where a server asks.
    actor_id: Option<Uuid>,
}

/// The ticket that goes on.
#[derive(ToSchema)]
#[schema(as = TicketMerge)]
#[expect(dead_code, reason = "it describes what `merge` reads")]
struct AskedMerge {
    /// Its id, or its number as a text; it is of the same requester.
    #[schema(example = "12346")]
    into: String,
    /// Who merges, where a server asks.
    actor_id: Option<Uuid>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Tickets;
    let deed = |endpoint: Endpoint| {
        let if_match = "the `ETag` that is known: what was changed since is answered with 412";
        endpoint
            .scope(Tickets, Write)
            .or_self(OwnResource::Tickets, Write)
            .header("If-Match", if_match, words(64))
            .header("Idempotency-Key", who::KEYED, described_key())
            .problem(422, "idempotency_key_reused")
            .problem(403, "staff_only")
            .problem(409, "ticket_merged")
            .problem(412, "changed_meanwhile")
            .answers::<ShownTicket<'_>>(200, "the ticket as it is now")
    };
    vec![
        deed(Endpoint::post("/v1/tickets/{id}/assign", assign)
            .named("assignTicket", "Gives a ticket to somebody")
            .details("Without a body it goes to whom its category says: its primary, else who has the least in hand.")
            .optional_body::<AskedAssignment>()),
        deed(Endpoint::post("/v1/tickets/{id}/status", status)
            .named("moveTicket", "Moves a ticket to another status")
            .details(
                "`open`, `in_progress` and `waiting` lead to each other, and to `resolved` and `closed`; `resolved` \
                 leads to `closed`, and both lead back to `open`.",
            )
            .problem(409, "status_not_allowed")
            .body::<AskedMove>()),
        deed(Endpoint::post("/v1/tickets/{id}/escalate", escalate)
            .named("escalateTicket", "Brings a ticket to the next level")
            .details("Somebody of the next level of its category gets it, if there is anybody.")
            .problem(409, "highest_level")
            .problem(409, "status_not_allowed")
            .optional_body::<AskedEscalation>()),
        deed(Endpoint::post("/v1/tickets/{id}/merge", merge)
            .named("mergeTicket", "Lets another ticket go on with this one, which is closed")
            .problem(409, "merge_not_allowed")
            .body::<AskedMerge>()),
        Endpoint::get("/v1/tickets/{id}/history", history)
            .named("getTicketHistory", "All that was done to a ticket, in order")
            .details("For those who work on it; of a deleted one for keys with `audit-logs:read`.")
            .scope(Tickets, Read)
            .or_self(OwnResource::Tickets, Read)
            .problem(403, "staff_only")
            .page::<ShownEntry<'_>>("its history"),
    ]
}

/// Does something that is read from fields.
async fn done(
    (who, request, desk, name): (KeyOrPerson, HttpRequest, Data<TicketDesk>, Path<String>),
    mut sent: SentFields,
    read: impl FnOnce(&mut SentFields) -> Option<OrderedDeed>,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let version = who::version(&request)?;
    let call = who::call(&caller, &request, &sent)?;
    let deed = read(&mut sent);
    let actor_id = asked::actor(&mut sent, &caller);
    let deed = sent.finish(deed)?;
    let change = TicketChange {
        call,
        ..caller.change(who::named(&name)?, actor_id, version, deed)
    };
    let changed = desk.change(change).await?;
    let done = who::marked(HttpResponse::Ok(), &request, changed.is_replayed);
    Ok(answer(done, &changed.ticket, caller.viewer))
}

async fn assign(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let sent = body::fields_or_none(&request, payload, MOST_BYTES).await?;
    let read = |sent: &mut SentFields| {
        Some(match sent.said("assignee_id", asked::person) {
            Some(to) => OrderedDeed::Assign(to),
            None => OrderedDeed::AssignByCategory,
        })
    };
    done((who, request, desk, name), sent, read).await
}

async fn status(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let sent = body::fields(&request, payload, MOST_BYTES).await?;
    let read = |sent: &mut SentFields| {
        let to = sent.text("status", word);
        let to = sent.required("status", to);
        let notes = sent.text("resolution_notes", |text| prose(text, NOTES_CHARS));
        Some(OrderedDeed::Move(to?, notes))
    };
    done((who, request, desk, name), sent, read).await
}

async fn escalate(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let sent = body::fields_or_none(&request, payload, MOST_BYTES).await?;
    let read = |sent: &mut SentFields| {
        let reason = sent.text("reason", |text| prose(text, REASON_CHARS));
        Some(OrderedDeed::Escalate(reason))
    };
    done((who, request, desk, name), sent, read).await
}

async fn merge(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let sent = body::fields(&request, payload, MOST_BYTES).await?;
    let read = |sent: &mut SentFields| {
        let into = sent.value("into", target);
        Some(OrderedDeed::Merge(sent.required("into", into)?))
    };
    done((who, request, desk, name), sent, read).await
}

/// A ticket as a body names it.
fn target(value: &Value) -> Result<TicketName, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    who::named(&text).map_err(|_| "the id or the number of a ticket".to_owned())
}

async fn history(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let name = who::named(&name)?;
    let mut query = Query::of(&request);
    let list = format!("ticket history {name:?}");
    let page = query.page::<i32>(&list, Some(caller.tenant_id));
    let page = query.finish(page)?;
    let most = page.limit + 1;
    let audits = match &who {
        KeyOrPerson::Key(who) => who
            .caller
            .scopes
            .allow(ApiResource::AuditLogs, ApiAction::Read),
        KeyOrPerson::Person(_) => false,
    };
    let lines = desk.history(caller.of_whom(), name, (page.after, audits), most);
    let lines = lines.await?;
    let entries = lines.iter().map(|it| (it.sequence, ShownEntry::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}
