//! Who asks the desk, which ticket they name, and what its errors are by HTTP.

use actix_web::http::StatusCode;
use actix_web::http::header::{IF_MATCH, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponseBuilder};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::api::accept::{IDEMPOTENCY_KEY, REPLAYED, idempotency_key};
use crate::api::authority::KeyOrPerson;
use crate::api::fields::SentFields;
use crate::api::page::{Page, Query};
use crate::api::problem::Problem;
use crate::domain::DEFAULT_TENANT;
use crate::tickets::desk::{OrderedDeed, TicketCall, TicketChange, TicketDesk, TicketDeskError};
use crate::tickets::domain::{FileRefusal, TicketName, TicketViewer};
use crate::tickets::policy::DeedRefusal;

/// Who asks the desk: of one tenant, always.
#[derive(Debug, Clone, Copy)]
pub(super) struct TicketCaller {
    pub(super) tenant_id: Uuid,
    pub(super) viewer: TicketViewer,
}

impl TicketCaller {
    /// A server with a key sees all of its tenant, an operator who names none the default one; a person what is theirs.
    pub(super) async fn of(who: &KeyOrPerson, desk: &TicketDesk) -> Result<Self, Problem> {
        let tenant_id = who.tenant_id().unwrap_or(DEFAULT_TENANT);
        let viewer = match who {
            KeyOrPerson::Key(_) => TicketViewer::Tenant,
            KeyOrPerson::Person(person) => desk.viewer(tenant_id, person.user_id).await?,
        };
        Ok(Self { tenant_id, viewer })
    }

    pub(super) const fn of_whom(&self) -> (Uuid, TicketViewer) {
        (self.tenant_id, self.viewer)
    }

    /// A deed of theirs.
    pub(super) const fn change(
        &self,
        name: TicketName,
        actor_id: Option<Uuid>,
        version: Option<i64>,
        deed: OrderedDeed,
    ) -> TicketChange {
        TicketChange {
            tenant_id: self.tenant_id,
            name,
            viewer: self.viewer,
            actor_id,
            version,
            by: None,
            call: None,
            deed,
        }
    }
}

/// The key that a call names, with what it says; nothing of it may have been taken yet.
pub(super) fn call(
    caller: &TicketCaller,
    request: &HttpRequest,
    sent: &SentFields,
) -> Result<Option<TicketCall>, Problem> {
    call_of(caller, request, || sent.digest(request.path()))
}

/// The same of a call whose file comes behind what it says.
pub(super) fn file_call(
    caller: &TicketCaller,
    request: &HttpRequest,
    file_name: &str,
) -> Result<Option<TicketCall>, Problem> {
    call_of(caller, request, || {
        let mut hash = Sha256::new();
        for said in [request.path(), request.query_string(), file_name] {
            hash.update(said);
            hash.update([0]);
        }
        hash.finalize().to_vec()
    })
}

fn call_of(
    caller: &TicketCaller,
    request: &HttpRequest,
    content: impl FnOnce() -> Vec<u8>,
) -> Result<Option<TicketCall>, Problem> {
    let key = idempotency_key(request)?;
    Ok(key.map(|key| TicketCall {
        caller: caller.viewer.person().unwrap_or_default(),
        key,
        content: content(),
    }))
}

/// An answer to a call that may have named a key.
pub(super) fn marked(
    mut answer: HttpResponseBuilder,
    request: &HttpRequest,
    is_replayed: bool,
) -> HttpResponseBuilder {
    if is_replayed {
        answer.insert_header((REPLAYED, "true"));
    }
    if let Some(said) = request.headers().get(IDEMPOTENCY_KEY) {
        answer.insert_header((IDEMPOTENCY_KEY, said));
    }
    answer
}

/// What is said of the header in every description.
pub(super) const KEYED: &str = "makes a repetition of the call safe: for a day the same call again does nothing, and is answered as it stands";

/// A ticket by its id or its number; what is neither is no ticket.
pub(in crate::api) fn named(text: &str) -> Result<TicketName, Problem> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(TicketName::Number(number));
    }
    let id = Uuid::parse_str(text).map_err(|_| Problem::not_found("ticket"))?;
    Ok(TicketName::Id(id))
}

/// Who asks for a list of what a ticket has, of which ticket, and for which page of it.
pub(super) async fn list_of(
    (who, request): (&KeyOrPerson, &HttpRequest),
    desk: &TicketDesk,
    (name, what): (&str, &str),
) -> Result<(TicketCaller, TicketName, Page), Problem> {
    let caller = TicketCaller::of(who, desk).await?;
    let name = named(name)?;
    let mut query = Query::of(request);
    let list = format!("ticket {what} {name:?} {:?}", caller.viewer);
    let page = query.page(&list, Some(caller.tenant_id));
    Ok((caller, name, query.finish(page)?))
}

/// The version that somebody knows, as `If-Match` says it.
pub(super) fn version(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(header) = request.headers().get(IF_MATCH) else {
        return Ok(None);
    };
    let text = header.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let quoted = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let version = quoted.and_then(|it| it.parse().ok());
    version.map(Some).ok_or_else(|| {
        let detail = "the header `If-Match` is no `ETag` of a ticket: send it with its quotes";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail)
    })
}

const fn of_file(refusal: &FileRefusal) -> (StatusCode, &'static str) {
    match refusal {
        FileRefusal::Empty => (StatusCode::UNPROCESSABLE_ENTITY, "empty_file"),
        FileRefusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        FileRefusal::TooMany(_) => (StatusCode::CONFLICT, "too_many_attachments"),
        FileRefusal::NotAllowed(_) | FileRefusal::Mismatch { .. } => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
        }
        FileRefusal::BrokenOff => (StatusCode::BAD_REQUEST, "malformed_form"),
    }
}

impl From<TicketDeskError> for Problem {
    fn from(error: TicketDeskError) -> Self {
        let words = error.to_string();
        match error {
            TicketDeskError::NotFound(what) => Self::not_found(what),
            TicketDeskError::Refused(DeedRefusal::NoMove { from, .. }) => {
                Self::conflict("status_not_allowed", from.as_str(), words)
            }
            TicketDeskError::Refused(DeedRefusal::Over(status)) => {
                Self::conflict("status_not_allowed", status.as_str(), words)
            }
            TicketDeskError::Refused(refusal) => {
                let code = match refusal {
                    DeedRefusal::Merged => "ticket_merged",
                    DeedRefusal::HighestLevel => "highest_level",
                    _ => "merge_not_allowed",
                };
                Self::new(StatusCode::CONFLICT, code, words)
            }
            TicketDeskError::Stale(version) => {
                let detail = format!(
                    "the ticket is at version {version}: read it again, and look what was changed"
                );
                Self::new(StatusCode::PRECONDITION_FAILED, "changed_meanwhile", detail)
            }
            TicketDeskError::Forbidden(why) => Self::new(StatusCode::FORBIDDEN, "staff_only", why),
            TicketDeskError::UnknownStaff => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_staff", words)
            }
            TicketDeskError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                words,
            ),
            TicketDeskError::InactiveCategory => {
                Self::new(StatusCode::CONFLICT, "inactive_category", words)
            }
            TicketDeskError::File(refusal) => {
                let (status, code) = of_file(&refusal);
                Self::new(status, code, words)
            }
            TicketDeskError::Overloaded => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", words)
                    .with(RETRY_AFTER, "1")
            }
            TicketDeskError::NoStore(why) => {
                tracing::error!(why, "the store of attachments does not do what it should");
                let detail =
                    "the store of attachments does not answer; nothing was changed, try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
                    .with(RETRY_AFTER, "5")
            }
            TicketDeskError::Busy(why) | TicketDeskError::Unavailable(why) => {
                tracing::warn!(why, "a request to the support desk could not be answered");
                Self::unavailable()
            }
            TicketDeskError::Failed(why) => {
                tracing::error!(why, "a request to the support desk could not be answered");
                Self::internal()
            }
        }
    }
}
