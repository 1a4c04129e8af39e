//! `POST /v1/notifications` and `/v1/notifications/batch`: what is accepted is committed.

mod asked;
mod batch;
mod key;
mod refused;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use self::asked::AskedBatch;
pub(super) use self::asked::{
    AskedContent, AskedInbox, AskedNotification, AskedSource, AskedTemplate,
};
use self::batch::{BatchAnswer, accept_batch};
pub(super) use self::key::{described as described_key, idempotency_key};
pub(super) use self::refused::{errors_of, not_accepted, not_accepted_at, refused};
use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, Status};
use crate::ops::control::{AcceptOrder, AcceptedNotification, Desks, SaidBeside};

/// The header that says that nothing new was accepted.
pub(super) const REPLAYED: &str = "idempotent-replayed";
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";
const TRACEPARENT: &str = "traceparent";

/// A notification that is accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AcceptedNotification)]
struct ShownAccepted {
    /// Names it in paths; of a repetition that of the first.
    id: Uuid,
    /// How it stood when it was accepted.
    #[schema(example = "pending")]
    status: &'static str,
}

impl From<AcceptedNotification> for ShownAccepted {
    fn from(accepted: AcceptedNotification) -> Self {
        let (id, status) = (accepted.id, Status::Pending.as_str());
        Self { id, status }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::Write;
    use ApiResource::Notifications;
    let key = "makes a repetition of the call safe: the same as the field `idempotency_key`";
    vec![
        Endpoint::post("/v1/notifications", accept)
            .named("acceptNotification", "Accepts a notification")
            .details(
                "It is stored when this answers, and sent as if it had come by AMQP. The same key with the same \
                 content answers with the first one's id and `Idempotent-Replayed: true`.",
            )
            .scope(Notifications, Write)
            .header("Idempotency-Key", key, described_key())
            .body::<AskedNotification>()
            .answers::<ShownAccepted>(202, "it is accepted; `Location` is its path")
            .problem(409, "key_in_progress")
            .problem(400, "idempotency_key_differs")
            .problem(422, "idempotency_key_reused")
            .problem(422, "unknown_user")
            .problem(422, "unknown_template")
            .problem(422, "unknown_provider")
            .problem(422, "recipient_conflict")
            .problem(422, "bad_address")
            .problem(503, "overloaded"),
        Endpoint::post("/v1/notifications/batch", accept_batch)
            .named("acceptNotifications", "Accepts up to 1,000 notifications")
            .details("Each is accepted or refused on its own. A batch costs its items.")
            .scope(Notifications, Write)
            .body::<AskedBatch>()
            .answers::<BatchAnswer>(207, "what became of each, in their order")
            .problem(503, "overloaded"),
    ]
}

/// Accepts one.
async fn accept(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let desk = &desks.accept;
    let key = idempotency_key(&request)?;
    let most = desk.max_body_bytes();
    let _room = desk
        .room(who.caller.key_id, body::expected(&request, most))
        .map_err(not_accepted)?;
    let sent = body::bytes(&request, payload, most).await?;
    let beside = SaidBeside {
        idempotency_key: key.as_deref(),
        ..beside(&who, &request)
    };
    let order = desk.read(&sent, &beside);
    let order = order.map_err(|refusal| refused(&refusal, ""))?;
    is_own(&who, &order)?;
    let answer = desk.accept(vec![order]).await.pop();
    let accepted = answer
        .ok_or_else(Problem::internal)?
        .map_err(not_accepted)?;
    let mut response = HttpResponse::Accepted();
    response.insert_header((LOCATION, format!("/v1/notifications/{}", accepted.id)));
    if accepted.is_replayed {
        response.insert_header((REPLAYED, "true"));
    }
    if let Some(said) = request.headers().get(IDEMPOTENCY_KEY) {
        response.insert_header((IDEMPOTENCY_KEY, said));
    }
    Ok(response.json(ShownAccepted::from(accepted)))
}

/// What is said beside a body, but for a key.
pub(super) fn beside<'a>(who: &Authority, request: &'a HttpRequest) -> SaidBeside<'a> {
    let traceparent = request.headers().get(TRACEPARENT);
    SaidBeside {
        tenant_id: who.own_tenant(),
        idempotency_key: None,
        traceparent: traceparent.and_then(|it| it.to_str().ok()),
        request_id: who.request_id,
    }
}

/// Other tenants do not exist for a key that belongs to one, nor for an operator who names one.
pub(super) fn is_own(who: &Authority, order: &AcceptOrder) -> Result<(), Problem> {
    match who.tenant_id {
        Some(own) if own != order.envelope.tenant_id => Err(Problem::not_found("tenant")),
        _ => Ok(()),
    }
}
