//! `/v1/webhooks`.

mod asked;
mod shown;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::authority::{Authority, authority};
use super::body;
use super::fields::SentFields;
use super::page::Page;
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, DEFAULT_TENANT};
use crate::ops::control::{
    DeskError, DoneBy, KeyDesk, ReplayWindow, WebhookDesk, WebhookDeskError, WebhookOf,
};
use crate::runtime::clock;
use asked::{AskedWebhook, secret};
use shown::{delivery_in_json, in_json, replay_in_json};

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;
/// Seconds for which both secrets sign, where nobody says how long: a day.
const GRACE: i64 = 86_400;
/// Longest: a week.
const LONGEST_GRACE: i64 = 604_800;

/// The webhooks of a tenant; of all for an operator who names none.
pub(super) async fn list(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
) -> Result<HttpResponse, Problem> {
    let who = reads(&request, &keys).await?;
    let tenant = who.tenant_id.map(|id| id.to_string());
    let list = format!("webhooks {}", tenant.as_deref().unwrap_or("*"));
    let page = Page::asked(&request, &list)?;
    let webhooks = desk.page(who.tenant_id, page.after, page.limit + 1).await?;
    let entries = webhooks.iter().map(|it| (it.id, in_json(it))).collect();
    Ok(HttpResponse::Ok().json(page.answer(&list, entries)))
}

/// One webhook.
pub(super) async fn get(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let who = reads(&request, &keys).await?;
    let webhook = desk.get(of(&who, &id)?).await?;
    Ok(HttpResponse::Ok().json(in_json(&webhook)))
}

/// Makes a webhook, and shows its secret this once.
pub(super) async fn create(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let who = writes(&request, &keys).await?;
    let mut sent = SentFields::of(body::object(&request, payload, MOST_BYTES).await?);
    let asked = AskedWebhook::read(&mut sent, &desk);
    let secret = secret(&mut sent);
    let fields = asked.made(&mut sent);
    let fields = sent.finish(fields)?;
    let secret = secret.unwrap_or_else(WebhookDesk::secret);
    let tenant_id = who.tenant_id.unwrap_or(DEFAULT_TENANT);
    let id = desk
        .make(tenant_id, fields, secret.clone(), by(&who))
        .await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/webhooks/{id}")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "id": id, "secret": secret.expose() })))
}

/// Changes what is said of a webhook; the rest stays.
pub(super) async fn change(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let who = writes(&request, &keys).await?;
    let of = of(&who, &id)?;
    let mut sent = SentFields::of(body::object(&request, payload, MOST_BYTES).await?);
    let asked = AskedWebhook::read(&mut sent, &desk);
    let asked = sent.finish(Some(asked))?;
    let change = move |fields| asked.upon(fields);
    let webhook = desk.change(of, change, by(&who)).await?;
    Ok(HttpResponse::Ok().json(in_json(&webhook)))
}

/// Removes a webhook.
pub(super) async fn delete(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let who = writes(&request, &keys).await?;
    desk.delete(of(&who, &id)?, by(&who)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What a webhook was told, the newest first, with what it answered.
pub(super) async fn deliveries(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let who = reads(&request, &keys).await?;
    let of = of(&who, &id)?;
    let list = format!("webhook-deliveries {}", of.1);
    let page = Page::asked(&request, &list)?;
    let found = desk
        .deliveries(of, None, page.after, page.limit + 1)
        .await?;
    let entries = found
        .iter()
        .map(|it| (it.id, delivery_in_json(it)))
        .collect();
    Ok(HttpResponse::Ok().json(page.answer(&list, entries)))
}

/// Sends something to try it.
pub(super) async fn test(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let who = writes(&request, &keys).await?;
    let told = desk.test(of(&who, &id)?).await?;
    Ok(HttpResponse::Accepted().json(json!({ "id": told })))
}

/// Gives a webhook another secret, and shows it this once.
pub(super) async fn rotate(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let who = writes(&request, &keys).await?;
    let of = of(&who, &id)?;
    let mut sent = SentFields::of(body::object_or_none(&request, payload, MOST_BYTES).await?);
    let grace = sent.integer("grace_seconds", 0..=LONGEST_GRACE);
    let secret = secret(&mut sent);
    let grace = sent.finish(Some(grace.unwrap_or(GRACE)))?;
    let secret = secret.unwrap_or_else(WebhookDesk::secret);
    let grace = Duration::from_secs(grace.unsigned_abs());
    let until = desk.rotate(of, secret.clone(), grace, by(&who)).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "id": of.1,
            "secret": secret.expose(),
            "previous_secret_until": until.to_string(),
        })))
}

/// Tells a webhook again what it was told in a span of time, or says how much that would be.
pub(super) async fn replay(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let who = writes(&request, &keys).await?;
    let of = of(&who, &id)?;
    let mut sent = SentFields::of(body::object(&request, payload, MOST_BYTES).await?);
    let since = moment(&mut sent, "since");
    let since = sent.required("since", since);
    let now = clock::now();
    let until = moment(&mut sent, "until").unwrap_or(now).min(now);
    if since.is_some_and(|since| since >= until) {
        sent.wrong(
            &["since"],
            "invalid",
            "a time before `until`, and before now",
        );
    }
    let everything = sent.flag("everything").unwrap_or(false);
    let only_counts = sent.flag("dry_run").unwrap_or(false);
    let window = since.map(|since| ReplayWindow {
        since,
        until,
        everything,
    });
    let window = sent.finish(window)?;
    let replay = desk.replay(of, window, only_counts, by(&who)).await?;
    let Some(job) = replay.id else {
        return Ok(HttpResponse::Ok().json(json!({ "planned": replay.planned })));
    };
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, format!("/v1/webhooks/{}/replay/{job}", of.1)))
        .json(json!({ "id": job, "planned": replay.planned })))
}

/// How far a replay has come.
pub(super) async fn progress(
    request: HttpRequest,
    desk: Data<WebhookDesk>,
    keys: Data<KeyDesk>,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let who = reads(&request, &keys).await?;
    let (id, replay) = ids.into_inner();
    let of = of(&who, &id)?;
    let replay = Uuid::parse_str(&replay).map_err(|_| Problem::not_found("replay"))?;
    let replay = desk.progress(of, replay).await?;
    Ok(HttpResponse::Ok().json(replay_in_json(&replay)))
}

async fn reads(request: &HttpRequest, keys: &KeyDesk) -> Result<Authority, Problem> {
    authority(request, keys, ApiResource::Webhooks, ApiAction::Read).await
}

async fn writes(request: &HttpRequest, keys: &KeyDesk) -> Result<Authority, Problem> {
    authority(request, keys, ApiResource::Webhooks, ApiAction::Write).await
}

fn by(who: &Authority) -> DoneBy {
    DoneBy::key(who.caller.key_id, who.address)
}

/// What is no UUID is no webhook.
fn of(who: &Authority, id: &str) -> Result<WebhookOf, Problem> {
    let id = Uuid::parse_str(id).map_err(|_| Problem::not_found("webhook"))?;
    Ok((who.tenant_id, id))
}

fn moment(sent: &mut SentFields, name: &str) -> Option<Timestamp> {
    sent.text(name, |text| {
        let why = "a time, as 2027-03-01T12:00:00Z is";
        text.parse().map_err(|_| why.to_owned())
    })
}

impl From<WebhookDeskError> for Problem {
    fn from(error: WebhookDeskError) -> Self {
        let said = error.to_string();
        match error {
            WebhookDeskError::Desk(error) => error.into(),
            WebhookDeskError::Disabled => Self::new(StatusCode::CONFLICT, "webhook_disabled", said),
            WebhookDeskError::NameTaken => Self::new(StatusCode::CONFLICT, "name_taken", said),
            WebhookDeskError::Secret => {
                tracing::error!("a webhook's secret cannot be opened or sealed");
                DeskError::Failed(said).into()
            }
        }
    }
}
