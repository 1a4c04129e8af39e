//! Dead letters: by reason, one by one, and sent on their way again as a job that can be watched.

mod job;
mod replaying;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::answer::{ConsoleError, html};
use super::figures::{ShownMoment, number};
use super::frame::PageFrame;
use super::look;
use super::mask::masked;
use super::sent_form::SentForm;
use super::typed::TypedFields;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, Channel, Reason, TimePlace};
use crate::ops::control::{DeadLetter, Desks, LetterFilter};

/// Entries of a page.
const MOST: usize = 50;
/// Where the desk is.
const PATH: &str = "/console/dead-letters";

#[derive(Template)]
#[template(path = "console/letters.html")]
struct LettersPage {
    page: PageFrame,
    typed: TypedFields,
    reasons: Vec<Reason>,
    channels: &'static [Channel],
    /// How many there are for each reason, up to a bound.
    counts: Vec<(String, String)>,
    letters: Vec<ListedLetter>,
    /// The address of the next page.
    older: Option<String>,
    /// Whether they may be sent on their way again.
    writes: bool,
    /// What a replay would do.
    plan: Option<ShownPlanned>,
}

/// A dead letter in a list.
struct ListedLetter {
    notification_id: Uuid,
    at: ShownMoment,
    reason: String,
    to: String,
    channel: String,
    provider: String,
    says: String,
}

/// What a replay would do now.
struct ShownPlanned {
    planned: String,
    judged: String,
    results: Vec<(String, String)>,
    rate: String,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("/dead-letters").route(look(page)))
        .service(web::resource("/dead-letters/replay").route(web::post().to(replaying::replay)))
        .service(web::resource("/jobs").route(look(job::list)))
        .service(web::resource("/jobs/{id}").route(look(job::page)))
        .service(web::resource("/live/jobs/{id}").route(look(job::part)))
        .service(web::resource("/jobs/{id}/{turn}").route(web::post().to(job::turn)));
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    let typed = TypedFields::of(SentForm::of_query(&request)?);
    let page = letters(&visitor, &desks, typed).await?;
    Ok(html(page.status(), &page))
}

/// The page of the letters that a form means.
async fn letters(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    mut typed: TypedFields,
) -> Result<LettersPage, ConsoleError> {
    visitor.needs(ApiResource::DeadLetters, ApiAction::Read)?;
    let filter = filter(visitor, &mut typed);
    let after = typed.read("after", |text| {
        text.parse::<TimePlace>()
            .map_err(|_| "That is no place in the list.".to_owned())
    });
    let counts = desks.overview.letter_reasons(visitor.tenant_id()).await?;
    let mut found = match typed.is_wrong() {
        true => vec![],
        false => desks.letters.page(filter.clone(), after, MOST + 1).await?,
    };
    let goes_on = found.len() > MOST;
    found.truncate(MOST);
    let last = found.last().filter(|_| goes_on).map(DeadLetter::place);
    let counts = counts.into_iter();
    Ok(LettersPage {
        page: PageFrame::new(visitor, "Dead letters", PATH),
        typed,
        reasons: Reason::failures().collect(),
        channels: Channel::ALL,
        counts: counts
            .map(|(reason, count)| (reason, number(count)))
            .collect(),
        letters: found.iter().map(ListedLetter::from).collect(),
        older: last.map(|last| address(&filter, Some(last))),
        writes: visitor.writes(ApiResource::DeadLetters),
        plan: None,
    })
}

/// Which letters a form means: those that nobody has dealt with.
fn filter(visitor: &ConsoleVisitor, typed: &mut TypedFields) -> LetterFilter {
    LetterFilter {
        tenant_id: visitor.tenant_id(),
        reason: typed.read("reason", Reason::failure),
        channel: typed.word("channel"),
        provider: typed.line("provider"),
        since: typed.moment("since"),
        until: typed.moment("until"),
        resolved: Some(false),
        id: None,
    }
}

/// The address of the page of the letters that a filter means, behind a place.
fn address(filter: &LetterFilter, after: Option<TimePlace>) -> String {
    let fields = [
        ("reason", filter.reason.map(|it| it.to_string())),
        ("channel", filter.channel.map(|it| it.to_string())),
        ("provider", filter.provider.clone()),
        ("since", filter.since.map(|it| it.to_string())),
        ("until", filter.until.map(|it| it.to_string())),
        ("after", after.map(|it| it.to_string())),
    ];
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    format!("{PATH}?{}", query.finish())
}

impl LettersPage {
    fn status(&self) -> StatusCode {
        match self.typed.is_wrong() {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false => StatusCode::OK,
        }
    }
}

impl From<&DeadLetter> for ListedLetter {
    fn from(letter: &DeadLetter) -> Self {
        let of = letter.notification.as_ref();
        let text = |of: Option<&String>| of.cloned().unwrap_or_default();
        Self {
            notification_id: letter.notification_id,
            at: letter.moved_at.into(),
            reason: match &letter.reason {
                Ok(reason) => reason.to_string(),
                Err(unknown) => unknown.word.clone(),
            },
            to: match of {
                Some(of) if of.is_redacted => "redacted".to_owned(),
                of => of
                    .and_then(|of| of.recipient.as_deref())
                    .map(masked)
                    .unwrap_or_default(),
            },
            channel: text(of.map(|of| &of.channel)),
            provider: text(of.and_then(|of| of.provider.as_ref())),
            says: text(of.and_then(|of| of.error_message.as_ref())),
        }
    }
}
