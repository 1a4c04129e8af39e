//! What may be done with an entry of a list.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Payload};

use crate::api::console::answer::{ConsoleError, id_of, see_other};
use crate::api::console::sent_form::SentForm;
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::Desks;

/// Takes an address off the suppression list.
pub(super) async fn lift(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ConsoleError> {
    let mut typed = TypedFields::of(SentForm::of(&visitor, &request, payload).await?);
    visitor.needs(ApiResource::Suppressions, ApiAction::Write)?;
    let id = id_of(&id, "suppression")?;
    let why = typed.line("why");
    let why = why.ok_or(ConsoleError::Bad(
        "Say in a line why the address is to be written to again.",
    ))?;
    let lifted = desks
        .suppressions
        .lift((visitor.tenant_id(), id), Some(why), visitor.by());
    lifted.await?;
    Ok(see_other("/console/suppressions?done=lifted"))
}

/// Takes a key back.
pub(super) async fn revoke(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ConsoleError> {
    SentForm::of(&visitor, &request, payload).await?;
    visitor.needs(ApiResource::ApiKeys, ApiAction::Write)?;
    let id = id_of(&id, "API key")?;
    let revoked = desks.keys.revoke(id, visitor.tenant_id(), visitor.by());
    revoked.await?;
    Ok(see_other("/console/keys?done=revoked"))
}
