//! `/v1/ticket-categories`: the rules of the desk.

use std::collections::{BTreeMap, HashSet};

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::MOST_BYTES;
use super::asked::{self, prose};
use super::changes::actor_of;
use super::schedule::{self, ShownServiceHours, ShownTargets};
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::fields::SentFields;
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::things;
use crate::domain::{ApiAction, ApiResource};
use crate::tickets::desk::TicketDesk;
use crate::tickets::domain::TicketCategory;

/// Longest description, in characters.
const DESCRIPTION_CHARS: usize = 2_000;
/// Most staff of a category.
const STAFF: usize = 500;
/// The highest priority of a member.
const PRIORITY: i64 = 1_000;

/// The rules of tickets of a category.
#[derive(Serialize, ToSchema)]
#[schema(as = NewTicketCategory)]
struct AskedTicketCategory {
    /// What tickets call it.
    #[schema(max_length = 100, example = "hardware")]
    name: String,
    /// What belongs to it.
    #[schema(required = false, max_length = 2_000)]
    description: Option<String>,
    /// Whether new tickets may be of it; true without it.
    #[schema(required = false)]
    is_active: Option<bool>,
    /// When there is service; day and night without it.
    #[schema(required = false)]
    hours: Option<ShownServiceHours>,
    /// Targets, by `urgent`, `high`, `normal`, `low`.
    #[schema(required = false)]
    targets: BTreeMap<&'static str, ShownTargets>,
    /// After how many minutes what is resolved is closed; never without it.
    #[schema(required = false)]
    close_after_minutes: Option<i64>,
    /// After how many minutes what waits for its requester is resolved; never without it.
    #[schema(required = false)]
    give_up_after_minutes: Option<i64>,
    /// Who may be given its tickets.
    #[schema(required = false, max_items = 500, example = json!([]))]
    staff: Vec<ShownAssignment>,
}

/// Somebody who may be given tickets of a category.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketCategoryStaff)]
struct ShownAssignment {
    /// Of the staff.
    id: Uuid,
    /// Whether they come first: one at most.
    #[schema(required = false)]
    is_primary: bool,
    /// Who has equally little in hand comes by this; 0 without it.
    #[schema(required = false, minimum = 0, maximum = 1_000)]
    priority: i32,
}

/// A category.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketCategory)]
struct ShownTicketCategory {
    /// Names it in paths.
    id: Uuid,
    /// What tickets call it.
    name: String,
    /// What belongs to it.
    description: Option<String>,
    /// Whether new tickets may be of it.
    is_active: bool,
    /// When there is service; day and night without it.
    hours: Option<ShownServiceHours>,
    /// Targets, by `urgent`, `high`, `normal`, `low`.
    targets: BTreeMap<&'static str, ShownTargets>,
    /// After how many minutes what is resolved is closed; never without it.
    close_after_minutes: Option<i64>,
    /// After how many minutes what waits for its requester is resolved; never without it.
    give_up_after_minutes: Option<i64>,
    /// Who may be given its tickets.
    staff: Vec<ShownAssignment>,
}

impl From<&TicketCategory> for ShownTicketCategory {
    fn from(category: &TicketCategory) -> Self {
        let minutes = |seconds: Option<i64>| seconds.map(|seconds| seconds / 60);
        let targets = category.targets.iter();
        let staff = category.staff.iter();
        Self {
            id: category.id,
            name: category.name.clone(),
            description: category.description.clone(),
            is_active: category.is_active,
            hours: category.hours.as_ref().map(ShownServiceHours::from),
            targets: targets.map(|(of, it)| (of.as_str(), it.into())).collect(),
            close_after_minutes: minutes(category.close_after),
            give_up_after_minutes: minutes(category.give_up_after),
            staff: staff
                .map(|(id, is_primary, priority)| ShownAssignment {
                    id: *id,
                    is_primary: *is_primary,
                    priority: *priority,
                })
                .collect(),
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Tickets;
    vec![
        Endpoint::get("/v1/ticket-categories", list)
            .named("listTicketCategories", "The rules of tickets, by category")
            .scope(Tickets, Read)
            .page::<ShownTicketCategory>("categories"),
        Endpoint::post("/v1/ticket-categories", put)
            .named("putTicketCategory", "Makes a category, or says all anew of the one of this name")
            .details("The due times of its tickets are computed anew, as if the rules had always been so.")
            .scope(Tickets, Write)
            .body::<AskedTicketCategory>()
            .problem(422, "unknown_staff")
            .answers::<ShownTicketCategory>(200, "the category, which was there before")
            .answers::<ShownTicketCategory>(201, "the category, which is new"),
        Endpoint::get("/v1/ticket-categories/{id}", get)
            .named("getTicketCategory", "One category")
            .scope(Tickets, Read)
            .answers::<ShownTicketCategory>(200, "the category"),
        Endpoint::delete("/v1/ticket-categories/{id}", remove)
            .named("deleteTicketCategory", "Removes the rules of a category")
            .details("Its tickets keep its name, and have no targets then.")
            .scope(Tickets, Write)
            .answers_other(204, "it is gone", None),
    ]
}

/// A category as it is sent, for an editor.
pub(in crate::api) fn as_sent(category: &TicketCategory) -> Value {
    let mut shown = json!(ShownTicketCategory::from(category));
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("id");
        fields.retain(|_, value| !value.is_null());
    }
    shown
}

fn named(id: &str) -> Result<Uuid, Problem> {
    things::id_of(id, "ticket category")
}

async fn list(
    who: Authority,
    request: HttpRequest,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, Problem> {
    let tenant_id = who.own_tenant();
    let page = Page::asked(&request, "ticket categories", Some(tenant_id))?;
    let found = desk
        .categories(tenant_id, page.after, page.limit + 1)
        .await?;
    let entries = found
        .iter()
        .map(|it| (it.id, ShownTicketCategory::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

async fn get(
    who: Authority,
    desk: Data<TicketDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = desk.category(who.own_tenant(), named(&id)?).await?;
    Ok(HttpResponse::Ok().json(ShownTicketCategory::from(&found)))
}

async fn put(
    who: Authority,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let category = category(&mut sent);
    let category = sent.finish(category)?;
    let (category, is_new) = desk
        .put_category(who.own_tenant(), category, actor_of(&who))
        .await?;
    let place = format!("/v1/ticket-categories/{}", category.id);
    Ok(things::put_answer(
        is_new,
        place,
        ShownTicketCategory::from(&category),
    ))
}

async fn remove(
    who: Authority,
    desk: Data<TicketDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    desk.remove_category(who.own_tenant(), named(&id)?, actor_of(&who))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A category that is sent.
pub(in crate::api) fn category(sent: &mut SentFields) -> Option<TicketCategory> {
    let name = sent.text("name", asked::category);
    let name = sent.required("name", name);
    let description = sent.text("description", |text| prose(text, DESCRIPTION_CHARS));
    let is_active = sent.flag("is_active");
    let hours = schedule::hours(sent);
    let targets = schedule::targets(sent);
    let close_after = schedule::seconds(sent, "close_after_minutes");
    let give_up_after = schedule::seconds(sent, "give_up_after_minutes");
    let staff = sent.objects("staff", STAFF, |sent| {
        let id = sent.text("id", asked::person);
        let id = sent.required("id", id);
        let is_primary = sent.flag("is_primary").unwrap_or(false);
        let priority = sent.integer("priority", 0..=PRIORITY).unwrap_or(0);
        Some((id?, is_primary, i32::try_from(priority).unwrap_or(0)))
    });
    let staff = staff.unwrap_or_default();
    let mut ids = HashSet::new();
    if !staff.iter().all(|(id, ..)| ids.insert(*id)) {
        sent.wrong(&["staff"], "invalid", "nobody is named twice");
    }
    if staff
        .iter()
        .filter(|(_, is_primary, _)| *is_primary)
        .count()
        > 1
    {
        sent.wrong(&["staff"], "invalid", "one of them comes first, at most");
    }
    Some(TicketCategory {
        id: Uuid::now_v7(),
        name: name?,
        description,
        is_active: is_active.unwrap_or(true),
        hours,
        targets,
        close_after,
        give_up_after,
        staff,
    })
}
