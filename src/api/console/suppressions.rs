//! Addresses that nothing is sent to: found, added, taken off the list.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::answer::{ConsoleError, html, see_other};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListAct, ListRow, MOST, ShownList, after, query};
use super::look;
use super::mask::masked;
use super::posted::ProvenForm;
use super::typed::{FieldKind, TypedFields};
use super::visitor::ConsoleVisitor;
use crate::api::suppressions::asked;
use crate::domain::suppression::SuppressionReason;
use crate::domain::{ApiAction, ApiResource, Channel, field};
use crate::ops::control::{Desks, StoredSuppression};

/// Where the desk is.
const PATH: &str = "/console/suppressions";
/// What is said of an entry that is added.
const FIELDS: &[(&str, FieldKind)] = &[
    ("channel", FieldKind::Text),
    ("address", FieldKind::Text),
    ("category", FieldKind::Text),
    ("reason", FieldKind::Text),
    ("expires_at", FieldKind::Moment),
];

#[derive(Template)]
#[template(path = "console/suppressions.html")]
struct SuppressionsPage {
    page: PageFrame,
    list: ShownList,
    typed: TypedFields,
    channels: &'static [Channel],
    reasons: &'static [SuppressionReason],
    writes: bool,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let list = web::resource("/suppressions")
        .route(look(page))
        .route(web::post().to(add));
    routes
        .service(list)
        .service(web::resource("/suppressions/find").route(web::post().to(find)))
        .service(web::resource("/suppressions/{id}/lift").route(web::post().to(lift)));
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    let mut typed = query(&request)?;
    let before = after(&mut typed)?;
    let filter = (typed.word("channel"), None);
    let shown = shown(&visitor, &desks, typed, filter, before).await?;
    Ok(shown.answer(StatusCode::OK))
}

/// The entries of one address. It comes by a form, so that no address stands in the address of a page.
async fn find(form: ProvenForm, desks: Data<Desks>) -> Result<HttpResponse, ConsoleError> {
    let ProvenForm { visitor, mut typed } = form;
    let channel = typed.word::<Channel>("find_channel");
    let channel = typed.required("find_channel", channel);
    let address = typed.read("find_address", |text| match channel {
        Some(channel) => field::address(channel, text).map_err(|unfit| unfit.to_string()),
        None => Ok(text.to_owned()),
    });
    let address = typed.required("find_address", address);
    let shown = shown(&visitor, &desks, typed, (channel, address), None).await?;
    Ok(shown.answer(StatusCode::OK))
}

async fn shown(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    typed: TypedFields,
    filter: (Option<Channel>, Option<String>),
    before: Option<uuid::Uuid>,
) -> Result<SuppressionsPage, ConsoleError> {
    visitor.needs(ApiResource::Suppressions, ApiAction::Read)?;
    let found = match typed.is_wrong() {
        true => vec![],
        false => {
            let page = desks
                .suppressions
                .page(visitor.tenant_id(), filter, before, MOST + 1);
            page.await?
        }
    };
    let writes = visitor.writes(ApiResource::Suppressions);
    let row = |it: &StoredSuppression| row(it, writes);
    let what = (
        "Addresses that nothing is sent to.",
        &["Since", "Channel", "Address", "Why", "Category", "Until"][..],
    );
    let frame = PageFrame::new(visitor, "Suppressed addresses", PATH);
    Ok(SuppressionsPage {
        page: frame.after(typed.value("done")),
        list: ShownList::of(what, found, |it| it.id.to_string(), row),
        typed,
        channels: Channel::ALL,
        reasons: SuppressionReason::ALL,
        writes,
    })
}

fn row(it: &StoredSuppression, writes: bool) -> ListRow {
    let until = it.ends_at.map(|at| ShownMoment::from(at).text);
    let lift = writes.then(|| ListAct {
        path: format!("{PATH}/{}/lift", it.id),
        label: "Take it off the list",
        asks_why: true,
    });
    ListRow {
        cells: vec![
            ShownMoment::from(it.since).text,
            it.suppression.channel.to_string(),
            masked(&it.suppression.address),
            it.suppression.reason.to_string(),
            it.suppression.category.clone().unwrap_or_default(),
            until.unwrap_or_default(),
        ],
        acts: lift.into_iter().collect(),
        ..ListRow::default()
    }
}

/// Puts an address on the list.
async fn add(form: ProvenForm, desks: Data<Desks>) -> Result<HttpResponse, ConsoleError> {
    form.changes(ApiResource::Suppressions)?;
    let ProvenForm { visitor, mut typed } = form;
    let tenant_id = visitor.own_tenant();
    let Some((suppression, ends_at)) = typed.as_api(FIELDS, |sent| asked(sent, tenant_id)) else {
        let shown = shown(&visitor, &desks, typed, (None, None), None).await?;
        return Ok(shown.answer(StatusCode::UNPROCESSABLE_ENTITY));
    };
    let put = desks.suppressions.put(suppression, ends_at, visitor.by());
    put.await?;
    Ok(see_other("/console/suppressions?done=suppressed"))
}

/// Takes an address off the list.
async fn lift(
    mut form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let of = form.changes_of(ApiResource::Suppressions, (&id, "suppression"))?;
    let why = form.typed.line("why");
    let why = why.ok_or(ConsoleError::Bad(
        "Say in a line why the address is to be written to again.",
    ))?;
    let lifted = desks.suppressions.lift(of, Some(why), form.visitor.by());
    lifted.await?;
    Ok(see_other("/console/suppressions?done=lifted"))
}

impl SuppressionsPage {
    /// The page; with this status where nothing is wrong.
    fn answer(&self, status: StatusCode) -> HttpResponse {
        match self.typed.is_wrong() {
            true => html(StatusCode::UNPROCESSABLE_ENTITY, self),
            false => html(status, self),
        }
    }
}
