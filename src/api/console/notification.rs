//! One notification: its story, what it says, and what may be done with it.

mod acts;
mod content;
mod shown;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use self::content::ShownText;
use self::shown::{ShownDead, ShownNote, ShownStory, StoryRights};
use super::answer::{ConsoleError, html, id_of};
use super::frame::PageFrame;
use super::look;
use super::sent_form::SentForm;
use super::visitor::{ConsoleVisitor, public_url};
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{DeskError, Desks};

/// Most deliveries of webhooks that are shown.
const MOST_TOLD: usize = 100;

#[derive(Template)]
#[template(path = "console/notification.html")]
struct NotificationStoryPage {
    page: PageFrame,
    story: ShownStory,
    may: StoryRights,
    /// What webhooks were told; `None` for a key that may not know.
    told: Option<Vec<ShownNote>>,
    dead: Option<ShownDead>,
    /// What it says; `None` while it is masked.
    text: Option<Result<ShownText, String>>,
    /// The command that asks the API for the same.
    curl: String,
    /// Why something could not be done.
    mistake: Option<String>,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let of = |end: &str| format!("/notifications/{{id}}{end}");
    routes
        .service(web::resource(of("")).route(look(page)))
        .service(web::resource(of("/reveal")).route(web::post().to(acts::reveal)))
        .service(web::resource(of("/cancel")).route(web::post().to(acts::cancel)))
        .service(web::resource(of("/replay")).route(web::post().to(acts::replay)))
        .service(web::resource(of("/html")).route(look(content::frame)));
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let id = id_of(&id, "notification")?;
    let query = SentForm::of_query(&request)?;
    let mut page = story(&visitor, &desks, &request, id, false).await?;
    page.page = page.page.after(query.text("done"));
    Ok(html(StatusCode::OK, &page))
}

/// The page of a notification; `open` shows what is masked else, and is for those alone who may see it.
async fn story(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    request: &HttpRequest,
    id: Uuid,
    open: bool,
) -> Result<NotificationStoryPage, ConsoleError> {
    visitor.needs(ApiResource::Notifications, ApiAction::Read)?;
    let tenant_id = visitor.tenant_id();
    let whole = desks.notifications.get((tenant_id, id)).await?;
    let whose = (whole.stored.tenant_id, id);
    let told = match visitor.reads(ApiResource::Webhooks) {
        true => {
            let told = desks.webhooks.told_of(whose, MOST_TOLD).await?;
            Some(told.iter().map(ShownNote::from).collect())
        }
        false => None,
    };
    let dead = match visitor.reads(ApiResource::DeadLetters) {
        true => match desks.letters.get(tenant_id, id).await {
            Ok(letter) => Some(ShownDead::from(&letter)),
            Err(DeskError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        },
        false => None,
    };
    let text = match open {
        true => Some(content::text(visitor, desks, id).await?),
        false => None,
    };
    let base = public_url(request).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let base = base.trim_end_matches('/');
    let story = ShownStory::of(&whole, open);
    Ok(NotificationStoryPage {
        page: PageFrame::new(visitor, "Notification", "/console/find"),
        may: StoryRights::of(visitor, &whole.stored, dead.as_ref()),
        story,
        told,
        dead,
        text,
        curl: format!("curl {base}/v1/notifications/{id} -H \"Authorization: Bearer $KEY\""),
        mistake: None,
    })
}
