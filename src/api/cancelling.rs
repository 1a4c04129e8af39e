//! `/v1/notifications`, cancelled.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::parameters::{plain, uuid, word};
use super::problem::Problem;
use super::reading::id_of;
use crate::domain::{ApiAction, ApiResource, CancelCount, CancelState, Channel, limits};
use crate::ops::control::{CancelMeant, Desks, KeyMeant, SourceMeant};

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;

/// What is to be cancelled: exactly one of `source` and `idempotency_key`.
#[derive(Debug, ToSchema)]
#[schema(as = CancelOrder, example = json!({ "idempotency_key": "order-17-shipped" }))]
#[expect(dead_code, reason = "it describes what is read field by field")]
struct CancelOrder {
    /// All about this thing.
    source: Option<CancelSource>,
    /// All that were accepted with this key.
    idempotency_key: Option<String>,
    /// Only to this person.
    user_id: Option<Uuid>,
    /// Only through this channel.
    #[schema(value_type = Option<String>)]
    channel: Option<Channel>,
}

/// A thing that notifications are about.
#[derive(Debug, ToSchema)]
#[schema(as = CancelSource)]
#[expect(dead_code, reason = "it describes what is read field by field")]
struct CancelSource {
    /// What kind of thing.
    r#type: String,
    /// Which one.
    id: String,
}

/// What was cancelled, and where the others stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cancelled)]
struct ShownCancelled {
    /// Cancelled by this call: no provider is asked for them any more.
    cancelled: u64,
    /// Under way, in hand of a node or on the way to the next: ask again.
    in_flight: u64,
    /// Accepted by some of their devices.
    partly_sent: u64,
    /// Sent before.
    sent: u64,
    /// Failed before.
    failed: u64,
    /// Cancelled before.
    already_cancelled: u64,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::Write;
    use ApiResource::Notifications;
    vec![
        Endpoint::post("/v1/notifications/{id}/cancel", cancel)
            .named("cancelNotification", "Cancels a notification that waits")
            .details(
                "200 means that no provider is asked for it any more, by no node. When it is too late, 409 says \
                 where it stands (`state`); `in_flight` may change yet: ask again.",
            )
            .scope(Notifications, Write)
            .problem(409, "too_late")
            .answers::<ShownCancelled>(200, "it is cancelled"),
        Endpoint::post("/v1/notifications/cancel", cancel_many)
            .named(
                "cancelNotifications",
                "Cancels what waits of a source, or of an idempotency key",
            )
            .details(
                "Cancels at most 10,000 at once. 409 when all that is meant stands where it cannot be cancelled any \
                 more; 404, without a later effect, when there is nothing.",
            )
            .scope(Notifications, Write)
            .body::<CancelOrder>()
            .problem(409, "too_late")
            .answers::<ShownCancelled>(200, "how many are cancelled, and where the others stand"),
    ]
}

/// Cancels one.
async fn cancel(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let meant = CancelMeant::One(who.tenant_id, id_of(&id)?);
    let count = desks.cancelling.cancel(meant, who.by()).await?;
    answer(count)
}

/// Cancels what waits of a source, or of a key.
async fn cancel_many(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let is_named = sent.has("source") || sent.has("idempotency_key");
    let source = sent.within("source", |source| {
        let kind = source.text("type", plain);
        let kind = source.required("type", kind);
        let id = source.text("id", plain);
        kind.zip(source.required("id", id))
    });
    let key = sent.text("idempotency_key", |text| match text.chars().count() {
        1..=limits::IDEMPOTENCY_KEY_CHARS => Ok(text.to_owned()),
        _ => Err(format!(
            "write 1 to {} characters",
            limits::IDEMPOTENCY_KEY_CHARS
        )),
    });
    let user_id = sent.text("user_id", uuid);
    let channel = sent.text("channel", word::<Channel>);
    let tenant_id = who.own_tenant();
    let meant = match (source, key) {
        (Some((kind, id)), None) => Some(CancelMeant::Source(SourceMeant {
            tenant_id,
            kind,
            id,
            user_id,
            channel,
        })),
        (None, Some(key)) => Some(CancelMeant::Key(KeyMeant {
            tenant_id,
            key,
            user_id,
            channel,
        })),
        (Some(_), Some(_)) => {
            sent.wrong(
                &["source"],
                "invalid",
                "not together with `idempotency_key`",
            );
            None
        }
        (None, None) if !is_named => sent.required("source", None),
        (None, None) => None,
    };
    let meant = sent.finish(meant)?;
    let count = desks.cancelling.cancel(meant, who.by()).await?;
    answer(count)
}

fn answer(count: CancelCount) -> Result<HttpResponse, Problem> {
    if let Some(state) = count.too_late() {
        return Err(Problem::conflict("too_late", state.as_str(), stands(state)));
    }
    Ok(HttpResponse::Ok().json(ShownCancelled {
        cancelled: count.cancelled,
        in_flight: count.in_flight,
        partly_sent: count.partly_sent,
        sent: count.sent,
        failed: count.failed,
        already_cancelled: count.already_cancelled,
    }))
}

const fn stands(state: CancelState) -> &'static str {
    match state {
        CancelState::Pending | CancelState::InFlight => {
            "it is under way: it may be sent, or wait again; ask again in a moment"
        }
        CancelState::PartlySent => "one of its devices has accepted it",
        CancelState::Sent => "it is sent",
        CancelState::Failed => "it has failed for good",
        CancelState::Cancelled => "it was cancelled before",
    }
}
