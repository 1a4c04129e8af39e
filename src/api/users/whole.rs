//! A person as a whole: many at once, all that is stored about one, and erasing one.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use futures_util::stream;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::asked::{NewPerson, order};
use super::of;
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::fields::SentFields;
use crate::api::problem::{Problem, ShownProblem};
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{DeskError, Desks};
use crate::runtime::clock;
use crate::tickets::desk::TicketDesk;

/// Most people at once.
const MOST: usize = 1_000;
/// Largest body: a kilobyte or four for each.
const MOST_BYTES: usize = 4 * 1_024 * 1_024;
/// How long many are written in one call; what is left then is to be sent again.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

/// People to be made or replaced.
#[derive(ToSchema)]
#[schema(as = NewUsers)]
#[expect(dead_code, reason = "it describes what `bulk` reads")]
struct AskedPeople {
    /// One with an `id` is made or replaced, as by PUT; one without is made.
    #[schema(min_items = 1, max_items = 1000)]
    users: Vec<NewPerson>,
}

/// What became of each, in the same order.
#[derive(Serialize, ToSchema)]
#[schema(as = UserResults)]
struct ShownResults {
    /// One for each.
    results: Vec<ShownResult>,
}

/// What became of one.
#[derive(Serialize, ToSchema)]
#[schema(as = UserResult)]
struct ShownResult {
    /// The person, if they are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    id: Option<Uuid>,
    /// 201 for one who is new, 200 for one who was there, else the problem's.
    status: u16,
    /// Why they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    problem: Option<ShownProblem>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Users;
    vec![
        Endpoint::post("/v1/users/bulk", bulk)
            .named("putUsers", "Makes or replaces up to 1,000 people")
            .details("A bad one stops no other. It costs as many requests as there are people. What could not be tried is 503: send it again.")
            .scope(Users, Write)
            .body::<AskedPeople>()
            .answers::<ShownResults>(207, "what became of each, in the same order"),
        Endpoint::get("/v1/users/{id}/export", export)
            .named("exportUser", "All that is stored about a person")
            .details(
                "Their profile, preferences, devices, suppressions of their addresses, notifications with \
                 timelines, dead letters, provider events, webhook deliveries and what the audit trail knows.",
            )
            .scope(Users, Read)
            .answers_other(200, "one JSON object, sent as it is read", Some("application/json")),
        Endpoint::delete("/v1/users/{id}", erase)
            .named("eraseUser", "Erases a person")
            .details(
                "Every row of theirs, and what the support desk has of them. What waits is not sent, and after the answer nothing is sent to them, on no \
                 node. A late message does not bring them back.",
            )
            .scope(Users, Write)
            .answers_other(204, "they are gone", None),
    ]
}

/// Makes or replaces many.
async fn bulk(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let people = sent.list("users", 1..=MOST);
    let people = sent.required("users", people);
    let people = sent.finish(people)?;
    who.pay(&request, &desks, people.len().saturating_sub(1))
        .await?;
    let (mut results, until) = (vec![], clock::instant() + WRITTEN_WITHIN);
    let mut people = people.into_iter();
    for person in people.by_ref() {
        let written = match clock::instant() < until {
            true => written(&who, &desks, person).await,
            false => Err(Problem::unavailable()),
        };
        let broke_off = matches!(&written, Err(problem) if problem.status_code().is_server_error());
        match written {
            Err(problem) if broke_off && results.is_empty() => return Err(problem),
            written => results.push(ShownResult::from(written)),
        }
        if broke_off {
            break;
        }
    }
    // The rest would fail as well, each after a wait of its own.
    let rest = people.map(|_| ShownResult::from(Err(Problem::unavailable())));
    results.extend(rest);
    Ok(HttpResponse::MultiStatus().json(ShownResults { results }))
}

impl From<Result<(Uuid, bool), Problem>> for ShownResult {
    fn from(written: Result<(Uuid, bool), Problem>) -> Self {
        match written {
            Ok((id, is_new)) => Self {
                id: Some(id),
                status: if is_new { 201 } else { 200 },
                problem: None,
            },
            Err(problem) => Self {
                id: None,
                status: problem.status_code().as_u16(),
                problem: Some(problem.shown()),
            },
        }
    }
}

async fn written(who: &Authority, desks: &Desks, sent: Value) -> Result<(Uuid, bool), Problem> {
    let Value::Object(object) = sent else {
        return Err(body::malformed("not a JSON object"));
    };
    let mut sent = SentFields::of(object);
    let may_replace = sent.has("id");
    let order = order(&mut sent, who, None);
    let mut order = sent.finish(order)?;
    order.may_replace = may_replace;
    let (person, is_new) = desks.people.put(order, who.by()).await?;
    Ok((person.id, is_new))
}

/// All that is stored about a person.
async fn export(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let parts = desks.people.export(of(&who, &id)?).await?;
    let body = stream::unfold(parts, async |mut parts| {
        let part = parts.recv().await?;
        if let Err(error) = &part {
            tracing::warn!(%error, "an export broke off");
        }
        let part = part.map(Bytes::from);
        Some((part, parts))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(Box::pin(body)))
}

/// Erases a person.
async fn erase(
    who: Authority,
    desks: Data<Desks>,
    tickets: Data<TicketDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &id)?;
    // The engine first: it tells them nothing more. The support desk may know people whom the engine does not.
    let erased = desks.people.erase(of, who.by()).await;
    let was_known = match erased {
        Ok(()) => true,
        Err(DeskError::NotFound(_)) => false,
        Err(error) => return Err(error.into()),
    };
    let had_tickets = tickets.erase_person(of.0, of.1).await?;
    match was_known || had_tickets {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Problem::not_found("user")),
    }
}
