//! `/v1/staff`: who works at the desk.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::MOST_BYTES;
use super::changes::actor_of;
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::fields::SentFields;
use crate::api::page::Page;
use crate::api::parameters::word;
use crate::api::problem::Problem;
use crate::api::things;
use crate::domain::{ApiAction, ApiResource, field};
use crate::tickets::desk::TicketDesk;
use crate::tickets::domain::{HIGHEST_LEVEL, StaffMember, StaffRole};

/// Longest domain, in characters.
const DOMAIN_CHARS: usize = 64;

/// Somebody who works at the desk.
#[derive(ToSchema)]
#[schema(as = NewStaffMember)]
#[expect(dead_code, reason = "it describes what `put` reads")]
struct AskedMember {
    /// How colleagues know them.
    #[schema(max_length = 120, example = "Ada")]
    name: String,
    /// `agent` (without it), `lead` or `admin`.
    role: Option<String>,
    /// What they are good at, or where they work.
    #[schema(max_length = 64)]
    domain: Option<String>,
    /// Where escalation looks for them: 1 (without it) to 3.
    #[schema(minimum = 1, maximum = 3)]
    level: Option<i16>,
    /// Whether they are given tickets; true without it.
    is_active: Option<bool>,
}

/// Somebody who works at the desk.
#[derive(Serialize, ToSchema)]
#[schema(as = StaffMember)]
struct ShownMember<'a> {
    /// The person's id.
    id: Uuid,
    /// How colleagues know them.
    name: &'a str,
    /// `agent` sees what is theirs or of their categories; `lead` and `admin` see all.
    #[schema(value_type = String)]
    role: StaffRole,
    /// What they are good at, or where they work.
    domain: Option<&'a str>,
    /// Where escalation looks for them.
    level: i16,
    /// Whether they are given tickets.
    is_active: bool,
}

impl<'a> From<&'a StaffMember> for ShownMember<'a> {
    fn from(member: &'a StaffMember) -> Self {
        Self {
            id: member.id,
            name: &member.name,
            role: member.role,
            domain: member.domain.as_deref(),
            level: member.level,
            is_active: member.is_active,
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Tickets;
    vec![
        Endpoint::get("/v1/staff", list)
            .named("listStaff", "Who works at the support desk")
            .scope(Tickets, Read)
            .page::<ShownMember<'_>>("the staff"),
        Endpoint::get("/v1/staff/{id}", get)
            .named("getStaffMember", "Somebody who works at the support desk")
            .scope(Tickets, Read)
            .answers::<ShownMember<'_>>(200, "they"),
        Endpoint::put("/v1/staff/{id}", put)
            .named(
                "putStaffMember",
                "Takes a person on, or says all anew of them",
            )
            .details("The id is the person's: events name them by it.")
            .scope(Tickets, Write)
            .body::<AskedMember>()
            .answers::<ShownMember<'_>>(200, "they, who were there before")
            .answers::<ShownMember<'_>>(201, "they, who are new"),
        Endpoint::delete("/v1/staff/{id}", remove)
            .named("deleteStaffMember", "Takes somebody off the staff")
            .details("Their tickets stay theirs.")
            .scope(Tickets, Write)
            .answers_other(204, "they are gone", None),
    ]
}

/// Somebody who works at the desk, as they are sent.
pub(in crate::api) fn member(sent: &mut SentFields, id: Uuid) -> Option<StaffMember> {
    let line = |most| move |text: &str| field::line(text, most).map_err(|unfit| unfit.to_string());
    let name = sent.text("name", line(field::NAME_CHARS));
    let name = sent.required("name", name);
    let role = sent.text("role", word);
    let domain = sent.text("domain", line(DOMAIN_CHARS));
    let level = sent.integer("level", 1..=i64::from(HIGHEST_LEVEL));
    let is_active = sent.flag("is_active");
    Some(StaffMember {
        id,
        name: name?,
        role: role.unwrap_or(StaffRole::Agent),
        domain,
        level: level
            .and_then(|level| i16::try_from(level).ok())
            .unwrap_or(1),
        is_active: is_active.unwrap_or(true),
    })
}

fn named(id: &str) -> Result<Uuid, Problem> {
    things::id_of(id, "staff member")
}

async fn list(
    who: Authority,
    request: HttpRequest,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, Problem> {
    let tenant_id = who.own_tenant();
    let page = Page::asked(&request, "staff", Some(tenant_id))?;
    let staff = desk.staff(tenant_id, page.after, page.limit + 1).await?;
    let entries = staff.iter().map(|it| (it.id, ShownMember::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

async fn get(
    who: Authority,
    desk: Data<TicketDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let member = desk.staff_member(who.own_tenant(), named(&id)?).await?;
    Ok(HttpResponse::Ok().json(ShownMember::from(&member)))
}

async fn put(
    who: Authority,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let id = named(&id)?;
    if id.is_nil() {
        return Err(Problem::not_found("staff member"));
    }
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let member = member(&mut sent, id);
    let member = sent.finish(member)?;
    let is_new = desk
        .put_staff_member(who.own_tenant(), member.clone(), actor_of(&who))
        .await?;
    let place = format!("/v1/staff/{id}");
    Ok(things::put_answer(
        is_new,
        place,
        ShownMember::from(&member),
    ))
}

async fn remove(
    who: Authority,
    desk: Data<TicketDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    desk.remove_staff_member(who.own_tenant(), named(&id)?, actor_of(&who))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
