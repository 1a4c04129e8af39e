//! Errors as RFC 9457 problem details. Nothing of what was sent is repeated, and nothing of how it was
//! stored is told.

use std::fmt;

use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ops::control::DeskError;

/// What identifies a kind of problem, before its code.
pub(super) const TYPE: &str = "urn:herald:problem:";

/// An error, as it is shown: `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ShownProblem {
    /// What identifies the kind of problem.
    #[schema(example = "urn:herald:problem:not_found")]
    r#type: String,
    /// The words of the status.
    title: &'static str,
    /// The status, once more.
    status: u16,
    /// The stable word of the kind of problem.
    #[schema(example = "not_found")]
    code: &'static str,
    /// What is wrong, and what would be right.
    detail: String,
    /// Where that stands which stands against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    state: Option<&'static str>,
    /// All mistakes of what was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

/// Why a request is not answered as it was meant.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    state: Option<&'static str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, String)>,
}

/// One mistake in what was sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Where, as a JSON pointer.
    pub(super) pointer: String,
    /// The stable word.
    pub(super) code: &'static str,
    /// What is wrong, and what would be right.
    pub(super) detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            state: None,
            errors: vec![],
            headers: vec![],
        }
    }

    /// All that is wrong with a body or a query.
    pub(super) fn invalid(code: &'static str, errors: Vec<FieldError>) -> Self {
        let detail = "what was sent is not valid: see `errors`";
        Self {
            errors,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
        }
    }

    /// The status of the answer.
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// All mistakes of what was sent.
    pub(super) fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    pub(super) fn not_found(what: &str) -> Self {
        let detail = format!("there is no such {what}");
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(super) fn internal() -> Self {
        let detail = "the engine failed at this request; its log has the request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    pub(super) fn unavailable() -> Self {
        let detail = "the database does not answer at the moment; nothing was changed, try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with(header::RETRY_AFTER, "1")
    }

    /// The same with mistakes of what was sent.
    pub(super) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// What is there stands against it: this is where it stands.
    pub(super) fn conflict(
        code: &'static str,
        state: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            state: Some(state),
            ..Self::new(StatusCode::CONFLICT, code, detail)
        }
    }

    /// As it is shown.
    pub(super) fn shown(&self) -> ShownProblem {
        ShownProblem {
            r#type: format!("{TYPE}{}", self.code),
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail.clone(),
            state: self.state,
            errors: self.errors.clone(),
        }
    }

    /// The same with a header.
    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NotFound(what) => Self::not_found(what),
            DeskError::Conflict(code, words) => Self::new(StatusCode::CONFLICT, code, words),
            DeskError::Busy(why) => {
                tracing::info!(
                    why,
                    "a request could not be answered: others change the same"
                );
                let detail =
                    "others change the same at this moment; nothing was changed, try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
                    .with(header::RETRY_AFTER, "1")
            }
            DeskError::Unavailable(why) => {
                tracing::warn!(why, "a request could not be answered: no database");
                Self::unavailable()
            }
            DeskError::Failed(why) => {
                tracing::error!(why, "a request could not be answered");
                Self::internal()
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

/// What breaks an answer off that has begun.
impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let body = self.shown();
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.as_str()));
        }
        response.content_type("application/problem+json").json(body)
    }
}

/// There is nothing at this path.
pub(super) async fn nothing_here(request: HttpRequest) -> HttpResponse {
    let detail = format!("there is nothing at {}", request.path());
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail).error_response()
}

/// There is something at this path, but this cannot be done with it; whoever asks what can is told.
pub(super) fn other_method(method: &Method, allowed: &str) -> HttpResponse {
    if *method == Method::OPTIONS {
        return HttpResponse::NoContent()
            .insert_header((header::ALLOW, allowed))
            .finish();
    }
    let detail = format!("allowed here: {allowed}");
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Problem::new(status, "method_not_allowed", detail)
        .with(header::ALLOW, allowed)
        .error_response()
}
