//! The first page: how things stand, and a part of it that is looked at again and again.

mod lanes;
mod shown;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use self::shown::ShownOverview;
use super::answer::{ConsoleError, html};
use super::frame::PageFrame;
use super::look;
use super::sent_form::SentForm;
use super::visitor::ConsoleVisitor;
use crate::domain::ApiResource;
use crate::ops::control::{Desks, OverviewAsked};

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    page: PageFrame,
    shown: ShownOverview,
}

/// The part of it that is looked at again and again.
#[derive(Template)]
#[template(path = "console/overview_live.html")]
struct OverviewPart {
    shown: ShownOverview,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("").route(look(page)))
        .service(web::resource("/").route(look(page)))
        .service(web::resource("/live/overview").route(look(part)));
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    let query = SentForm::of_query(&request)?;
    let page = OverviewPage {
        page: PageFrame::new(&visitor, "Overview", "/console").after(query.text("done")),
        shown: shown(&visitor, &desks).await?,
    };
    Ok(html(StatusCode::OK, &page))
}

async fn part(visitor: ConsoleVisitor, desks: Data<Desks>) -> Result<HttpResponse, ConsoleError> {
    let shown = shown(&visitor, &desks).await?;
    Ok(html(StatusCode::OK, &OverviewPart { shown }))
}

async fn shown(visitor: &ConsoleVisitor, desks: &Desks) -> Result<ShownOverview, ConsoleError> {
    let figures = visitor.reads(ApiResource::Metrics);
    let asked = OverviewAsked {
        tenant_id: visitor.tenant_id(),
        figures,
        letters: visitor.reads(ApiResource::DeadLetters),
        accounts: visitor.is_operator() && visitor.reads(ApiResource::Providers),
        nodes: visitor.is_operator() && figures,
        events: visitor.reads(ApiResource::SystemEvents),
    };
    let look = desks.overview.look(asked).await?;
    Ok(ShownOverview::of(asked, &look))
}
