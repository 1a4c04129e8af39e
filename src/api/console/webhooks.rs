//! Webhooks: what each was told and what it answered; trying one, switching it, telling it again.

mod acts;
mod replay;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::answer::{ConsoleError, html, id_of};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListPage, ListRow, MOST, ShownList, after, query};
use super::look;
use super::typed::TypedFields;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, WebhookDeliveryStanding};
use crate::ops::control::{Desks, StoredDelivery, StoredWebhook, WebhookDeskError, WebhookOf};

/// Where the desk is.
const PATH: &str = "/console/webhooks";

#[derive(Template)]
#[template(path = "console/webhook.html")]
struct WebhookPage {
    page: PageFrame,
    id: Uuid,
    url: String,
    is_active: bool,
    facts: Vec<(&'static str, String)>,
    deliveries: Vec<DeliveryLine>,
    /// The address of the next page.
    older: Option<String>,
    typed: TypedFields,
    standings: &'static [WebhookDeliveryStanding],
    writes: bool,
    /// How many a replay would send.
    planned: Option<String>,
    /// Why something could not be done.
    mistake: Option<String>,
}

/// What it was told, and what it answered.
struct DeliveryLine {
    id: Uuid,
    at: ShownMoment,
    event: String,
    notification_id: Option<Uuid>,
    standing: String,
    is_bad: bool,
    tries: u32,
    next: Option<ShownMoment>,
    status: String,
    answer: String,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let of = |end: &str| format!("/webhooks/{{id}}{end}");
    let post = web::post;
    routes
        .service(web::resource("/webhooks").route(look(list)))
        .service(web::resource(of("")).route(look(page)))
        .service(web::resource(of("/test")).route(post().to(acts::test)))
        .service(web::resource(of("/enable")).route(post().to(acts::enable)))
        .service(web::resource(of("/disable")).route(post().to(acts::disable)))
        .service(web::resource(of("/replay")).route(post().to(replay::order)))
        .service(web::resource(of("/replays/{replay}")).route(look(replay::page)))
        .service(web::resource("/live/webhooks/{id}/replays/{replay}").route(look(replay::part)));
}

async fn list(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Webhooks, ApiAction::Read)?;
    let before = after(&mut query(&request)?)?;
    let found = desks
        .webhooks
        .page(visitor.tenant_id(), before, MOST + 1)
        .await
        .map_err(refused)?;
    let row = |it: &StoredWebhook| ListRow {
        link: Some(format!("{PATH}/{}", it.id)),
        cells: vec![
            it.url.clone(),
            it.name.clone().unwrap_or_default(),
            state(it),
            it.failing_since
                .map_or_else(String::new, |at| ShownMoment::from(at).text),
            it.tenant_id.to_string(),
        ],
        ..ListRow::default()
    };
    let what = (
        "Who is told what happens to notifications. New ones are made by the API and by herald apply.",
        &["Address", "Name", "State", "Fails since", "Tenant"][..],
    );
    let page = ListPage {
        page: PageFrame::new(&visitor, "Webhooks", PATH),
        list: ShownList::of(what, found, |it| it.id.to_string(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

fn state(webhook: &StoredWebhook) -> String {
    match (webhook.is_active, webhook.disabled_reason) {
        (true, _) => "in use".to_owned(),
        (false, Some(reason)) => format!("off: {reason}"),
        (false, None) => "off".to_owned(),
    }
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let id = id_of(&id, "webhook")?;
    let page = webhook(&visitor, &desks, id, query(&request)?).await?;
    Ok(html(page.status(), &page))
}

/// The page of a webhook with what it was told.
async fn webhook(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    id: Uuid,
    mut typed: TypedFields,
) -> Result<WebhookPage, ConsoleError> {
    visitor.needs(ApiResource::Webhooks, ApiAction::Read)?;
    let of: WebhookOf = (visitor.tenant_id(), id);
    let stored = desks.webhooks.get(of).await.map_err(refused)?;
    let before = after::<Uuid>(&mut typed)?;
    let standing = typed.word::<WebhookDeliveryStanding>("standing");
    let told = desks.webhooks.deliveries(of, standing, before, MOST + 1);
    let mut told = told.await.map_err(refused)?;
    let goes_on = told.len() > MOST;
    told.truncate(MOST);
    let last = told.last().filter(|_| goes_on).map(|it| it.id);
    let older = |last: Uuid| match standing {
        Some(standing) => format!("{PATH}/{id}?standing={standing}&after={last}"),
        None => format!("{PATH}/{id}?after={last}"),
    };
    let title = stored.name.clone().unwrap_or_else(|| "Webhook".to_owned());
    Ok(WebhookPage {
        page: PageFrame::new(visitor, title, PATH).after(typed.value("done")),
        id,
        url: stored.url.clone(),
        is_active: stored.is_active,
        facts: facts(&stored),
        deliveries: told.iter().map(DeliveryLine::from).collect(),
        older: last.map(older),
        typed,
        standings: WebhookDeliveryStanding::ALL,
        writes: visitor.writes(ApiResource::Webhooks),
        planned: None,
        mistake: None,
    })
}

fn facts(stored: &StoredWebhook) -> Vec<(&'static str, String)> {
    let moment = |at: Option<_>| at.map(|at| ShownMoment::from(at).text);
    let mut facts = vec![("State", Some(state(stored)))];
    match &stored.filter {
        Ok(filter) => {
            let channels = filter.channels.iter().map(ToString::to_string);
            let some = |words: String| Some(words).filter(|words| !words.is_empty());
            let channels: Vec<String> = channels.collect();
            facts.push(("Events", some(filter.events.words().join(", "))));
            facts.push(("Channels", some(channels.join(", "))));
            facts.push(("Categories", some(filter.categories.join(", "))));
        }
        Err(why) => facts.push(("Cannot be read", Some(why.clone()))),
    }
    facts.extend([
        ("Fails since", moment(stored.failing_since)),
        (
            "Tries after the first",
            Some(stored.retry_count.to_string()),
        ),
        ("Timeout", Some(format!("{} s", stored.timeout.as_secs()))),
        ("Old secret until", moment(stored.previous_secret_until)),
        ("Made", moment(Some(stored.created_at))),
        ("Changed", moment(Some(stored.updated_at))),
        ("Tenant", Some(stored.tenant_id.to_string())),
    ]);
    let known = facts.into_iter();
    known
        .filter_map(|(name, fact)| Some((name, fact?)))
        .collect()
}

/// Why nothing is shown or done.
fn refused(error: WebhookDeskError) -> ConsoleError {
    match error {
        WebhookDeskError::Desk(error) => error.into(),
        WebhookDeskError::Disabled => ConsoleError::Conflict(DISABLED.to_owned()),
        other => ConsoleError::Conflict(format!("It cannot be done: {other}.")),
    }
}

/// What stands against telling it anything.
const DISABLED: &str = "It is switched off, and nothing is sent to it: switch it on first.";

impl WebhookPage {
    fn status(&self) -> StatusCode {
        match self.typed.is_wrong() {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false => StatusCode::OK,
        }
    }
}

impl From<&StoredDelivery> for DeliveryLine {
    fn from(told: &StoredDelivery) -> Self {
        let words = [told.answer.clone(), told.error.clone()];
        Self {
            id: told.id,
            at: told.created_at.into(),
            event: told.event.clone(),
            notification_id: told.notification_id,
            standing: told.standing.to_string(),
            is_bad: told.standing == WebhookDeliveryStanding::Failed,
            tries: told.tries,
            next: told.next_at.map(ShownMoment::from),
            status: told.status.map_or_else(String::new, |it| it.to_string()),
            answer: words.into_iter().flatten().collect::<Vec<_>>().join(" "),
        }
    }
}
