//! `POST /v1/notifications/explain`: what would become of a notification, and by which row or setting.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::accept::{AskedNotification, beside, described_key, idempotency_key, is_own, refused};
use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::problem::Problem;
use super::reading::json;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{Desks, SaidBeside, ShownExplanation};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/v1/notifications/explain", explain)
            .named(
                "explainNotification",
                "What would become of a notification, rule by rule",
            )
            .details(
                "A dry run of accepting it now: each rule in the order in which the engine asks it, with the row or \
                 setting by which it says so and what would change it; the accounts in their order, and why others \
                 are out; what would be sent. Nothing is sent, stored or counted. What would not be accepted is \
                 answered as `POST /v1/notifications` answers it. What operators say of accounts is told to them \
                 alone.",
            )
            .scope(ApiResource::Notifications, ApiAction::Read)
            .header(
                "Idempotency-Key",
                "the same as the field `idempotency_key`: a key that is known says so",
                described_key(),
            )
            .body::<AskedNotification>()
            .answers::<ShownExplanation>(200, "what would become of it")
            .problem(400, "idempotency_key_differs")
            .problem(422, "idempotency_key_reused")
            .problem(422, "unknown_user")
            .problem(422, "unknown_template")
            .problem(422, "unknown_provider")
            .problem(422, "recipient_conflict")
            .problem(422, "bad_address"),
    ]
}

async fn explain(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let key = idempotency_key(&request)?;
    let sent = body::bytes(&request, payload, desks.accept.max_body_bytes()).await?;
    let beside = SaidBeside {
        idempotency_key: key.as_deref(),
        ..beside(&who, &request)
    };
    let order = desks.accept.read(&sent, &beside);
    let order = order.map_err(|refusal| refused(&refusal, ""))?;
    is_own(&who, &order)?;
    let operator = who.caller.tenant_id.is_none();
    let explained = desks.explaining.explain(order, operator).await?;
    json(&explained.map_err(|refusal| refused(&refusal, ""))?)
}
