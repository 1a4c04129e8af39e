//! `/v1/provider-events`: what providers told, and which of it is about no notification.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::endpoint::Endpoint;
use super::page::Query;
use super::parameters::{LONGEST, flag, one_of, plain, word, words};
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, ProviderEvent};
use crate::ops::control::{Desks, ProviderEventFilter, StoredProviderEvent};

/// An event that a provider told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderEvent)]
struct ShownProviderEvent {
    /// Names it in pages.
    id: Uuid,
    /// Whose notification it is about; null where none is known.
    tenant_id: Option<Uuid>,
    /// The notification; null where none is known.
    notification_id: Option<Uuid>,
    /// By what that is known: `id`, `return_path`, `message_id` or `address`.
    matched_by: Option<String>,
    /// Why it is not about the notification that it names: `other_account` (the teller never had it) or `other_address`.
    misnamed: Option<String>,
    /// The account.
    provider: String,
    /// What happened.
    event: String,
    /// The provider's id of the event, or the hash of its bytes.
    event_id: String,
    /// The provider's id of the message.
    provider_message_id: Option<String>,
    /// The provider's code.
    code: Option<String>,
    /// The provider's words.
    detail: Option<String>,
    /// The person's address.
    address: Option<String>,
    /// As it came; what is large is cut.
    #[schema(value_type = Option<Object>)]
    raw: Option<Box<RawValue>>,
    /// When it happened, as the provider says.
    at: Timestamp,
    /// When it came.
    received_at: Timestamp,
}

impl From<StoredProviderEvent> for ShownProviderEvent {
    fn from(event: StoredProviderEvent) -> Self {
        Self {
            id: event.id,
            tenant_id: event.tenant_id,
            notification_id: event.notification_id,
            matched_by: event.matched_by,
            misnamed: event.misnamed,
            provider: event.provider,
            event: event.event,
            event_id: event.event_id,
            provider_message_id: event.provider_message_id,
            code: event.code,
            detail: event.detail,
            address: event.address,
            raw: event.raw.and_then(|raw| RawValue::from_string(raw).ok()),
            at: event.at,
            received_at: event.received_at,
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/provider-events", list)
            .named(
                "listProviderEvents",
                "What providers told, the newest first",
            )
            .details("Also what is about no notification, or cannot be read.")
            .operator(ApiResource::ProviderEvents, ApiAction::Read)
            .query("provider", "only of this account", words(LONGEST))
            .query("event", "only of this kind", one_of(ProviderEvent::ALL))
            .query(
                "matched",
                "only what is about a notification: `true`; only what is not: `false`",
                one_of(&["true", "false"]),
            )
            .page::<ShownProviderEvent>("events"),
    ]
}

async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let filter = ProviderEventFilter {
        provider: query.text("provider", plain),
        event: query.text("event", word::<ProviderEvent>),
        is_matched: query.text("matched", flag),
    };
    let page = query.page("provider-events", who.tenant_id);
    let page = query.finish(page)?;
    let look = desks.hooks.page(filter, page.after, page.limit + 1).await?;
    let events = look.found.into_iter();
    let events: Vec<_> = events
        .map(|it| (it.id, ShownProviderEvent::from(it)))
        .collect();
    let answer = if events.len() > page.limit {
        page.answer(events)
    } else {
        let shown = events.into_iter().map(|(_, event)| event).collect();
        page.answer_to(shown, look.stopped_at.as_ref())
    };
    Ok(HttpResponse::Ok().json(answer))
}
