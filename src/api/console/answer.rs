//! Answers: pages, and why there is none.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use uuid::Uuid;

use super::assets;
use super::guard;
use crate::api::problem::Problem;
use crate::ops::control::DeskError;

/// Why something cannot be shown or done.
#[derive(Debug)]
pub(super) enum ConsoleError {
    /// Nobody is signed in. Where they wanted to go.
    SignIn(String),
    /// A link of another site led here: the browser is to ask once more by itself, for it keeps our cookie back.
    AskAgain,
    /// The key lacks a scope.
    Scope(String),
    /// The key belongs to one tenant, and this to all.
    Operator,
    /// The form was not made for this session and this tenant, or another site posted it.
    Forged,
    /// What was sent makes no sense.
    Bad(&'static str),
    /// There is no such thing.
    NotFound(&'static str),
    /// What is there stands against it, in words.
    Conflict(String),
    /// The key has asked too often.
    TooMany(Duration),
    /// The body cannot be read, with its status.
    Unreadable(StatusCode),
    /// The database does not answer.
    Unavailable,
    /// RabbitMQ, or the database, does not answer.
    NoBroker,
    /// The engine is at fault.
    Failed,
}

/// The page that says why.
#[derive(Template)]
#[template(path = "console/error.html")]
struct ErrorPage<'a> {
    css: &'a str,
    icon: &'a str,
    title: &'a str,
    says: &'a str,
    asks_again: bool,
}

/// The id in a path; what is no UUID names no `thing`.
pub(super) fn id_of(text: &str, thing: &'static str) -> Result<Uuid, ConsoleError> {
    Uuid::parse_str(text).map_err(|_| ConsoleError::NotFound(thing))
}

impl ConsoleError {
    fn told(&self) -> (StatusCode, &'static str, String) {
        let (status, title, says) = match self {
            Self::SignIn(_) => (StatusCode::SEE_OTHER, "Sign in", "sign in first".to_owned()),
            Self::AskAgain => (
                StatusCode::OK,
                "One moment",
                "The page is being opened.".to_owned(),
            ),
            Self::Scope(scope) => {
                let says =
                    format!("Your API key has no scope {scope}. Sign in with one that has it.");
                (StatusCode::FORBIDDEN, "Not with this key", says)
            }
            Self::Operator => {
                let says =
                    "Your API key belongs to one tenant, and this belongs to all: ask an operator.";
                (StatusCode::FORBIDDEN, "Not with this key", says.to_owned())
            }
            Self::Forged => {
                let says = "The form is out of date: you signed in anew, or chose another tenant in another \
                            window. Nothing was changed. Open the page again.";
                (
                    StatusCode::FORBIDDEN,
                    "Nothing was changed",
                    says.to_owned(),
                )
            }
            Self::Bad(says) => (
                StatusCode::BAD_REQUEST,
                "That makes no sense",
                (*says).to_owned(),
            ),
            Self::NotFound(what) => (
                StatusCode::NOT_FOUND,
                "Not found",
                format!("There is no such {what}."),
            ),
            Self::Conflict(says) => (StatusCode::CONFLICT, "Nothing was changed", says.clone()),
            Self::TooMany(_) => {
                let says = "Your API key has asked too often. Wait a little.";
                (
                    StatusCode::TOO_MANY_REQUESTS,
                    "Too many requests",
                    says.to_owned(),
                )
            }
            Self::Unreadable(status) => (
                *status,
                "That makes no sense",
                "What was sent is no form, or too large.".to_owned(),
            ),
            Self::Unavailable => {
                let says =
                    "The database does not answer at the moment. Nothing was changed; try again.";
                (StatusCode::SERVICE_UNAVAILABLE, "Not now", says.to_owned())
            }
            Self::NoBroker => {
                let says = "RabbitMQ, or the database, does not answer at the moment. Try again; /readyz says what ails \
                            this node.";
                (StatusCode::SERVICE_UNAVAILABLE, "Not now", says.to_owned())
            }
            Self::Failed => {
                let says = "The engine failed at this request. Its log has the number of the request, which the \
                            answer carries in the header Herald-Request-Id.";
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong",
                    says.to_owned(),
                )
            }
        };
        (status, title, says)
    }
}

impl fmt::Display for ConsoleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told().2)
    }
}

impl ResponseError for ConsoleError {
    fn status_code(&self) -> StatusCode {
        self.told().0
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::SignIn(back) = self {
            let back: String = url::form_urlencoded::byte_serialize(back.as_bytes()).collect();
            return see_other(&format!("/console/sign-in?back={back}"));
        }
        let (status, title, says) = self.told();
        let page = ErrorPage {
            css: assets::css(),
            icon: assets::icon(),
            title,
            says: &says,
            asks_again: matches!(self, Self::AskAgain),
        };
        let mut answer = html(status, &page);
        let wait = match self {
            Self::TooMany(wait) => Some(wait.as_secs().saturating_add(1)),
            Self::Unavailable | Self::NoBroker => Some(1),
            _ => None,
        };
        if let Some(seconds) = wait {
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        answer
    }
}

impl From<DeskError> for ConsoleError {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NotFound(what) => Self::NotFound(what),
            DeskError::Conflict(_, says) => Self::Conflict(says),
            DeskError::Busy(why) | DeskError::Unavailable(why) => {
                tracing::warn!(why, "a page of the console could not be shown: no database");
                Self::Unavailable
            }
            DeskError::Failed(why) => {
                tracing::error!(why, "a page of the console could not be shown");
                Self::Failed
            }
        }
    }
}

impl From<Problem> for ConsoleError {
    fn from(problem: Problem) -> Self {
        Self::Unreadable(problem.status())
    }
}

/// A page.
pub(super) fn html(status: StatusCode, page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(text) => HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header(guard::vary())
            .body(text),
        Err(error) => {
            tracing::error!(%error, "a page of the console could not be rendered");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// Leads to another page of the console.
pub(super) fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .finish()
}

/// There is nothing at this path.
pub(super) async fn nothing_here(_: HttpRequest) -> HttpResponse {
    ConsoleError::NotFound("page").error_response()
}
