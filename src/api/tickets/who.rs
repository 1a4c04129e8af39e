//! Who asks the desk, which ticket they name, and what its errors are by HTTP.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::IF_MATCH;
use uuid::Uuid;

use crate::api::authority::KeyOrPerson;
use crate::api::problem::Problem;
use crate::domain::DEFAULT_TENANT;
use crate::tickets::desk::{OrderedDeed, TicketChange, TicketDesk, TicketDeskError};
use crate::tickets::domain::{TicketName, TicketViewer};
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
            deed,
        }
    }
}

/// A ticket by its id or its number; what is neither is no ticket.
pub(super) fn named(text: &str) -> Result<TicketName, Problem> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(TicketName::Number(number));
    }
    let id = Uuid::parse_str(text).map_err(|_| Problem::not_found("ticket"))?;
    Ok(TicketName::Id(id))
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
            TicketDeskError::InactiveCategory => {
                Self::new(StatusCode::CONFLICT, "inactive_category", words)
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
