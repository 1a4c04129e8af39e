//! What people subscribe to, and what was sent to all of them.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{ConsoleError, html};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListPage, ListRow, MOST, ShownList, after, query};
use super::look;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, DEFAULT_TENANT};
use crate::ops::control::{Desks, JobOrder, StoredJob, StoredTopic};

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("/topics").route(look(topics)))
        .service(web::resource("/fan-outs").route(look(fan_outs)));
}

/// A tenant's topics; the default tenant's for an operator who looks at all.
async fn topics(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Topics, ApiAction::Read)?;
    let behind = after::<String>(&mut query(&request)?)?;
    let tenant_id = visitor.tenant_id().unwrap_or(DEFAULT_TENANT);
    let found = desks.topics.page(tenant_id, behind, MOST + 1).await?;
    let row = |it: &StoredTopic| ListRow {
        cells: vec![
            it.topic.name.clone(),
            it.topic.description.clone().unwrap_or_default(),
            ShownMoment::from(it.created_at).text,
        ],
        ..ListRow::default()
    };
    let what = (
        "What people subscribe to. Subscribers come and go by the API.",
        &["Name", "About", "Made"][..],
    );
    let frame = PageFrame::new(&visitor, "Topics", "/console/topics");
    let page = ListPage {
        page: frame,
        list: ShownList::of(what, found, |it| it.topic.name.clone(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

/// What was sent to topics.
async fn fan_outs(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Notifications, ApiAction::Read)?;
    let before = after(&mut query(&request)?)?;
    let tenant_id = visitor.tenant_id();
    let found = desks.fan_outs.page(tenant_id, before, MOST + 1).await?;
    let row = |it: &StoredJob| ListRow {
        cells: vec![
            ShownMoment::from(it.created_at).text,
            names(&it.order),
            it.state.to_string(),
            format!("{} of {}", it.done, it.planned),
            it.counts.get("accepted").copied().unwrap_or(0).to_string(),
        ],
        link: Some(format!("/console/jobs/{}", it.id)),
        ..ListRow::default()
    };
    let what = (
        "What was sent to everybody who subscribes, the newest first.",
        &["Ordered", "Topics", "State", "Looked at", "Told"][..],
    );
    let frame = PageFrame::new(&visitor, "Fan-outs", "/console/fan-outs");
    let page = ListPage {
        page: frame,
        list: ShownList::of(what, found, |it| it.id.to_string(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

/// The topics that a job goes to.
fn names(order: &JobOrder) -> String {
    match order {
        JobOrder::FanOut(fan_out) => {
            let names = fan_out.topics.iter().map(|topic| topic.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        }
        JobOrder::DlqReplay(_) | JobOrder::WebhookReplay(_) => String::new(),
    }
}
