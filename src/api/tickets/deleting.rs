//! `DELETE /v1/tickets/{id}`: a ticket is taken away, and its history stays for those who look at the trail of changes.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::IF_MATCH;
use super::changes::actor_of;
use super::who::{self, TicketCaller};
use crate::api::authority::KeyOrPerson;
use crate::api::endpoint::Endpoint;
use crate::api::parameters::words;
use crate::api::problem::Problem;
use crate::domain::{ApiAction, ApiResource, OwnResource};
use crate::tickets::desk::{DeskActor, OrderedDeed, TicketChange, TicketDesk};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::delete("/v1/tickets/{id}", delete)
            .named("deleteTicket", "Takes a ticket away")
            .details(
                "For servers, leads and admins. It is found no more and nothing is told of it; its number is not given \
                 again. Its files are removed for good. Its history stays, for keys with `audit-logs:read`.",
            )
            .scope(ApiResource::Tickets, ApiAction::Write)
            .or_self(OwnResource::Tickets, ApiAction::Write)
            .header("If-Match", IF_MATCH, words(64))
            .problem(403, "staff_only")
            .problem(412, "changed_meanwhile")
            .answers_other(204, "it is gone", None),
    ]
}

async fn delete(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let version = who::version(&request)?;
    let by = match &who {
        KeyOrPerson::Key(who) => actor_of(who),
        KeyOrPerson::Person(person) => DeskActor {
            key_id: person.user_id,
            address: person.address,
            request_id: person.request_id,
        },
    };
    let change = TicketChange {
        by: Some(by),
        ..caller.change(who::named(&name)?, None, version, OrderedDeed::Delete)
    };
    desk.change(change).await?;
    Ok(HttpResponse::NoContent().finish())
}
