//! `/v1/webhooks`.

mod asked;
mod shown;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::fields::SentFields;
use super::page::Page;
use super::problem::Problem;
use super::things;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{
    DeskError, Desks, ReplayWindow, WebhookDesk, WebhookDeskError, WebhookOf,
};
use crate::runtime::clock;
use asked::{AskedReplay, AskedRotation, AskedWebhook, ChangedWebhook, NewWebhook, secret};
use shown::{
    MadeWebhook, OrderedReplay, PlannedCount, ShownDelivery, ShownReplay, ShownRotation, ShownTest,
    ShownWebhook,
};

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;
/// Seconds for which both secrets sign, where nobody says how long: a day.
const GRACE: i64 = 86_400;
/// Longest: a week.
const LONGEST_GRACE: i64 = 604_800;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Webhooks;
    vec![
        Endpoint::get("/v1/webhooks", list)
            .named("listWebhooks", "The tenant's webhooks, the newest first")
            .details("All webhooks for an operator who names no tenant.")
            .scope(Webhooks, Read)
            .page::<ShownWebhook>("webhooks, without their secrets"),
        Endpoint::post("/v1/webhooks", create)
            .named(
                "createWebhook",
                "Makes a webhook, and shows its secret this once",
            )
            .scope(Webhooks, Write)
            .body::<NewWebhook>()
            .problem(409, "name_taken")
            .answers::<MadeWebhook>(201, "its id and its secret"),
        Endpoint::get("/v1/webhooks/{id}", get)
            .named("getWebhook", "One webhook")
            .scope(Webhooks, Read)
            .answers::<ShownWebhook>(200, "the webhook, without its secret"),
        Endpoint::patch("/v1/webhooks/{id}", change)
            .named(
                "changeWebhook",
                "Changes what is said of a webhook; the rest stays",
            )
            .scope(Webhooks, Write)
            .body::<ChangedWebhook>()
            .problem(409, "name_taken")
            .answers::<ShownWebhook>(200, "the webhook as it is now"),
        Endpoint::delete("/v1/webhooks/{id}", delete)
            .named("deleteWebhook", "Removes a webhook")
            .scope(Webhooks, Write)
            .answers_other(204, "it is gone", None),
        Endpoint::get("/v1/webhooks/{id}/deliveries", deliveries)
            .named(
                "listWebhookDeliveries",
                "What a webhook was told, the newest first",
            )
            .scope(Webhooks, Read)
            .page::<ShownDelivery>("deliveries, with what the webhook answered"),
        Endpoint::post("/v1/webhooks/{id}/test", test)
            .named("testWebhook", "Sends something to try it")
            .scope(Webhooks, Write)
            .problem(409, "webhook_disabled")
            .answers::<ShownTest>(202, "what is sent"),
        Endpoint::post("/v1/webhooks/{id}/rotate-secret", rotate)
            .named(
                "rotateWebhookSecret",
                "Gives a webhook another secret, and shows it this once",
            )
            .scope(Webhooks, Write)
            .optional_body::<AskedRotation>()
            .answers::<ShownRotation>(
                200,
                "the secret, and until when the old one signs beside it",
            ),
        Endpoint::post("/v1/webhooks/{id}/replay", replay)
            .named(
                "replayWebhook",
                "Tells a webhook again what it was told in a span of time",
            )
            .scope(Webhooks, Write)
            .body::<AskedReplay>()
            .problem(409, "webhook_disabled")
            .answers::<PlannedCount>(200, "how much that would be, of a dry run")
            .answers::<OrderedReplay>(202, "the replay, as a job"),
        Endpoint::get("/v1/webhooks/{id}/replay/{replay}", progress)
            .named("getWebhookReplay", "How far a replay has come")
            .scope(Webhooks, Read)
            .answers::<ShownReplay>(200, "the replay"),
    ]
}

/// The webhooks of a tenant; of all for an operator who names none.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let page = Page::asked(&request, "webhooks", who.tenant_id)?;
    let webhooks = desks
        .webhooks
        .page(who.tenant_id, page.after, page.limit + 1)
        .await?;
    let entries = webhooks.iter().map(|it| (it.id, ShownWebhook::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// One webhook.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let webhook = desks.webhooks.get(of(&who, &id)?).await?;
    Ok(HttpResponse::Ok().json(ShownWebhook::from(&webhook)))
}

/// Makes a webhook, and shows its secret this once.
async fn create(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let asked = AskedWebhook::read(&mut sent, &desks.webhooks);
    let secret = secret(&mut sent);
    let fields = asked.made(&mut sent);
    let fields = sent.finish(fields)?;
    let secret = secret.unwrap_or_else(WebhookDesk::secret);
    let tenant_id = who.own_tenant();
    let id = desks
        .webhooks
        .make(tenant_id, fields, secret.clone(), who.by())
        .await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/webhooks/{id}")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(MadeWebhook {
            id,
            secret: secret.expose().to_owned(),
        }))
}

/// Changes what is said of a webhook; the rest stays.
async fn change(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &id)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let asked = AskedWebhook::read(&mut sent, &desks.webhooks);
    let asked = sent.finish(Some(asked))?;
    let change = move |fields| asked.upon(fields);
    let webhook = desks.webhooks.change(of, change, who.by()).await?;
    Ok(HttpResponse::Ok().json(ShownWebhook::from(&webhook)))
}

/// Removes a webhook.
async fn delete(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    desks.webhooks.delete(of(&who, &id)?, who.by()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What a webhook was told, the newest first, with what it answered.
async fn deliveries(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &id)?;
    let list = format!("webhook-deliveries {}", of.1);
    let page = Page::asked(&request, &list, who.tenant_id)?;
    let found = desks
        .webhooks
        .deliveries(of, None, page.after, page.limit + 1)
        .await?;
    let entries = found.iter().map(|it| (it.id, ShownDelivery::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// Sends something to try it.
async fn test(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let told = desks.webhooks.test(of(&who, &id)?, who.by()).await?;
    Ok(HttpResponse::Accepted().json(ShownTest { id: told }))
}

/// Gives a webhook another secret, and shows it this once.
async fn rotate(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &id)?;
    let mut sent = body::fields_or_none(&request, payload, MOST_BYTES).await?;
    let grace = sent.integer("grace_seconds", 0..=LONGEST_GRACE);
    let secret = secret(&mut sent);
    let grace = sent.finish(Some(grace.unwrap_or(GRACE)))?;
    let secret = secret.unwrap_or_else(WebhookDesk::secret);
    let grace = Duration::from_secs(grace.unsigned_abs());
    let until = desks
        .webhooks
        .rotate(of, secret.clone(), grace, who.by())
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(ShownRotation {
            id: of.1,
            secret: secret.expose().to_owned(),
            previous_secret_until: until,
        }))
}

/// Tells a webhook again what it was told in a span of time, or says how much that would be.
async fn replay(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &id)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
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
    let replay = desks
        .webhooks
        .replay(of, window, only_counts, who.by())
        .await?;
    let Some(job) = replay.id else {
        return Ok(HttpResponse::Ok().json(PlannedCount {
            planned: replay.planned,
        }));
    };
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, format!("/v1/webhooks/{}/replay/{job}", of.1)))
        .json(OrderedReplay {
            id: job,
            planned: replay.planned,
        }))
}

/// How far a replay has come.
async fn progress(
    who: Authority,
    desks: Data<Desks>,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, replay) = ids.into_inner();
    let of = of(&who, &id)?;
    let replay = things::id_of(&replay, "replay")?;
    let replay = desks.webhooks.progress(of, replay).await?;
    Ok(HttpResponse::Ok().json(ShownReplay::from(&replay)))
}

/// What is no UUID is no webhook.
fn of(who: &Authority, id: &str) -> Result<WebhookOf, Problem> {
    let id = things::id_of(id, "webhook")?;
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
