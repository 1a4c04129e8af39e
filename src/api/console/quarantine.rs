//! Outcomes that PostgreSQL refused for their own data: stored once the cause is mended, or marked as dealt with.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};

use super::answer::{ConsoleError, html, see_other};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListAct, ListPage, ListRow, MOST, ShownList, query};
use super::look;
use super::posted::ProvenForm;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{Desks, OutcomeReplay, Quarantined};

/// Where the desk is.
const PATH: &str = "/console/quarantine";

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("/quarantine").route(look(list)))
        .service(web::resource("/quarantine/{id}/replay").route(web::post().to(replay)))
        .service(web::resource("/quarantine/{id}/resolve").route(web::post().to(resolve)));
}

async fn list(
    visitor: ConsoleVisitor,
    request: actix_web::HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::DeadLetters, ApiAction::Read)?;
    let done = query(&request)?.value("done").to_owned();
    let found = desks.quarantine.list(visitor.tenant_id(), MOST).await?;
    let writes = visitor.writes(ApiResource::DeadLetters);
    let row = |it: &Quarantined| row(it, writes);
    let what = (
        "Outcomes that PostgreSQL refused for their own data, the eldest fifty. Mend the cause first: herald quarantine \
         show says what PostgreSQL said. What was accepted by a provider is never sent again.",
        &["Refused", "Channel", "Outcome", "SQLSTATE", "Tenant"][..],
    );
    let page = ListPage {
        page: PageFrame::new(&visitor, "Quarantine", PATH).after(&done),
        list: ShownList::of(what, found, |it| it.id.to_string(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

fn row(it: &Quarantined, writes: bool) -> ListRow {
    let act = |deed: &str, label| ListAct {
        path: format!("{PATH}/{}/{deed}", it.id),
        label,
        asks_why: false,
    };
    let reason = it.reason.iter().map(|reason| format!(" {reason}"));
    ListRow {
        link: Some(format!("/console/notifications/{}", it.notification_id)),
        cells: vec![
            ShownMoment::from(it.created_at).text,
            it.channel.clone(),
            format!("{}{}", it.status, reason.collect::<String>()),
            it.sqlstate.clone(),
            it.tenant_id.to_string(),
        ],
        acts: match writes {
            true => vec![
                act("replay", "Store it now"),
                act("resolve", "Mark it as dealt with"),
            ],
            false => vec![],
        },
    }
}

/// Stores one as it would have been stored.
async fn replay(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let of = form.changes_of(ApiResource::DeadLetters, (&id, "quarantined outcome"))?;
    match desks.quarantine.replay(of, form.visitor.by()).await? {
        OutcomeReplay::Stored => Ok(see_other("/console/quarantine?done=stored")),
        OutcomeReplay::Superseded => Ok(see_other("/console/quarantine?done=superseded")),
        OutcomeReplay::Gone => Err(ConsoleError::NotFound("quarantined outcome")),
    }
}

/// Marks one as dealt with.
async fn resolve(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let of = form.changes_of(ApiResource::DeadLetters, (&id, "quarantined outcome"))?;
    desks.quarantine.resolve(of, form.visitor.by()).await?;
    Ok(see_other("/console/quarantine?done=resolved"))
}
