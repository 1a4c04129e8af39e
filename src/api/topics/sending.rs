//! `POST /v1/topics/{name}/notifications`: one notification for everybody who subscribes, as a job.

use std::collections::HashSet;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::named;
use crate::api::accept::{
    AskedContent, AskedInbox, AskedSource, AskedTemplate, IDEMPOTENCY_KEY, REPLAYED, beside,
    described_key, errors_of, idempotency_key, is_own, not_accepted, refused,
};
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::fields::SentFields;
use crate::api::jobs::ShownJob;
use crate::api::problem::{FieldError, Problem};
use crate::domain::fan_out::{FASTEST, MOST_EXCLUDED, MOST_TOPICS};
use crate::domain::limits::IDEMPOTENCY_KEY_CHARS;
use crate::domain::{ApiAction, ApiResource, Channel, Priority, Rejection, topic};
use crate::ops::control::{
    AcceptOrder, Desks, FanOutAsked, FanOutDeskError, FanOutMeant, Refusal, TWO_KEYS,
};

/// Room in the body for what says whom it is for, in bytes.
const WHOM_BYTES: usize = 128 * 1_024;
/// Longest condition, in characters.
const CONDITION_CHARS: usize = 2_000;

/// A notification for everybody who subscribes: the envelope without a person, and whom it is for.
#[derive(ToSchema)]
#[schema(as = NewFanOut, example = json!({
    "version": 1,
    "channel": "in_app",
    "category": "news",
    "content": { "title": "Version 2 is here", "body": "See what is new." },
    "where": "plan == 'pro'"
}))]
#[expect(dead_code, reason = "it describes what `send` reads")]
struct AskedFanOut {
    /// The version of the envelope: 1.
    #[schema(minimum = 1, maximum = 1, example = 1)]
    version: u64,
    /// The tenant; that of the key when it is absent.
    tenant_id: Option<Uuid>,
    /// How it is sent.
    #[schema(value_type = String, example = "in_app")]
    channel: Channel,
    /// How urgent it is; `low` when it is absent.
    #[schema(value_type = Option<String>, example = "low")]
    priority: Option<Priority>,
    /// What a person may switch off.
    #[schema(max_length = 100, example = "news")]
    category: Option<String>,
    /// What makes a second order a repetition of this one.
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
    /// A stored template with variables.
    template: Option<AskedTemplate>,
    /// Ready text.
    content: Option<AskedContent>,
    /// Not before: at most a year ahead.
    send_at: Option<Timestamp>,
    /// Not after.
    expires_at: Option<Timestamp>,
    /// Retries after the first pass over the route; 5 when it is absent.
    #[schema(maximum = 100)]
    max_retries: Option<u16>,
    /// The one provider that may send it.
    #[schema(max_length = 50)]
    provider: Option<String>,
    /// What it is about, in the publisher's words.
    source: Option<AskedSource>,
    /// The publisher's own data, handed back to webhooks.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// In-app alone: what else the inbox shows.
    inbox: Option<AskedInbox>,
    /// Further topics; who subscribes to several gets it once.
    #[schema(max_items = 19)]
    topics: Option<Vec<String>>,
    /// An expression over a subscriber's attributes that must be true.
    #[schema(max_length = 2000, example = "plan == 'pro'")]
    r#where: Option<String>,
    /// Who gets nothing.
    #[schema(max_items = 1000)]
    exclude: Option<Vec<Uuid>>,
    /// Most people that are told in a second; without it the setting `engine.fan_out_rate`.
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate: Option<u32>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/v1/topics/{name}/notifications", send)
            .named("sendToTopic", "Sends a notification to everybody who subscribes")
            .details(
                "A job: `GET /v1/jobs/{id}` says how far it has come, and it can be paused, resumed and cancelled. Who \
                 subscribes when this answers gets it once, whatever node dies, with their preferences as ever; who \
                 subscribes later gets nothing of it. The same key with the same content answers with the first job and \
                 `Idempotent-Replayed: true`.",
            )
            .scope(ApiResource::Notifications, ApiAction::Write)
            .header(
                "Idempotency-Key",
                "makes a repetition of the call safe: the same as the field `idempotency_key`",
                described_key(),
            )
            .body::<AskedFanOut>()
            .answers::<ShownJob>(202, "the job; `Location` is its path")
            .problem(400, "idempotency_key_differs")
            .problem(422, "idempotency_key_reused")
            .problem(422, "unknown_template")
            .problem(422, "unknown_provider")
            .problem(503, "overloaded"),
    ]
}

/// Orders a fan-out.
async fn send(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let name = named(&name)?;
    let beside_key = idempotency_key(&request)?;
    let most = desks.accept.max_body_bytes() + WHOM_BYTES;
    let _room = desks
        .accept
        .room(who.caller.key_id, body::expected(&request, most))
        .map_err(not_accepted)?;
    let mut sent = body::fields(&request, payload, most).await?;
    let meant = meant(&mut sent, &desks, name);
    let key = key(&mut sent, beside_key)?;
    let order = envelope(&mut sent, &who, &request, &desks)?;
    if let Some(order) = &order {
        is_own(&who, order)?;
    }
    let (meant, order) = sent.finish(meant.zip(order))?;
    let topics = meant.topics.clone();
    let asked = FanOutAsked {
        meant,
        envelope: order.envelope,
        key,
    };
    let ordered = desks.fan_outs.order(asked, who.by()).await;
    let (job, is_replayed) = ordered.map_err(|error| not_ordered(error, &topics))?;
    let mut response = HttpResponse::Accepted();
    response.insert_header((LOCATION, format!("/v1/jobs/{}", job.id)));
    if is_replayed {
        response.insert_header((REPLAYED, "true"));
    }
    if let Some(said) = request.headers().get(IDEMPOTENCY_KEY) {
        response.insert_header((IDEMPOTENCY_KEY, said));
    }
    Ok(response.json(ShownJob::from(&job)))
}

/// Whom it is for. The topic of the path is the first.
fn meant(sent: &mut SentFields, desks: &Desks, name: String) -> Option<FanOutMeant> {
    let others = sent.texts("topics", |text| {
        topic::name(text).map_err(|unfit| unfit.to_string())
    });
    let mut seen = HashSet::from([name.clone()]);
    let mut topics = vec![name];
    topics.extend(
        others
            .into_iter()
            .flatten()
            .filter(|it| seen.insert(it.clone())),
    );
    if topics.len() > MOST_TOPICS {
        sent.wrong(
            &["topics"],
            "too_many",
            format!("at most {MOST_TOPICS} topics"),
        );
    }
    let condition = sent.text("where", |text| {
        if text.chars().count() > CONDITION_CHARS {
            return Err(format!("at most {CONDITION_CHARS} characters"));
        }
        desks.fan_outs.check_condition(text)?;
        Ok(text.to_owned())
    });
    let id = |text: &str| Uuid::parse_str(text).map_err(|_| "a UUID is expected".to_owned());
    let excluded = sent.texts("exclude", id).unwrap_or_default();
    if excluded.len() > MOST_EXCLUDED {
        sent.wrong(&["exclude"], "too_many", format!("at most {MOST_EXCLUDED}"));
    }
    let rate = sent.integer("rate", 1..=i64::from(FASTEST));
    Some(FanOutMeant {
        topics,
        condition,
        excluded,
        rate: rate.and_then(|rate| u32::try_from(rate).ok()),
    })
}

/// The key of the order, which header and field say alike.
fn key(sent: &mut SentFields, beside: Option<String>) -> Result<Option<String>, Problem> {
    let inside = sent.text("idempotency_key", |text| {
        let fits = (1..=IDEMPOTENCY_KEY_CHARS).contains(&text.chars().count());
        match fits && !text.contains('\0') {
            true => Ok(text.to_owned()),
            false => Err(format!("1 to {IDEMPOTENCY_KEY_CHARS} characters")),
        }
    });
    if inside.is_some() && beside.is_some() && inside != beside {
        let words =
            "`idempotency_key` is another one than the header `Idempotency-Key` says: give one";
        return Err(Problem::new(StatusCode::BAD_REQUEST, TWO_KEYS, words));
    }
    Ok(inside.or(beside))
}

/// The rest is the envelope, by the same rules as any other, but that it names nobody.
fn envelope(
    sent: &mut SentFields,
    who: &Authority,
    request: &HttpRequest,
    desks: &Desks,
) -> Result<Option<AcceptOrder>, Problem> {
    let mut rest = sent.rest();
    for field in ["user_id", "recipient", "to"] {
        if rest.remove(field).is_some() {
            let words = "there is no such field: it is for everybody who subscribes";
            sent.wrong(&[field], "unknown_field", words);
        }
    }
    rest.insert("user_id".to_owned(), json!(Uuid::max()));
    let priority = rest.entry("priority").or_insert(Value::Null);
    if priority.is_null() {
        *priority = json!(Priority::Low.as_str());
    }
    let text = Value::Object(rest).to_string();
    match desks.accept.read(text.as_bytes(), &beside(who, request)) {
        Ok(order) => Ok(Some(order)),
        Err(refusal) if refusal.mistakes.is_empty() => Err(refused(&refusal, "")),
        Err(refusal) => {
            sent.note(errors_of(&refusal, ""));
            Ok(None)
        }
    }
}

/// Why it is not ordered.
fn not_ordered(error: FanOutDeskError, topics: &[String]) -> Problem {
    match error {
        FanOutDeskError::Refused(refusal) => refused(&refusal, ""),
        FanOutDeskError::KeyReused => {
            let words = "the key was used for another order";
            refused(&Refusal::new(Rejection::KeyReused, words), "")
        }
        FanOutDeskError::NoTopics(missing) => {
            if topics.first().is_some_and(|name| missing.contains(name)) {
                return Problem::not_found("topic");
            }
            // Behind the path's are those of the body; a name that stood there twice is told where it stood first.
            let further = topics.iter().skip(1).enumerate();
            let further = further.filter(|(_, name)| missing.contains(name));
            let errors = further.map(|(at, _)| FieldError {
                pointer: format!("#/topics/{at}"),
                code: "unknown_topic",
                detail: "there is no such topic".to_owned(),
            });
            Problem::invalid("invalid_body", errors.collect())
        }
        FanOutDeskError::Desk(error) => Problem::from(error),
    }
}
