//! `/v1/tickets`: the support desk. A handler sees of it only `tickets::desk`.

pub(super) mod asked;
mod attachments;
pub(super) mod categories;
mod changes;
mod comments;
pub(super) mod deeds;
mod deleting;
mod schedule;
mod shown;
pub(super) mod staff;
pub(super) mod who;

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use self::asked::{AskedTicket, ChangedTicketFields};
use self::shown::ShownTicket;
use self::who::TicketCaller;
use super::accept::described_key;
use super::authority::KeyOrPerson;
use super::body;
use super::endpoint::Endpoint;
use super::page::Query;
use super::parameters::{flag, id, one_of, uuid, word, words};
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, OwnResource, field};
use crate::tickets::desk::{OrderedDeed, TicketDesk, TicketOrder};
use crate::tickets::domain::{
    SupportTicket, TicketFilter, TicketPriority, TicketStatus, TicketViewer,
};

/// What `If-Match` is for.
const IF_MATCH: &str = "the `ETag` that is known: what was changed since is answered with 412";
/// Largest body about a ticket.
const MOST_BYTES: usize = 512 * 1_024;
/// Longest text that is searched for, in characters.
pub(super) const SEARCH_CHARS: usize = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Tickets;
    let text = "words of subject and description, as of a web search: \"a phrase\", or, -not";
    let mut endpoints = vec![
        Endpoint::get("/v1/tickets", list)
            .named("listTickets", "Tickets, the newest first")
            .details(
                "Filters must all hold. A person sees what they asked; an agent what is theirs or of their \
                 categories; a lead all.",
            )
            .scope(Tickets, Read)
            .or_self(OwnResource::Tickets, Read)
            .query("status", "only where they stand so", one_of(TicketStatus::ALL))
            .query("priority", "only of this priority", one_of(TicketPriority::ALL))
            .query("assignee_id", "only of this agent; `none`: of nobody", words(36))
            .query("requester_id", "only of whoever asked", id())
            .query("category", "only of this category", words(field::LABEL_CHARS))
            .query("overdue", "only those of which a clock has run out, or has not", one_of(&[true, false]))
            .query("text", text, words(SEARCH_CHARS))
            .page::<ShownTicket<'_>>("tickets"),
        Endpoint::post("/v1/tickets", create)
            .named("createTicket", "Makes a ticket")
            .details("It goes to whom its category says. Who asks with a user token is its requester.")
            .scope(Tickets, Write)
            .or_self(OwnResource::Tickets, Write)
            .header("Idempotency-Key", who::KEYED, described_key())
            .body::<AskedTicket>()
            .problem(422, "idempotency_key_reused")
            .problem(409, "inactive_category")
            .answers::<ShownTicket<'_>>(201, "the ticket"),
        Endpoint::get("/v1/tickets/{id}", get)
            .named("getTicket", "One ticket, by its id or its number")
            .details("One that was merged into another leads there.")
            .scope(Tickets, Read)
            .or_self(OwnResource::Tickets, Read)
            .answers::<ShownTicket<'_>>(200, "the ticket")
            .answers::<ShownTicket<'_>>(308, "the ticket, which another one goes on with: `Location`"),
        Endpoint::patch("/v1/tickets/{id}", change)
            .named("changeTicket", "Changes what a ticket says; the rest stays")
            .details("`null` takes a field away. Status and assignee have paths of their own.")
            .scope(Tickets, Write)
            .or_self(OwnResource::Tickets, Write)
            .header("If-Match", IF_MATCH, words(64))
            .body::<ChangedTicketFields>()
            .problem(403, "staff_only")
            .problem(409, "ticket_merged")
            .problem(412, "changed_meanwhile")
            .answers::<ShownTicket<'_>>(200, "the ticket as it is now"),
    ];
    endpoints.extend(deleting::endpoints());
    endpoints.extend(deeds::endpoints());
    endpoints.extend(comments::endpoints());
    endpoints.extend(attachments::endpoints());
    endpoints.extend(categories::endpoints());
    endpoints.extend(staff::endpoints());
    endpoints.extend(changes::endpoints());
    endpoints
}

/// A ticket, with what tells its version.
fn answer(
    mut answer: HttpResponseBuilder,
    ticket: &SupportTicket,
    viewer: TicketViewer,
) -> HttpResponse {
    answer
        .insert_header((ETAG, format!("\"{}\"", ticket.version_for(viewer))))
        .json(ShownTicket::of(ticket, viewer))
}

/// Tickets that somebody may see.
async fn list(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let mut query = Query::of(&request);
    let assignee = |text: &str| match text {
        "none" => Ok(None),
        text => uuid(text).map(Some),
    };
    let filter = TicketFilter {
        status: query.text("status", word),
        priority: query.text("priority", word),
        assignee_id: query.text("assignee_id", assignee),
        requester_id: query.text("requester_id", uuid),
        category: query.text("category", asked::category),
        overdue: query.text("overdue", flag),
        text: query.text("text", |text| asked::prose(text, SEARCH_CHARS)),
    };
    let list = format!("tickets {:?}", caller.viewer);
    let page = query.page(&list, Some(caller.tenant_id));
    let page = query.finish(page)?;
    let tickets = desk.page(caller.of_whom(), filter, page.after, page.limit + 1);
    let tickets = tickets.await?;
    let entries = tickets.iter();
    let entries = entries.map(|it| (it.id, ShownTicket::listed(it, caller.viewer)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// Makes a ticket.
async fn create(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let call = who::call(&caller, &request, &sent)?;
    let ticket = asked::ticket(&mut sent, &caller);
    let actor_id = asked::actor(&mut sent, &caller);
    let ticket = sent.finish(ticket)?;
    let order = TicketOrder {
        tenant_id: caller.tenant_id,
        actor_id: Some(actor_id.unwrap_or(ticket.requester_id)),
        ticket,
        call,
    };
    let done = desk.create(order).await?;
    let ticket = done.ticket;
    let mut made = who::marked(HttpResponse::Created(), &request, done.is_replayed);
    made.insert_header((LOCATION, format!("/v1/tickets/{}", ticket.id)));
    Ok(answer(made, &ticket, caller.viewer))
}

/// One ticket.
async fn get(
    who: KeyOrPerson,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let ticket = desk.get(caller.of_whom(), who::named(&name)?).await?;
    let Some(into) = ticket.merged_into else {
        return Ok(answer(HttpResponse::Ok(), &ticket, caller.viewer));
    };
    let mut moved = HttpResponse::PermanentRedirect();
    moved.insert_header((LOCATION, format!("/v1/tickets/{into}")));
    Ok(answer(moved, &ticket, caller.viewer))
}

/// Changes what a ticket says.
async fn change(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let version = who::version(&request)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let edit = asked::edit(&mut sent);
    let actor_id = asked::actor(&mut sent, &caller);
    let edit = sent.finish(Some(edit))?;
    let deed = OrderedDeed::Edit(Box::new(edit));
    let change = caller.change(who::named(&name)?, actor_id, version, deed);
    let changed = desk.change(change).await?;
    Ok(answer(HttpResponse::Ok(), &changed.ticket, caller.viewer))
}
