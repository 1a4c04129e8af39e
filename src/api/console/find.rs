//! Finding notifications: by what somebody knows of them.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::answer::{ConsoleError, html, see_other};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::look;
use super::mask::masked;
use super::sent_form::SentForm;
use super::typed::TypedFields;
use super::visitor::ConsoleVisitor;
use crate::domain::address;
use crate::domain::{ApiAction, ApiResource, Channel, Reason, Status, name};
use crate::ops::control::{
    DeskError, Desks, ListPart, NotificationFilter, PersonFilter, StoredNotification, StoredPerson,
};

/// Entries of a page.
const MOST: usize = 50;
/// Most people among whom one is to be chosen.
const MOST_PEOPLE: usize = 20;
/// Fields that narrow down a search.
const FIELDS: &[&str] = &[
    "status",
    "reason",
    "channel",
    "provider",
    "category",
    "source_type",
    "source_id",
    "user_id",
    "since",
    "until",
];

#[derive(Template)]
#[template(path = "console/find.html")]
struct FindPage {
    page: PageFrame,
    typed: TypedFields,
    statuses: &'static [Status],
    reasons: &'static [Reason],
    channels: &'static [Channel],
    /// What was found; `None` when nothing was asked.
    found: Option<FoundNotifications>,
    /// People among whom one is to be chosen.
    people: Vec<FoundPerson>,
    /// Whether nobody and nothing has what was searched for.
    is_nobody: bool,
}

/// A page of notifications.
struct FoundNotifications {
    rows: Vec<FoundRow>,
    /// The address of the next page.
    older: Option<String>,
}

/// A notification in a list.
pub(super) struct FoundRow {
    pub(super) id: Uuid,
    pub(super) at: ShownMoment,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) lane: String,
    pub(super) to: String,
    pub(super) category: String,
    pub(super) source: String,
    pub(super) provider: String,
}

/// A person among whom one is to be chosen.
struct FoundPerson {
    id: Uuid,
    name: String,
    address: String,
}

/// Whom a text means.
enum FoundWho {
    Notification(Uuid),
    People(Vec<StoredPerson>),
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes.service(web::resource("/find").route(look(page)));
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Notifications, ApiAction::Read)?;
    let mut typed = TypedFields::of(SentForm::of_query(&request)?);
    let mut filter = filter(&mut typed);
    let (since, until) = (typed.moment("since"), typed.moment("until"));
    if since
        .zip(until)
        .is_some_and(|(since, until)| since >= until)
    {
        typed.wrong("since", "That is not before the end of the span.");
    }
    let after = typed.id("after");
    let who = typed.line("q");
    let (mut people, mut is_nobody) = (vec![], false);
    if let Some(who) = who.filter(|_| !typed.is_wrong()) {
        match whom(&visitor, &desks, &who).await? {
            FoundWho::Notification(id) => {
                return Ok(see_other(&format!("/console/notifications/{id}")));
            }
            FoundWho::People(found) => match found.as_slice() {
                [] => is_nobody = true,
                [one] => filter.user_id = Some(one.id),
                several => people = several.iter().map(FoundPerson::from).collect(),
            },
        }
    }
    let asks = typed.has_any(FIELDS) || filter.user_id.is_some();
    let searches = asks && !typed.is_wrong() && !is_nobody && people.is_empty();
    let found = match searches {
        true => {
            let part = ListPart {
                since,
                until,
                after,
                most: MOST,
            };
            Some(search(&visitor, &desks, filter, part).await?)
        }
        false => None,
    };
    let status = match typed.is_wrong() {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    let page = FindPage {
        page: PageFrame::new(&visitor, "Find notifications", "/console/find"),
        typed,
        statuses: Status::ALL,
        reasons: Reason::ALL,
        channels: Channel::ALL,
        found,
        people,
        is_nobody,
    };
    Ok(html(status, &page))
}

fn filter(typed: &mut TypedFields) -> NotificationFilter {
    NotificationFilter {
        user_id: typed.id("user_id"),
        status: typed.word("status"),
        reason: typed.word("reason"),
        channel: typed.word("channel"),
        provider: typed.line("provider"),
        category: typed.line("category").map(name::spelt),
        source_type: typed.line("source_type"),
        source_id: typed.line("source_id"),
    }
}

async fn search(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    filter: NotificationFilter,
    part: ListPart,
) -> Result<FoundNotifications, ConsoleError> {
    let older = Older::of(&filter, &part);
    let page = desks.notifications.page(visitor.tenant_id(), filter, part);
    let page = page.await?;
    Ok(FoundNotifications {
        rows: page.entries.iter().map(FoundRow::from).collect(),
        older: page.next.map(|next| older.after(next)),
    })
}

/// The address of the page of a search, without its place.
struct Older(url::form_urlencoded::Serializer<'static, String>);

impl Older {
    fn of(filter: &NotificationFilter, part: &ListPart) -> Self {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("user_id", filter.user_id.map(|it| it.to_string())),
            ("status", filter.status.map(|it| it.to_string())),
            ("reason", filter.reason.map(|it| it.to_string())),
            ("channel", filter.channel.map(|it| it.to_string())),
            ("provider", filter.provider.clone()),
            ("category", filter.category.clone()),
            ("source_type", filter.source_type.clone()),
            ("source_id", filter.source_id.clone()),
            ("since", part.since.map(|it| it.to_string())),
            ("until", part.until.map(|it| it.to_string())),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        Self(query)
    }

    fn after(mut self, next: Uuid) -> String {
        self.0.append_pair("after", &next.to_string());
        format!("/console/find?{}", self.0.finish())
    }
}

/// Whom or what somebody means who types an id, an address, a username or another system's id.
async fn whom(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    text: &str,
) -> Result<FoundWho, ConsoleError> {
    let tenant_id = visitor.tenant_id();
    if let Ok(id) = Uuid::parse_str(text) {
        match desks.notifications.get((tenant_id, id)).await {
            Ok(found) => return Ok(FoundWho::Notification(found.stored.id)),
            Err(DeskError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        return match desks.people.get((tenant_id, id)).await {
            Ok(person) => Ok(FoundWho::People(vec![person])),
            Err(DeskError::NotFound(_)) => Ok(FoundWho::People(vec![])),
            Err(error) => Err(error.into()),
        };
    }
    let email = address::canonical(Channel::Email, text).ok();
    let phone = address::canonical(Channel::Sms, text).ok();
    let filters = [
        email.map(|email| PersonFilter {
            email: Some(email),
            ..PersonFilter::default()
        }),
        phone.map(|phone| PersonFilter {
            phone: Some(phone),
            ..PersonFilter::default()
        }),
        Some(PersonFilter {
            external_id: Some(text.to_owned()),
            ..PersonFilter::default()
        }),
        Some(PersonFilter {
            username: Some(text.to_owned()),
            ..PersonFilter::default()
        }),
    ];
    let mut people: Vec<StoredPerson> = vec![];
    for filter in filters.into_iter().flatten() {
        let found = desks.people.page(tenant_id, filter, None, MOST_PEOPLE);
        for person in found.await? {
            if !people.iter().any(|known| known.id == person.id) {
                people.push(person);
            }
        }
    }
    Ok(FoundWho::People(people))
}

impl From<&StoredPerson> for FoundPerson {
    fn from(person: &StoredPerson) -> Self {
        let fields = &person.fields;
        let address = fields.email.as_deref().or(fields.phone.as_deref());
        Self {
            id: person.id,
            name: fields.name.clone().unwrap_or_default(),
            address: address.map(masked).unwrap_or_default(),
        }
    }
}

impl From<&StoredNotification> for FoundRow {
    fn from(it: &StoredNotification) -> Self {
        let source = it.source.as_ref();
        Self {
            id: it.id,
            at: it.created_at.into(),
            status: it.status.clone(),
            reason: it.reason.clone().unwrap_or_default(),
            lane: format!("{}.{}", it.channel, it.priority),
            to: it.recipient.as_deref().map(masked).unwrap_or_default(),
            category: it.category.clone().unwrap_or_default(),
            source: source.map_or_else(String::new, |(kind, id)| format!("{kind} {id}")),
            provider: it.provider.clone().unwrap_or_default(),
        }
    }
}
