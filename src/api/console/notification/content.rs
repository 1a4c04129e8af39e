//! What a notification says. Text stands on the page, escaped; HTML stands in a frame of its own that may do nothing.

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderName};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use crate::api::console::answer::{ConsoleError, id_of};
use crate::api::console::sent_form::SentForm;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, is_same_proof};
use crate::ops::control::{DeskError, Desks};
use crate::runtime::clock;

/// Of the frame: no script, no form, no window, nothing from elsewhere, whatever the HTML says.
const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'self'";
/// Seconds for which a frame may be loaded once its page was shown, at least; at most twice as many.
const SPAN: i64 = 600;
const PROOF: &str = "proof";
const REFERRER: HeaderName = HeaderName::from_static("referrer-policy");

/// What a notification says, on its page.
#[derive(Debug, Clone)]
pub(super) struct ShownText {
    /// How that is known.
    pub(super) known_by: String,
    pub(super) subject: Option<String>,
    pub(super) title: Option<String>,
    pub(super) body: Option<String>,
    /// Data for apps, as JSON.
    pub(super) data: Option<String>,
    /// The address of the frame with the HTML.
    pub(super) frame: Option<String>,
}

/// What it says; or why nobody knows.
pub(super) async fn text(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    id: Uuid,
) -> Result<Result<ShownText, String>, ConsoleError> {
    let read = match desks.notifications.content((visitor.tenant_id(), id)).await {
        Ok(read) => read,
        Err(DeskError::NotFound(what)) => return Ok(Err(format!("There is no {what}."))),
        Err(error) => return Err(error.into()),
    };
    let known_by = match read.rendered_from {
        None => "As it was published.".to_owned(),
        Some(from) => {
            let locale = from.locale.map(|locale| format!(", language {locale}"));
            format!(
                "Rendered again from template {}, version {}{}.",
                from.template,
                from.version,
                locale.unwrap_or_default()
            )
        }
    };
    let content = read.content;
    let data = content.data.filter(|data| !data.is_empty());
    Ok(Ok(ShownText {
        known_by,
        subject: content.subject,
        title: content.title,
        body: content.body,
        data: data.and_then(|data| serde_json::to_string_pretty(&data).ok()),
        frame: content.html.map(|_| frame_of(visitor, id)),
    }))
}

/// The address of the frame: it holds for this session and for some minutes.
fn frame_of(visitor: &ConsoleVisitor, id: Uuid) -> String {
    let proof = visitor.token().shown_proof(&id.to_string(), span());
    format!("/console/notifications/{id}/html?{PROOF}={proof}")
}

fn span() -> i64 {
    clock::now().as_second().div_euclid(SPAN)
}

/// The frame with the HTML, for a page that was shown.
pub(super) async fn frame(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Contents, ApiAction::Read)?;
    visitor.needs(ApiResource::Notifications, ApiAction::Read)?;
    let id = id_of(&id, "notification")?;
    let query = SentForm::of_query(&request)?;
    let spans = [span(), span() - 1];
    let is_shown = spans.iter().any(|span| {
        let proof = visitor.token().shown_proof(&id.to_string(), *span);
        is_same_proof(query.text(PROOF), &proof)
    });
    if !is_shown {
        return Err(ConsoleError::Bad(
            "What a message says is shown by the button on its page, and for some minutes.",
        ));
    }
    let read = desks
        .notifications
        .content((visitor.tenant_id(), id))
        .await?;
    let html = read.content.html;
    let html = html.ok_or(ConsoleError::NotFound("HTML"))?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER, "no-referrer"))
        .body(html))
}
