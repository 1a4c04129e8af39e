//! `/v1/events`: what happened in other systems, taken on as CloudEvents.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::accept::{not_accepted, not_accepted_at, refused};
use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::page::Query;
use super::parameters::{plain, words};
use super::problem::{FieldError, Problem, ShownProblem};
use super::runs_cancelled::ShownRunsCancelled;
use super::things;
use super::workflow_runs::ShownRun;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{AcceptedNotification, Desks, EventDraft, StoredDomainEvent};

/// Most events of a batch.
const MOST: usize = 1_000;
/// What CloudEvents call themselves, beside `application/json`.
const MEDIA_TYPES: [&str; 2] = [
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
];
/// Largest body.
const MOST_BYTES: usize = 16 * 1_024 * 1_024;
/// The header that says that nothing new was accepted.
const REPLAYED: &str = "idempotent-replayed";

/// An event (CloudEvents 1.0). Attributes of other names are its extensions.
#[derive(ToSchema)]
#[schema(as = NewEvent)]
#[expect(dead_code, reason = "it describes what the engine decodes")]
struct AskedEvent {
    /// `1.0`.
    #[schema(example = "1.0")]
    specversion: String,
    /// Unique within its source.
    #[schema(max_length = 255, example = "4711")]
    id: String,
    /// Where it happened.
    #[schema(max_length = 255, example = "/helpdesk")]
    source: String,
    /// What happened.
    #[schema(max_length = 255, example = "ticket.replied")]
    r#type: String,
    /// What it is about.
    #[schema(max_length = 255)]
    subject: Option<String>,
    /// When it happened, RFC 3339; now without it.
    time: Option<String>,
    /// `application/json`, if it is there.
    datacontenttype: Option<String>,
    /// The tenant; that of the key without it.
    tenantid: Option<Uuid>,
    /// What it says: at most 256 KiB.
    data: Option<Value>,
}

/// An event that is accepted.
#[derive(Debug, Serialize, ToSchema)]
struct AcceptedEvent {
    /// Names it in paths; of a repetition that of the first.
    id: Uuid,
    /// `accepted`.
    #[schema(example = "accepted")]
    status: &'static str,
}

impl From<AcceptedNotification> for AcceptedEvent {
    fn from(accepted: AcceptedNotification) -> Self {
        Self {
            id: accepted.id,
            status: "accepted",
        }
    }
}

/// What became of each, in their order.
#[derive(Debug, Serialize, ToSchema)]
struct EventBatchAnswer {
    /// What became of each.
    results: Vec<EventResult>,
}

/// What became of one: its id and status, or a problem.
#[derive(Debug, Default, Serialize, ToSchema)]
struct EventResult {
    /// Names it in paths; of a repetition that of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// `accepted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// Whether it was accepted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    /// Why it is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ShownProblem>,
}

/// An event that was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainEvent)]
struct ShownDomainEvent {
    /// Names it in paths.
    id: Uuid,
    /// Whose it is.
    tenant_id: Uuid,
    /// Its id at its source.
    event_id: String,
    /// Where it happened.
    source: String,
    /// What happened.
    r#type: String,
    /// What it is about.
    subject: Option<String>,
    /// When it happened.
    time: Timestamp,
    /// When it was accepted.
    accepted_at: Timestamp,
    /// When it was cancelled, if it was.
    cancelled_at: Option<Timestamp>,
    /// What it says.
    data: Value,
    /// What came of it when it was accepted: a line for each workflow.
    outcome: Value,
}

impl From<StoredDomainEvent> for ShownDomainEvent {
    fn from(kept: StoredDomainEvent) -> Self {
        let event = kept.event;
        Self {
            id: event.id,
            tenant_id: event.tenant_id,
            event_id: event.event_id,
            source: event.source,
            r#type: event.kind,
            subject: event.subject,
            time: event.time,
            accepted_at: kept.accepted_at,
            cancelled_at: kept.cancelled_at,
            data: event.data,
            outcome: kept.outcome,
        }
    }
}

/// An event, and the runs that it started: the newest 200.
#[derive(Debug, Serialize, ToSchema)]
struct EventWithRuns {
    /// The event.
    #[serde(flatten)]
    event: ShownDomainEvent,
    /// Its runs.
    runs: Vec<ShownRun>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Events;
    vec![
        Endpoint::post("/v1/events", accept)
            .named("acceptEvents", "Accepts an event, or a list of up to 1,000")
            .details(
                "CloudEvents 1.0, structured mode: one as an object, several as a list, of which each is accepted or \
                 refused on its own (207). An event is known by `source` and `id`: a repetition answers with the \
                 first one's id and `Idempotent-Replayed: true`. A list costs its items. The media types of CloudEvents \
                 are taken as well: `application/cloudevents+json` and `application/cloudevents-batch+json`.",
            )
            .scope(Events, Write)
            .body::<AskedEvent>()
            .answers::<AcceptedEvent>(202, "it is accepted; `Location` is its path")
            .answers::<EventBatchAnswer>(207, "of a list: what became of each, in their order")
            .problem(422, "idempotency_key_reused")
            .problem(503, "overloaded"),
        Endpoint::get("/v1/events", list)
            .named("listEvents", "The tenant's events, newest first")
            .scope(Events, Read)
            .query("type", "of this type only", words(255))
            .page::<ShownDomainEvent>("events"),
        Endpoint::get("/v1/events/{id}", get)
            .named("getEvent", "An event, and what came of it")
            .scope(Events, Read)
            .answers::<EventWithRuns>(200, "the event with its runs"),
        Endpoint::post("/v1/events/{id}/cancel", cancel)
            .named("cancelEvent", "Ends an event's runs, and leaves it out of digests")
            .details("With what waits of the notifications of these runs, also of those that have ended.")
            .scope(Events, Write)
            .answers::<ShownRunsCancelled>(200, "how much was cancelled"),
    ]
}

/// Accepts one, or a list.
async fn accept(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let room = body::expected(&request, MOST_BYTES);
    let _room = desks
        .accept
        .body_room(who.caller.key_id, room)
        .map_err(not_accepted)?;
    let sent = body::bytes_of(&request, payload, &MEDIA_TYPES, MOST_BYTES).await?;
    if sent.trim_ascii_start().starts_with(b"[") {
        return accept_list(&who, &request, &desks, &sent).await;
    }
    let draft = read(&who, &desks, &sent, "")?;
    let answer = desks.events.accept(vec![draft]).await.pop();
    let accepted = answer
        .ok_or_else(Problem::internal)?
        .map_err(not_accepted)?;
    let mut response = HttpResponse::Accepted();
    response.insert_header((LOCATION, format!("/v1/events/{}", accepted.id)));
    if accepted.is_replayed {
        response.insert_header((REPLAYED, "true"));
    }
    Ok(response.json(AcceptedEvent::from(accepted)))
}

fn read(who: &Authority, desks: &Desks, sent: &[u8], place: &str) -> Result<EventDraft, Problem> {
    let may_name = who.tenant_id.is_none();
    let draft = desks.events.read(sent, (who.own_tenant(), may_name));
    draft.map_err(|refusal| refused(&refusal, place))
}

async fn accept_list(
    who: &Authority,
    request: &HttpRequest,
    desks: &Desks,
    sent: &[u8],
) -> Result<HttpResponse, Problem> {
    let text = body::text(sent)?;
    let items: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|error| body::malformed(error.to_string()))?;
    if !(1..=MOST).contains(&items.len()) {
        let many = items.len();
        let error = FieldError {
            pointer: "#".to_owned(),
            code: "invalid",
            detail: format!("a list has 1 to {MOST} events, and this has {many}"),
        };
        return Err(Problem::invalid("invalid_body", vec![error]));
    }
    who.pay(request, desks, items.len().saturating_sub(1))
        .await?;
    let (mut drafts, mut results) = (vec![], vec![]);
    for (at, item) in items.into_iter().enumerate() {
        match read(who, desks, item.get().as_bytes(), &format!("/{at}")) {
            Ok(draft) => drafts.push((at, draft)),
            Err(problem) => results.push((at, EventResult::from(problem))),
        }
    }
    let (places, drafts): (Vec<usize>, Vec<EventDraft>) = drafts.into_iter().unzip();
    let answers = desks.events.accept(drafts).await;
    for (at, answer) in places.into_iter().zip(answers) {
        results.push((
            at,
            match answer {
                Ok(accepted) => EventResult {
                    id: Some(accepted.id),
                    status: Some("accepted"),
                    replayed: accepted.is_replayed.then_some(true),
                    problem: None,
                },
                Err(why) => not_accepted_at(why, &format!("/{at}")).into(),
            },
        ));
    }
    results.sort_unstable_by_key(|(at, _)| *at);
    let results = results.into_iter().map(|(_, result)| result).collect();
    Ok(HttpResponse::MultiStatus().json(EventBatchAnswer { results }))
}

impl From<Problem> for EventResult {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Some(problem.shown()),
            ..Self::default()
        }
    }
}

/// A tenant's events.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let kind = query.text("type", plain);
    let page = query.page::<Uuid>("events", Some(who.own_tenant()));
    let page = query.finish(page)?;
    let found = desks
        .events
        .page(who.own_tenant(), kind, page.after, page.limit + 1)
        .await?;
    let entries = found
        .into_iter()
        .map(|it| (it.event.id, ShownDomainEvent::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// An event with its runs.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = things::id_of(&id, "event")?;
    let (event, runs) = desks.events.get(who.own_tenant(), id).await?;
    Ok(HttpResponse::Ok().json(EventWithRuns {
        event: event.into(),
        runs: runs.into_iter().map(ShownRun::from).collect(),
    }))
}

/// Cancels an event.
async fn cancel(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = things::id_of(&id, "event")?;
    let counts = desks.events.cancel(who.own_tenant(), id, who.by()).await?;
    Ok(HttpResponse::Ok().json(ShownRunsCancelled::from(counts)))
}
