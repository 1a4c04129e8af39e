//! The rules of tickets, by category: targets, hours, who gets them. They are written as the API takes them.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{DeskFrame, DeskRoster, actor, framed, needs, refused};
use crate::api::console::answer::{ConsoleError, html, id_of, see_other};
use crate::api::console::figures::span_ms;
use crate::api::console::frame::PageFrame;
use crate::api::console::lists::{ListRow, MOST, ShownList, after, query};
use crate::api::console::posted::ProvenForm;
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::api::fields::SentFields;
use crate::api::tickets::categories::{as_sent, category};
use crate::domain::ApiResource;
use crate::tickets::desk::{TicketDesk, TicketDeskError};
use crate::tickets::domain::TicketCategory;

/// Where they are.
const PATH: &str = "/console/ticket-categories";
/// What the editor begins with.
const EXAMPLE: &str = r#"{
  "name": "hardware",
  "targets": { "urgent": { "first_response_minutes": 30, "resolution_minutes": 480 } },
  "hours": { "time_zone": "Europe/Berlin", "windows": [{ "day": "mon", "from": "09:00", "to": "17:00" }] },
  "staff": []
}"#;

#[derive(Template)]
#[template(path = "console/desk/categories.html")]
struct CategoriesPage {
    page: PageFrame,
    desk: DeskFrame,
    list: ShownList,
    editor: CategoryEditor,
}

#[derive(Template)]
#[template(path = "console/desk/category.html")]
struct CategoryPage {
    page: PageFrame,
    desk: DeskFrame,
    id: Uuid,
    facts: Vec<(&'static str, String)>,
    targets: Vec<[String; 4]>,
    editor: CategoryEditor,
}

#[derive(Template)]
#[template(path = "console/desk/category_refused.html")]
struct RefusedCategoryPage {
    page: PageFrame,
    desk: DeskFrame,
    editor: CategoryEditor,
}

/// What somebody writes, and what is wrong with it: where, and what.
struct CategoryEditor {
    text: String,
    mistakes: Vec<(String, String)>,
}

impl CategoryEditor {
    const fn of(text: String) -> Self {
        Self {
            text,
            mistakes: vec![],
        }
    }
}

pub(super) async fn list(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&visitor)?;
    let mut typed: TypedFields = query(&request)?;
    let before = after::<Uuid>(&mut typed)?;
    let found = desk
        .categories(visitor.own_tenant(), before, MOST + 1)
        .await;
    let what = (
        "The rules of tickets. A ticket may name a category that has none.",
        &["Name", "New tickets", "Time zone", "Staff", "Described as"][..],
    );
    let list = ShownList::of(what, found.map_err(refused)?, |it| it.id.to_string(), row);
    let page = CategoriesPage {
        page: framed(&visitor, "Categories").after(typed.value("done")),
        desk: DeskFrame::of(&visitor, PATH),
        list,
        editor: CategoryEditor::of(EXAMPLE.to_owned()),
    };
    Ok(html(StatusCode::OK, &page))
}

fn row(category: &TicketCategory) -> ListRow {
    let zone = category.hours.as_ref().map(|hours| hours.time_zone.clone());
    let taken = if category.is_active {
        "taken"
    } else {
        "not taken"
    };
    ListRow {
        link: Some(format!("{PATH}/{}", category.id)),
        cells: vec![
            category.name.clone(),
            taken.to_owned(),
            zone.unwrap_or_else(|| "day and night".to_owned()),
            category.staff.len().to_string(),
            category.description.clone().unwrap_or_default(),
        ],
        ..ListRow::default()
    }
}

pub(super) async fn page(
    visitor: ConsoleVisitor,
    desk: Data<TicketDesk>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&visitor)?;
    let id = id_of(&id, "ticket category")?;
    let found = desk.category(visitor.own_tenant(), id).await;
    let found = found.map_err(refused)?;
    let roster = DeskRoster::of(&visitor, &desk).await?;
    let text = serde_json::to_string_pretty(&as_sent(&found)).unwrap_or_default();
    let page = CategoryPage {
        page: framed(&visitor, format!("Category {}", found.name)),
        desk: DeskFrame::of(&visitor, PATH),
        id,
        facts: facts(&found, &roster),
        targets: targets(&found),
        editor: CategoryEditor::of(text),
    };
    Ok(html(StatusCode::OK, &page))
}

/// A number of seconds, for people.
fn span(seconds: Option<i64>) -> String {
    seconds.map_or_else(String::new, |seconds| {
        span_ms(seconds.saturating_mul(1_000))
    })
}

fn targets(category: &TicketCategory) -> Vec<[String; 4]> {
    let each = category.targets.iter();
    each.map(|(priority, targets)| {
        [
            priority.to_string(),
            span(targets.first_response),
            span(targets.next_response),
            span(targets.resolution),
        ]
    })
    .collect()
}

fn facts(category: &TicketCategory, roster: &DeskRoster) -> Vec<(&'static str, String)> {
    let staff = category.staff.iter().map(|(id, is_primary, _)| {
        let first = if *is_primary { " (first)" } else { "" };
        format!("{}{first}", roster.name(*id))
    });
    let staff: Vec<String> = staff.collect();
    let hours = category.hours.as_ref();
    let zone = hours.map(|hours| hours.time_zone.clone());
    let holidays = hours.map_or(0, |hours| hours.holidays.len());
    let taken = if category.is_active {
        "taken"
    } else {
        "not taken"
    };
    let facts = [
        ("New tickets", taken.to_owned()),
        (
            "Described as",
            category.description.clone().unwrap_or_default(),
        ),
        (
            "Time zone",
            zone.unwrap_or_else(|| "day and night".to_owned()),
        ),
        ("Days without service", holidays.to_string()),
        (
            "What is resolved is closed after",
            span(category.close_after),
        ),
        (
            "What waits for its requester is resolved after",
            span(category.give_up_after),
        ),
        ("Staff", staff.join(", ")),
    ];
    let some = facts.into_iter();
    some.filter(|(_, fact)| !fact.is_empty()).collect()
}

/// Makes a category, or says all anew of the one of this name.
pub(super) async fn put(
    form: ProvenForm,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, ConsoleError> {
    form.changes(ApiResource::Tickets)?;
    needs(&form.visitor)?;
    let ProvenForm { visitor, typed } = form;
    let text = typed.value("category").to_owned();
    let mistakes = match read(&text) {
        Ok(category) => {
            let put = desk.put_category(visitor.own_tenant(), category, actor(&visitor));
            match put.await {
                Ok(_) => return Ok(see_other(&format!("{PATH}?done=ruled"))),
                Err(error @ TicketDeskError::UnknownStaff) => {
                    vec![("/staff".to_owned(), error.to_string())]
                }
                Err(error) => return Err(refused(error)),
            }
        }
        Err(mistakes) => mistakes,
    };
    let page = RefusedCategoryPage {
        page: framed(&visitor, "Category"),
        desk: DeskFrame::of(&visitor, PATH),
        editor: CategoryEditor { text, mistakes },
    };
    Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// A category as it was typed, or what is wrong with it and where.
fn read(text: &str) -> Result<TicketCategory, Vec<(String, String)>> {
    let whole = |why: String| vec![("/".to_owned(), why)];
    let fields: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| whole(format!("Write a JSON object: {error}")))?;
    let mut sent = SentFields::of(fields);
    let category = category(&mut sent);
    sent.finish(category).map_err(|refused| {
        let errors = refused.errors().iter();
        errors
            .map(|error| (error.pointer.clone(), error.detail.clone()))
            .collect()
    })
}

pub(super) async fn remove(
    form: ProvenForm,
    desk: Data<TicketDesk>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let (_, id) = form.changes_of(ApiResource::Tickets, (&id, "ticket category"))?;
    let visitor = &form.visitor;
    let gone = desk.remove_category(visitor.own_tenant(), id, actor(visitor));
    gone.await.map_err(refused)?;
    Ok(see_other(&format!("{PATH}?done=unruled")))
}
