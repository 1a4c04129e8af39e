//! What would happen to an envelope now: an editor, and the answer rule by rule. Nothing is sent, stored or counted.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::Value;

use super::answer::{ConsoleError, html};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::look;
use super::posted::ProvenForm;
use super::sent_form::SentForm;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, Content};
use crate::ops::control::{Desks, Refusal, SaidBeside, ShownExplanation};

/// The envelope that the editor begins with.
const EXAMPLE: &str = r#"{
  "version": 1,
  "user_id": "",
  "channel": "email",
  "priority": "normal",
  "category": "orders",
  "content": { "subject": "Hello", "body": "Your order is on its way." }
}"#;

#[derive(Template)]
#[template(path = "console/explain.html")]
struct ExplainPage {
    page: PageFrame,
    envelope: String,
    /// What is wrong with the envelope: where, and what.
    mistakes: Vec<(String, String)>,
    answer: Option<ExplainedAnswer>,
    /// Whether contents may be shown.
    shows: bool,
}

/// What would happen.
struct ExplainedAnswer {
    says: String,
    outcome: &'static str,
    reason: Option<String>,
    until: Option<ShownMoment>,
    rules: Vec<ExplainedRule>,
    route: Vec<ExplainedPlace>,
    /// What would be sent; masked for a key that may not see contents.
    content: Option<String>,
    render_error: Option<String>,
}

/// What a rule says.
struct ExplainedRule {
    name: &'static str,
    verdict: String,
    says: String,
    said_by: Option<String>,
    would_change: Option<String>,
    objects: bool,
}

/// An account.
struct ExplainedPlace {
    place: String,
    name: String,
    says: String,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let explain = web::resource("/explain")
        .route(look(editor))
        .route(web::post().to(explain));
    routes.service(explain);
}

async fn editor(
    visitor: ConsoleVisitor,
    request: HttpRequest,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Notifications, ApiAction::Read)?;
    SentForm::of_query(&request)?;
    let page = ExplainPage::of(&visitor, EXAMPLE.to_owned());
    Ok(html(StatusCode::OK, &page))
}

async fn explain(form: ProvenForm, desks: Data<Desks>) -> Result<HttpResponse, ConsoleError> {
    let ProvenForm { visitor, typed } = form;
    visitor.needs(ApiResource::Notifications, ApiAction::Read)?;
    let envelope = typed.value("envelope").to_owned();
    let mut page = ExplainPage::of(&visitor, envelope);
    let beside = SaidBeside {
        tenant_id: visitor.own_tenant(),
        idempotency_key: None,
        traceparent: None,
        request_id: visitor.request_id(),
    };
    let order = match desks.accept.read(page.envelope.as_bytes(), &beside) {
        Ok(order) => order,
        Err(refusal) => return Ok(page.refused(&refusal)),
    };
    // What belongs to another tenant does not exist for this one.
    if visitor
        .tenant_id()
        .is_some_and(|own| own != order.envelope.tenant_id)
    {
        let place = "/tenant_id".to_owned();
        page.mistakes = vec![(place, "There is no such tenant.".to_owned())];
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    match desks
        .explaining
        .explain(order, visitor.is_operator())
        .await?
    {
        Ok(explanation) => {
            page.answer = Some(ExplainedAnswer::of(explanation, page.shows));
            Ok(html(StatusCode::OK, &page))
        }
        Err(refusal) => Ok(page.refused(&refusal)),
    }
}

impl ExplainPage {
    fn of(visitor: &ConsoleVisitor, envelope: String) -> Self {
        Self {
            page: PageFrame::new(visitor, "What would happen now?", "/console/explain"),
            envelope,
            mistakes: vec![],
            answer: None,
            shows: visitor.reads(ApiResource::Contents),
        }
    }

    fn refused(mut self, refusal: &Refusal) -> HttpResponse {
        let mistakes = refusal.mistakes.iter();
        let told = mistakes.map(|it| (it.pointer.clone(), it.detail.clone()));
        self.mistakes = told.collect();
        if self.mistakes.is_empty() {
            self.mistakes = vec![(refusal.reason.to_string(), refusal.detail.clone())];
        }
        html(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

impl ExplainedAnswer {
    fn of(it: ShownExplanation, shows: bool) -> Self {
        let rules = it.rules.into_iter().map(|rule| ExplainedRule {
            name: rule.rule,
            verdict: word(&rule.verdict),
            says: rule.says,
            said_by: rule.said_by.map(|source| words(&source)),
            would_change: rule.would_change,
            objects: rule.outcome.is_some(),
        });
        let route = it.route.into_iter().map(|account| ExplainedPlace {
            place: account
                .place
                .map_or_else(|| "–".to_owned(), |it| it.to_string()),
            name: account.name,
            says: account.says,
        });
        Self {
            says: it.says,
            outcome: it.outcome,
            reason: it.reason,
            until: it.until.map(ShownMoment::from),
            rules: rules.collect(),
            route: route.collect(),
            content: it.content.filter(|_| shows).map(text),
            render_error: it.render_error,
        }
    }
}

/// A word of a closed list, as JSON has it.
fn word(word: &impl serde::Serialize) -> String {
    match serde_json::to_value(word) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The row or setting that says something, as `kind channel=email field=quiet_hours_start`.
fn words(source: &impl serde::Serialize) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(source) else {
        return String::new();
    };
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let kind = fields.get("kind").map(plain).unwrap_or_default();
    let others = fields.iter();
    let others = others.filter(|(name, value)| *name != "kind" && !value.is_null());
    let others = others.map(|(name, value)| format!(" {name}={}", plain(value)));
    kind + &others.collect::<String>()
}

/// What would be sent, as JSON: its HTML is shown as text.
fn text(content: Content) -> String {
    serde_json::to_string_pretty(&content).unwrap_or_default()
}
