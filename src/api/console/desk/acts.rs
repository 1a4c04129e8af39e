//! What may be done with a ticket. Each form says which version its page showed: what was changed since is not changed
//! unseen, and what was typed is shown again beside what is new.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use uuid::Uuid;

use super::ticket::{TicketPage, name_of};
use super::{DeskRoster, PATH, actor, needs, refused};
use crate::api::console::answer::{ConsoleError, html, see_other};
use crate::api::console::posted::ProvenForm;
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::api::tickets::asked::{TEXT_CHARS, prose};
use crate::api::tickets::deeds::{NOTES_CHARS, REASON_CHARS};
use crate::domain::ApiResource;
use crate::tickets::desk::{OrderedDeed, TicketChange, TicketDesk, TicketDeskError};
use crate::tickets::domain::{TicketName, TicketStatus, TicketViewer};

/// What is said when somebody else was first.
const STALE: &str = "Somebody has changed the ticket since you opened this page, and nothing was done. Look at it as it \
                     is now; what you typed is kept: send it again if it still holds.";

pub(super) async fn comment(
    form: ProvenForm,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let is_internal = form.typed.value("does") == "note";
    let read = |typed: &mut TypedFields, author_id: Option<Uuid>| {
        let comment = typed.read("comment", |text| prose(text, TEXT_CHARS));
        let comment = typed.required("comment", comment);
        let author_id = typed.required("as", author_id);
        Some(OrderedDeed::Comment {
            author_id: Some(author_id?),
            comment: comment?,
            is_internal,
            is_automatic: false,
        })
    };
    let word = if is_internal { "noted" } else { "replied" };
    act(form, &desk, (&name, word), read).await
}

pub(super) async fn status(
    form: ProvenForm,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let read = |typed: &mut TypedFields, _: Option<Uuid>| {
        let to = typed.word::<TicketStatus>("status");
        let to = typed.required("status", to);
        let notes = typed.read("notes", |text| prose(text, NOTES_CHARS));
        Some(OrderedDeed::Move(to?, notes))
    };
    act(form, &desk, (&name, "moved"), read).await
}

pub(super) async fn assign(
    form: ProvenForm,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let read = |typed: &mut TypedFields, _: Option<Uuid>| {
        let to = typed.read("assignee", |text| match text {
            "none" => Ok(OrderedDeed::Assign(None)),
            "category" => Ok(OrderedDeed::AssignByCategory),
            text => Uuid::parse_str(text)
                .map(|id| OrderedDeed::Assign(Some(id)))
                .map_err(|_| "Choose somebody.".to_owned()),
        });
        typed.required("assignee", to)
    };
    act(form, &desk, (&name, "assigned"), read).await
}

pub(super) async fn escalate(
    form: ProvenForm,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let read = |typed: &mut TypedFields, _: Option<Uuid>| {
        let reason = typed.read("reason", |text| prose(text, REASON_CHARS));
        Some(OrderedDeed::Escalate(reason))
    };
    act(form, &desk, (&name, "escalated"), read).await
}

/// Does what a form asks for.
async fn act(
    form: ProvenForm,
    desk: &TicketDesk,
    (name, word): (&str, &str),
    read: impl FnOnce(&mut TypedFields, Option<Uuid>) -> Option<OrderedDeed>,
) -> Result<HttpResponse, ConsoleError> {
    form.changes(ApiResource::Tickets)?;
    needs(&form.visitor)?;
    let name = name_of(name)?;
    let ProvenForm { visitor, mut typed } = form;
    let roster = DeskRoster::of(&visitor, desk).await?;
    let actor_id = typed.read("as", |text| {
        let id = Uuid::parse_str(text).ok().filter(|id| roster.has(*id));
        id.ok_or_else(|| "Choose somebody of the staff.".to_owned())
    });
    let version = typed.whole("version", 1..=i64::MAX);
    let version = version.ok_or(ConsoleError::Bad(
        "The form does not say which version of the ticket it is about.",
    ))?;
    let deed = read(&mut typed, actor_id);
    let Some(deed) = deed.filter(|_| !typed.is_wrong()) else {
        let page = TicketPage::of(&visitor, desk, name, typed).await?;
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    let change = TicketChange {
        tenant_id: visitor.own_tenant(),
        name,
        viewer: TicketViewer::Tenant,
        actor_id,
        version: Some(version),
        by: Some(actor(&visitor)),
        call: None,
        deed,
    };
    match desk.change(change).await {
        Ok(changed) => {
            let number = changed.ticket.number;
            let who = actor_id.map(|id| format!("&as={id}")).unwrap_or_default();
            Ok(see_other(&format!("{PATH}/{number}?done={word}{who}")))
        }
        Err(TicketDeskError::Stale(_)) => {
            again((&visitor, desk), name, typed, STALE.to_owned()).await
        }
        Err(error @ (TicketDeskError::Refused(_) | TicketDeskError::Forbidden(_))) => {
            let why = format!("Nothing was done: {error}.");
            again((&visitor, desk), name, typed, why).await
        }
        Err(error) => Err(refused(error)),
    }
}

/// The page as it is now, with what was typed, and why it was not done.
async fn again(
    (visitor, desk): (&ConsoleVisitor, &TicketDesk),
    name: TicketName,
    typed: TypedFields,
    why: String,
) -> Result<HttpResponse, ConsoleError> {
    let mut page = TicketPage::of(visitor, desk, name, typed).await?;
    page.mistake = Some(why);
    Ok(html(StatusCode::CONFLICT, &page))
}
