//! `/v1/dlq`: dead letters.

mod shown;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use self::shown::{ShownLetter, ShownPlan, ShownReplayed, WholeLetter};
use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::jobs::ShownJob;
use super::page::Query;
use super::parameters::{LONGEST, flag, moment, one_of, plain, time, word, words};
use super::problem::Problem;
use super::things;
use crate::domain::{ApiAction, ApiResource, Channel, Reason, TimePlace};
use crate::ops::control::{Desks, LetterFilter, ReplayFate};
use crate::runtime::clock;

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;
/// Longest note, in characters.
const LONGEST_NOTE: usize = 1_000;
/// Notifications that become due in a second, where nobody says how many; and most.
const RATE: (i64, i64) = (100, 10_000);

/// What a note says.
#[derive(Debug, ToSchema)]
#[schema(as = Resolution)]
#[expect(dead_code, reason = "it describes what is read field by field")]
struct Resolution {
    /// What was found out, at most 1,000 characters.
    #[schema(max_length = 1_000)]
    note: Option<String>,
}

/// A replay of many.
#[derive(Debug, ToSchema)]
#[schema(as = ReplayOrder, example = json!({ "filter": { "channel": "email" }, "rate": 50, "dry_run": true }))]
#[expect(dead_code, reason = "it describes what is read field by field")]
struct ReplayOrder {
    /// Which dead letters; of those that nobody has dealt with.
    filter: Option<ReplayFilter>,
    /// All of them: needed when `filter` names nothing.
    all: Option<bool>,
    /// Notifications that become due in a second: 1 to 10,000, and 100 if absent.
    #[schema(minimum = 1, maximum = 10_000)]
    rate: Option<u32>,
    /// Only says what would become of them.
    dry_run: Option<bool>,
}

/// Which dead letters are meant; what is absent does not narrow them down.
#[derive(Debug, ToSchema)]
#[schema(as = ReplayFilter)]
#[expect(dead_code, reason = "it describes what is read field by field")]
struct ReplayFilter {
    /// That failed for this reason.
    #[schema(value_type = Option<String>)]
    reason: Option<Reason>,
    /// That this account was asked last for.
    provider: Option<String>,
    /// Of this channel.
    #[schema(value_type = Option<String>)]
    channel: Option<Channel>,
    /// That failed at this time or later.
    since: Option<jiff::Timestamp>,
    /// That failed before this time; the time of the order, if absent.
    until: Option<jiff::Timestamp>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::DeadLetters;
    vec![
        list_endpoint(),
        Endpoint::get("/v1/dlq/{id}", get)
            .named("getDeadLetter", "One dead letter, with what happened to its notification")
            .details("By its id, or by its notification's.")
            .scope(DeadLetters, Read)
            .answers::<WholeLetter>(200, "the dead letter"),
        Endpoint::post("/v1/dlq/{id}/replay", replay)
            .named("replayDeadLetter", "Sends its notification on its way again")
            .details("409 says why it is left alone: it has expired, is not wanted any more, or has nobody to go to.")
            .scope(DeadLetters, Write)
            .problem(409, "not_replayed")
            .answers::<ShownReplayed>(200, "it is on its way"),
        Endpoint::post("/v1/dlq/{id}/resolve", resolve)
            .named("resolveDeadLetter", "Marks it as dealt with; nothing is sent")
            .scope(DeadLetters, Write)
            .optional_body::<Resolution>()
            .problem(409, "already_resolved")
            .answers::<WholeLetter>(200, "the dead letter as it is now"),
        Endpoint::post("/v1/dlq/replay", replay_many)
            .named("replayDeadLetters", "Sends many on their way again, as a job")
            .details(
                "With `dry_run` it says how many there are and what would become of them, by the same filter. What has \
                 expired, is not wanted any more, or is delivered already is left alone and counted.",
            )
            .scope(DeadLetters, Write)
            .body::<ReplayOrder>()
            .answers::<ShownPlan>(200, "what would become of them, of a dry run")
            .answers::<ShownJob>(202, "the job"),
    ]
}

fn list_endpoint() -> Endpoint {
    let failures: Vec<Reason> = Reason::failures().collect();
    Endpoint::get("/v1/dlq", list)
        .named("listDeadLetters", "What failed for good, the newest first")
        .scope(ApiResource::DeadLetters, ApiAction::Read)
        .query("reason", "that failed for this reason", one_of(&failures))
        .query(
            "provider",
            "that this account was asked last for",
            words(LONGEST),
        )
        .query("channel", "of this channel", one_of(Channel::ALL))
        .query("since", "that failed at this time or later", time())
        .query("until", "that failed before this time", time())
        .query(
            "resolved",
            "whether somebody has dealt with them",
            bool::schema(),
        )
        .page::<ShownLetter>("dead letters")
}

/// The dead letters of a tenant; of all for an operator who names none.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let filter = LetterFilter {
        id: None,
        tenant_id: who.tenant_id,
        channel: query.text("channel", word::<Channel>),
        reason: query.text("reason", Reason::failure),
        provider: query.text("provider", plain),
        since: query.text("since", moment),
        until: query.text("until", moment),
        resolved: query.text("resolved", flag),
    };
    let page = query.page::<TimePlace>("dlq", who.tenant_id);
    let page = query.finish(page)?;
    let found = desks
        .letters
        .page(filter, page.after, page.limit + 1)
        .await?;
    let entries = found.iter().map(|it| (it.place(), ShownLetter::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// One dead letter.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let letter = desks.letters.get(who.tenant_id, id_of(&id)?).await?;
    Ok(HttpResponse::Ok().json(WholeLetter::from(&letter)))
}

/// Sends one on its way again.
async fn replay(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let fate = desks
        .letters
        .replay(who.tenant_id, id_of(&id)?, who.by())
        .await?;
    match fate {
        ReplayFate::Due(due_at) => Ok(HttpResponse::Ok().json(ShownReplayed { due_at })),
        ReplayFate::Skipped(skip) => Err(Problem::conflict(
            "not_replayed",
            skip.as_str(),
            skip.to_string(),
        )),
    }
}

/// Marks one as dealt with.
async fn resolve(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    let mut sent = body::fields_or_none(&request, payload, MOST_BYTES).await?;
    let note = sent.text("note", |text| match text.chars().count() {
        1..=LONGEST_NOTE if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(format!(
            "write 1 to {LONGEST_NOTE} characters, none of them NUL"
        )),
    });
    let note = sent.finish(Some(note))?;
    let letter = desks
        .letters
        .resolve(who.tenant_id, id, note, who.by())
        .await?;
    Ok(HttpResponse::Ok().json(WholeLetter::from(&letter)))
}

/// Sends many on their way again, or says what would become of them.
async fn replay_many(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let named = sent.within("filter", |filter| {
        Some(LetterFilter {
            reason: filter.text("reason", Reason::failure),
            provider: filter.text("provider", plain),
            channel: filter.text("channel", word::<Channel>),
            since: filter.text("since", moment),
            until: filter.text("until", moment),
            ..LetterFilter::default()
        })
    });
    let named = named.unwrap_or_default();
    let all = sent.flag("all").unwrap_or(false);
    if !all && named == LetterFilter::default() {
        let why = "name what is meant, or write `\"all\": true`";
        sent.wrong(&["filter"], "required", why);
    }
    let rate = sent.integer("rate", 1..=RATE.1).unwrap_or(RATE.0);
    let only_counts = sent.flag("dry_run").unwrap_or(false);
    let now = clock::now();
    let filter = LetterFilter {
        tenant_id: who.tenant_id,
        // What fails from now on is not meant.
        until: Some(named.until.map_or(now, |until| until.min(now))),
        resolved: Some(false),
        ..named
    };
    let filter = sent.finish(Some(filter))?;
    if only_counts {
        let preview = desks.letters.preview(filter).await?;
        return Ok(HttpResponse::Ok().json(ShownPlan::from(preview)));
    }
    let rate = u32::try_from(rate).unwrap_or(1);
    let job = desks.letters.order(filter, rate, who.by()).await?;
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, format!("/v1/jobs/{}", job.id)))
        .json(ShownJob::from(&job)))
}

/// What is no UUID is no dead letter.
fn id_of(id: &str) -> Result<Uuid, Problem> {
    things::id_of(id, "dead letter")
}
