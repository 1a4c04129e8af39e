//! What may be done with a notification. Each is done by the desk that does it for the API.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::story;
use crate::api::console::answer::{ConsoleError, html, id_of, see_other};
use crate::api::console::posted::ProvenForm;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, CancelState};
use crate::ops::control::{CancelMeant, Desks, ReplayFate};

/// Shows the address and what the notification says, once that is written down.
pub(super) async fn reveal(
    form: ProvenForm,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let visitor = form.visitor;
    visitor.needs(ApiResource::Contents, ApiAction::Read)?;
    visitor.needs(ApiResource::Notifications, ApiAction::Read)?;
    let id = id_of(&id, "notification")?;
    let found = desks.notifications.get((visitor.tenant_id(), id)).await?;
    let whose = (found.stored.tenant_id, id);
    let noted = desks
        .sessions
        .note_shown("notification", whose, visitor.by());
    noted.await?;
    let page = story(&visitor, &desks, &request, id, true).await?;
    Ok(html(StatusCode::OK, &page))
}

/// Cancels it.
pub(super) async fn cancel(
    form: ProvenForm,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let (tenant_id, id) = form.changes_of(ApiResource::Notifications, (&id, "notification"))?;
    let visitor = form.visitor;
    let meant = CancelMeant::One(tenant_id, id);
    let count = desks.cancelling.cancel(meant, visitor.by()).await?;
    match count.too_late() {
        None => Ok(done(id, "cancelled")),
        Some(state) => refused(&visitor, &desks, &request, id, stands(state)).await,
    }
}

/// Sends it on its way again.
pub(super) async fn replay(
    form: ProvenForm,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let (tenant_id, id) = form.changes_of(ApiResource::DeadLetters, (&id, "notification"))?;
    let visitor = form.visitor;
    match desks.letters.replay(tenant_id, id, visitor.by()).await? {
        ReplayFate::Due(_) => Ok(done(id, "replayed")),
        ReplayFate::Skipped(skip) => {
            let why = format!("It is left alone: {skip}.");
            refused(&visitor, &desks, &request, id, &why).await
        }
    }
}

fn done(id: Uuid, word: &str) -> HttpResponse {
    see_other(&format!("/console/notifications/{id}?done={word}"))
}

async fn refused(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    request: &HttpRequest,
    id: Uuid,
    why: &str,
) -> Result<HttpResponse, ConsoleError> {
    if !visitor.reads(ApiResource::Notifications) {
        return Err(ConsoleError::Conflict(why.to_owned()));
    }
    let mut page = story(visitor, desks, request, id, false).await?;
    page.mistake = Some(why.to_owned());
    Ok(html(StatusCode::CONFLICT, &page))
}

const fn stands(state: CancelState) -> &'static str {
    match state {
        CancelState::Pending | CancelState::InFlight => {
            "A node has it in hand: it may be sent, or wait again. Try again in a moment."
        }
        CancelState::PartlySent => "It is too late: one of its devices has accepted it.",
        CancelState::Sent => "It is too late: it is sent.",
        CancelState::Failed => "It is too late: it has failed for good.",
        CancelState::Cancelled => "It was cancelled before.",
    }
}
