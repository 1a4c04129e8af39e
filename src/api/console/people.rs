//! A person: what is known of them, and what they want to get, seen and changed.

mod acts;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::answer::{ConsoleError, html, id_of};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::query;
use super::look;
use super::mask;
use super::typed::TypedFields;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, Channel};
use crate::ops::control::{
    Desks, ShownChannelChoice, ShownQuietHours, StoredPerson, shown_preference,
};

/// Where people are.
const PATH: &str = "/console/people";

#[derive(Template)]
#[template(path = "console/person.html")]
struct PersonChoicesPage {
    page: PageFrame,
    id: Uuid,
    facts: Vec<(&'static str, String)>,
    /// Whether anything comes at all.
    is_on: bool,
    channels: Vec<ChannelLine>,
    quiet: Vec<QuietLine>,
    /// What they said themselves, as it is stored.
    said: Vec<String>,
    typed: TypedFields,
    writes: bool,
    finds: bool,
    /// Whether addresses may be shown.
    reveals: bool,
    /// Whether they are.
    is_open: bool,
    /// Why something could not be done.
    mistake: Option<String>,
}

/// A channel, with what comes by it.
struct ChannelLine {
    channel: Channel,
    is_on: bool,
    is_stopped: bool,
    categories: Vec<CategoryLine>,
}

/// A category on a channel.
struct CategoryLine {
    name: String,
    is_on: bool,
    is_required: bool,
}

/// When it is quiet.
struct QuietLine {
    what: String,
    when: String,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let of = |end: &str| format!("/people/{{id}}{end}");
    routes
        .service(web::resource(of("")).route(look(page)))
        .service(web::resource(of("/reveal")).route(web::post().to(acts::reveal)))
        .service(web::resource(of("/switch")).route(web::post().to(acts::switch)))
        .service(web::resource(of("/prefer")).route(web::post().to(acts::prefer)));
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let id = id_of(&id, "person")?;
    let page = person(&visitor, &desks, id, query(&request)?).await?;
    Ok(html(StatusCode::OK, &page))
}

/// The page of a person, with their addresses masked.
async fn person(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    id: Uuid,
    typed: TypedFields,
) -> Result<PersonChoicesPage, ConsoleError> {
    visitor.needs(ApiResource::Users, ApiAction::Read)?;
    let of = (visitor.tenant_id(), id);
    let stored = desks.people.get(of).await?;
    let choices = desks.people.choices(of).await?;
    let said = desks.people.preferences(of).await?;
    Ok(PersonChoicesPage {
        page: PageFrame::new(visitor, "Person", "/console/find").after(typed.value("done")),
        id,
        facts: facts(&stored, false),
        is_on: choices.enabled,
        channels: choices
            .channels
            .into_iter()
            .map(ChannelLine::from)
            .collect(),
        quiet: choices.quiet_hours.iter().map(QuietLine::from).collect(),
        said: said
            .iter()
            .map(|it| shown_preference(it).to_string())
            .collect(),
        typed,
        writes: visitor.writes(ApiResource::Users),
        finds: visitor.reads(ApiResource::Notifications),
        reveals: visitor.reads(ApiResource::Contents),
        is_open: false,
        mistake: None,
    })
}

/// `open` shows addresses.
fn facts(stored: &StoredPerson, open: bool) -> Vec<(&'static str, String)> {
    let fields = &stored.fields;
    let address = |text: &Option<String>| text.as_deref().map(|it| mask::address(it, open));
    let facts = [
        ("Name", fields.name.clone()),
        ("E-mail", address(&fields.email)),
        ("Telephone", address(&fields.phone)),
        ("Username", address(&fields.username)),
        ("Id elsewhere", fields.external_id.clone()),
        ("Language", fields.locale.clone()),
        ("Time zone", fields.timezone.clone()),
        (
            "Known since",
            Some(ShownMoment::from(stored.created_at).text),
        ),
        ("Changed", Some(ShownMoment::from(stored.updated_at).text)),
        ("Tenant", Some(stored.tenant_id.to_string())),
    ];
    let known = facts.into_iter();
    known
        .filter_map(|(name, fact)| Some((name, fact?)))
        .collect()
}

impl PersonChoicesPage {
    fn answer(&self) -> HttpResponse {
        let status = match (&self.mistake, self.typed.is_wrong()) {
            (Some(_), _) => StatusCode::CONFLICT,
            (None, true) => StatusCode::UNPROCESSABLE_ENTITY,
            (None, false) => StatusCode::OK,
        };
        html(status, self)
    }
}

impl From<ShownChannelChoice> for ChannelLine {
    fn from(choice: ShownChannelChoice) -> Self {
        let categories = choice.categories.into_iter();
        Self {
            channel: choice.channel,
            is_on: choice.enabled,
            is_stopped: choice.stopped,
            categories: categories
                .map(|it| CategoryLine {
                    name: it.category,
                    is_on: it.enabled,
                    is_required: it.required,
                })
                .collect(),
        }
    }
}

impl From<&ShownQuietHours> for QuietLine {
    fn from(quiet: &ShownQuietHours) -> Self {
        let of = quiet
            .category
            .iter()
            .map(|category| format!(", {category}"));
        let what = format!("{}{}", quiet.channel, of.collect::<String>());
        let when = match (&quiet.start, &quiet.end) {
            (Some(start), Some(end)) => {
                let days = match quiet.days.is_empty() {
                    true => "every day".to_owned(),
                    false => quiet.days.join(", "),
                };
                format!("{start} to {end}, {days}, {}", quiet.timezone)
            }
            _ => "none".to_owned(),
        };
        Self { what, when }
    }
}
