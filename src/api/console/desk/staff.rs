//! Who works at the desk.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::{DeskFrame, actor, framed, needs, refused};
use crate::api::console::answer::{ConsoleError, html, see_other};
use crate::api::console::frame::PageFrame;
use crate::api::console::lists::{ListAct, ListRow, MOST, ShownList, after, query};
use crate::api::console::posted::ProvenForm;
use crate::api::console::typed::{FieldKind, TypedFields};
use crate::api::console::visitor::ConsoleVisitor;
use crate::api::tickets::staff::member;
use crate::domain::ApiResource;
use crate::tickets::desk::TicketDesk;
use crate::tickets::domain::{StaffMember, StaffRole};

/// Where they are.
const PATH: &str = "/console/staff";
/// What is said of somebody.
const FIELDS: &[(&str, FieldKind)] = &[
    ("name", FieldKind::Text),
    ("role", FieldKind::Text),
    ("domain", FieldKind::Text),
    ("level", FieldKind::Number),
    ("is_active", FieldKind::Flag),
];

#[derive(Template)]
#[template(path = "console/desk/staff.html")]
struct StaffPage {
    page: PageFrame,
    desk: DeskFrame,
    list: ShownList,
    typed: TypedFields,
    roles: &'static [StaffRole],
}

/// The staff; with `id` the form shows what is said of them.
pub(super) async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&visitor)?;
    let mut typed = query(&request)?;
    let before = after::<Uuid>(&mut typed)?;
    if let Some(id) = typed.id("id") {
        let found = desk.staff_member(visitor.own_tenant(), id).await;
        fill(&mut typed, &found.map_err(refused)?);
    }
    let page = shown(&visitor, &desk, typed, before).await?;
    Ok(html(page.typed.status(), &page))
}

fn fill(typed: &mut TypedFields, member: &StaffMember) {
    typed.fill("name", &member.name);
    typed.fill("role", member.role.as_str());
    typed.fill("domain", member.domain.clone().unwrap_or_default());
    typed.fill("level", member.level.to_string());
    typed.fill("is_active", if member.is_active { "yes" } else { "no" });
}

async fn shown(
    visitor: &ConsoleVisitor,
    desk: &TicketDesk,
    typed: TypedFields,
    before: Option<Uuid>,
) -> Result<StaffPage, ConsoleError> {
    let found = desk.staff(visitor.own_tenant(), before, MOST + 1).await;
    let frame = DeskFrame::of(visitor, PATH);
    let row = |it: &StaffMember| row(it, frame.writes);
    let what = (
        "Who works at the desk. An agent sees what is theirs or of their categories; leads and admins see all.",
        &["Name", "Role", "Domain", "Level", "Gets tickets", "Id"][..],
    );
    let list = ShownList::of(what, found.map_err(refused)?, |it| it.id.to_string(), row);
    Ok(StaffPage {
        page: framed(visitor, "Staff").after(typed.value("done")),
        list,
        desk: frame,
        typed,
        roles: StaffRole::ALL,
    })
}

fn row(member: &StaffMember, writes: bool) -> ListRow {
    let remove = writes.then(|| ListAct {
        path: format!("{PATH}/{}/remove", member.id),
        label: "Take them off the staff",
        asks_why: false,
    });
    let active = if member.is_active { "yes" } else { "no" };
    ListRow {
        link: Some(format!("{PATH}?id={}", member.id)),
        cells: vec![
            member.name.clone(),
            member.role.to_string(),
            member.domain.clone().unwrap_or_default(),
            member.level.to_string(),
            active.to_owned(),
            member.id.to_string(),
        ],
        acts: remove.into_iter().collect(),
    }
}

/// Takes somebody on, or says all anew of them.
pub(super) async fn put(
    form: ProvenForm,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, ConsoleError> {
    form.changes(ApiResource::Tickets)?;
    needs(&form.visitor)?;
    let ProvenForm { visitor, mut typed } = form;
    let id = typed.id("id");
    let id = typed.required("id", id).filter(|id| !id.is_nil());
    let member = typed.as_api(FIELDS, |sent| member(sent, id.unwrap_or_default()));
    if id.is_none() {
        typed.wrong("id", "Write the person's id.");
    }
    let Some(member) = member.filter(|_| !typed.is_wrong()) else {
        let page = shown(&visitor, &desk, typed, None).await?;
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    let put = desk.put_staff_member(visitor.own_tenant(), member, actor(&visitor));
    put.await.map_err(refused)?;
    Ok(see_other(&format!("{PATH}?done=hired")))
}

pub(super) async fn remove(
    form: ProvenForm,
    desk: Data<TicketDesk>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let (_, id) = form.changes_of(ApiResource::Tickets, (&id, "staff member"))?;
    let visitor = &form.visitor;
    let gone = desk.remove_staff_member(visitor.own_tenant(), id, actor(visitor));
    gone.await.map_err(refused)?;
    Ok(see_other(&format!("{PATH}?done=dismissed")))
}
