//! A batch: each item is read, accepted or refused on its own.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, block};
use actix_web::{HttpRequest, HttpResponse};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::refused::{not_accepted, not_accepted_at, refused};
use super::{IDEMPOTENCY_KEY, ShownAccepted, beside, is_own};
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::problem::{FieldError, Problem, ShownProblem};
use crate::ops::control::{AcceptOrder, Desks, Refusal, SaidBeside};

/// Most items.
const MOST: usize = 1_000;
/// Largest body.
const MOST_BYTES: usize = 16 * 1_024 * 1_024;

/// What became of each, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    /// What became of each.
    results: Vec<BatchResult>,
}

/// What became of one: its id and status, or a problem.
#[derive(Debug, Serialize, ToSchema)]
struct BatchResult {
    /// Names it in paths; of a repetition that of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// How it stood when it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "pending")]
    status: Option<&'static str>,
    /// Whether an earlier one with its key and content was accepted, and this is not another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    /// Why it is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ShownProblem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentBatch<'a> {
    #[serde(borrow)]
    notifications: SentItems<'a>,
}

/// The items, of which no more are kept than a batch may have, and how many there are.
struct SentItems<'a> {
    first: Vec<&'a RawValue>,
    count: usize,
}

/// Accepts many.
pub(super) async fn accept_batch(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    if request.headers().contains_key(IDEMPOTENCY_KEY) {
        let detail =
            "a batch has no `Idempotency-Key`: give each notification its `idempotency_key`";
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_header",
            detail,
        ));
    }
    let desk = &desks.accept;
    let _room = desk
        .room(who.caller.key_id, body::expected(&request, MOST_BYTES))
        .map_err(not_accepted)?;
    let sent = body::bytes(&request, payload, MOST_BYTES).await?;
    let (mut orders, mut problems) = (vec![], vec![]);
    let items = read(&who, &request, &desks, sent).await?;
    who.pay(&request, &desks, items.len().saturating_sub(1))
        .await?;
    for (at, order) in items.into_iter().enumerate() {
        let order = order.map_err(|refusal| refused(&refusal, &place(at)));
        match order.and_then(|order| is_own(&who, &order).map(|()| order)) {
            Ok(order) => orders.push((at, order)),
            Err(problem) => problems.push((at, BatchResult::from(problem))),
        }
    }
    let (places, orders): (Vec<usize>, Vec<AcceptOrder>) = orders.into_iter().unzip();
    let answers = desk.accept(orders).await;
    let answers = places.into_iter().zip(answers).map(|(at, answer)| {
        let result = match answer {
            Ok(accepted) => BatchResult::accepted(accepted.into(), accepted.is_replayed),
            Err(why) => not_accepted_at(why, &place(at)).into(),
        };
        (at, result)
    });
    problems.extend(answers);
    problems.sort_unstable_by_key(|(at, _)| *at);
    let results = problems.into_iter().map(|(_, result)| result).collect();
    Ok(HttpResponse::MultiStatus().json(BatchAnswer { results }))
}

/// Reads all items, on a thread that may take its time over them: the one that answers serves others meanwhile.
async fn read(
    who: &Authority,
    request: &HttpRequest,
    desks: &Data<Desks>,
    sent: Vec<u8>,
) -> Result<Vec<Result<AcceptOrder, Refusal>>, Problem> {
    let beside = beside(who, request);
    let (tenant_id, trace) = (beside.tenant_id, beside.traceparent.map(str::to_owned));
    let request_id = beside.request_id;
    let desks = Data::clone(desks);
    let reading = block(move || {
        let beside = SaidBeside {
            tenant_id,
            idempotency_key: None,
            traceparent: trace.as_deref(),
            request_id,
        };
        let items = items(&sent)?.into_iter();
        let orders = items.map(|item| desks.accept.read(item.get().as_bytes(), &beside));
        Ok(orders.collect())
    });
    reading.await.map_err(|_| Problem::internal())?
}

fn place(at: usize) -> String {
    format!("/notifications/{at}")
}

fn items(sent: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let text = body::text(sent)?;
    let batch: SentBatch<'_> = serde_json::from_str(text).map_err(|error| {
        match error.is_data() && serde_json::from_str::<&RawValue>(text).is_ok() {
            true => wrong(
                "invalid",
                "a batch is `{ \"notifications\": [...] }`, and nothing else",
            ),
            false => body::malformed(error.to_string()),
        }
    })?;
    match batch.notifications.count {
        1..=MOST => Ok(batch.notifications.first),
        many => {
            let words = format!("a batch has 1 to {MOST} notifications, and this has {many}");
            Err(wrong("invalid", &words))
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for SentItems<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = SentItems<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of notifications")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut sent = SentItems {
            first: vec![],
            count: 0,
        };
        while sent.count < MOST
            && let Some(item) = items.next_element()?
        {
            sent.first.push(item);
            sent.count += 1;
        }
        while items.next_element::<IgnoredAny>()?.is_some() {
            sent.count += 1;
        }
        Ok(sent)
    }
}

fn wrong(code: &'static str, detail: &str) -> Problem {
    let error = FieldError {
        pointer: "#/notifications".to_owned(),
        code,
        detail: detail.to_owned(),
    };
    Problem::invalid("invalid_body", vec![error])
}

impl BatchResult {
    fn accepted(accepted: ShownAccepted, is_replayed: bool) -> Self {
        Self {
            id: Some(accepted.id),
            status: Some(accepted.status),
            replayed: is_replayed.then_some(true),
            problem: None,
        }
    }
}

impl From<Problem> for BatchResult {
    fn from(problem: Problem) -> Self {
        Self {
            id: None,
            status: None,
            replayed: None,
            problem: Some(problem.shown()),
        }
    }
}
