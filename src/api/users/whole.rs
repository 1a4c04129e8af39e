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
use crate::ops::control::{DeskError, Desks, PersonOrder, PersonPut};
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
    let until = clock::instant() + WRITTEN_WITHIN;
    let read = people.into_iter().map(|person| asked(&who, person));
    let read: Vec<Result<PersonOrder, Problem>> = read.collect();
    let orders = read.iter().flatten().cloned().collect();
    let written = desks.people.put_many(orders, who.by(), until).await;
    let results = merged(read, written)?;
    Ok(HttpResponse::MultiStatus().json(ShownResults { results }))
}

/// What became of each, in the order in which they were sent. Behind one that could not be tried the rest was not, either.
fn merged(
    read: Vec<Result<PersonOrder, Problem>>,
    written: Vec<PersonPut>,
) -> Result<Vec<ShownResult>, Problem> {
    let (mut results, mut written) = (vec![], written.into_iter());
    let mut is_over = false;
    for order in read {
        let became = match order {
            _ if is_over => Err(Problem::unavailable()),
            Err(problem) => Err(problem),
            Ok(_) => match written.next() {
                Some(written) => written.map_err(Problem::from),
                None => Err(Problem::unavailable()),
            },
        };
        let breaks_off = matches!(&became, Err(problem) if problem.status_code().is_server_error());
        match became {
            Err(problem) if breaks_off && results.is_empty() => return Err(problem),
            became => results.push(ShownResult::from(became)),
        }
        is_over |= breaks_off;
    }
    Ok(results)
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

fn asked(who: &Authority, sent: Value) -> Result<PersonOrder, Problem> {
    let Value::Object(object) = sent else {
        return Err(body::malformed("not a JSON object"));
    };
    let mut sent = SentFields::of(object);
    let may_replace = sent.has("id");
    let order = order(&mut sent, who, None);
    let mut order = sent.finish(order)?;
    order.may_replace = may_replace;
    Ok(order)
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
    // What came from their address, first of all: only the engine knows it, and only as long as it knows them.
    match desks.people.get(of).await {
        Ok(person) => {
            if let Some(address) = person.fields.email {
                let whose = Some(person.tenant_id);
                tickets.erase_sender(whose, address).await?;
            }
        }
        Err(DeskError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    // Then the engine: it tells them nothing more. The support desk may know people whom the engine does not.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DEFAULT_TENANT;
    use crate::ops::control::RecipientFields;

    fn order() -> Result<PersonOrder, Problem> {
        Ok(PersonOrder {
            id: Uuid::nil(),
            tenant_id: DEFAULT_TENANT,
            asked_tenant: None,
            fields: RecipientFields::default(),
            devices: vec![],
            may_replace: false,
        })
    }

    fn statuses(read: Vec<Result<PersonOrder, Problem>>, written: Vec<PersonPut>) -> Vec<u16> {
        let results = merged(read, written).unwrap();
        results.iter().map(|it| it.status).collect()
    }

    #[test]
    fn each_is_answered_in_its_place_and_the_rest_is_503_once_one_could_not_be_tried() {
        let bad = || Err(body::malformed("not a JSON object"));
        let (new, there) = (|| Ok((Uuid::nil(), true)), || Ok((Uuid::nil(), false)));
        let read = vec![bad(), order(), bad(), order()];
        assert_eq!(statuses(read, vec![new(), there()]), [400, 201, 400, 200]);
        let busy = || Err(DeskError::Unavailable("away".to_owned()));
        let read = vec![order(), order(), bad(), order()];
        assert_eq!(statuses(read, vec![new(), busy()]), [201, 503, 503, 503]);
        let read = vec![order(), order(), order()];
        assert_eq!(statuses(read, vec![new()]), [201, 503, 503], "time was up");
        assert!(merged(vec![order()], vec![busy()]).is_err());
        assert!(merged(vec![order()], vec![]).is_err());
    }
}
