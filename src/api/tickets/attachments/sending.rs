//! A file as it is sent: as a form with one part, or as it is. No more than a chunk of it is in memory here.

use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ContentDisposition};
use actix_web::web::{Bytes, Payload};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use crate::api::body;
use crate::api::problem::{FieldError, Problem};
use crate::runtime::clock;

/// Longest wait for the next bytes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest time for all of it.
const WITHIN: Duration = Duration::from_secs(15 * 60);
const FORM: &str = "multipart/form-data";

/// A file that is being sent.
pub(super) struct SentFile {
    way: Way,
    name: String,
    kind: Option<String>,
    until: Instant,
}

enum Way {
    Whole(Payload),
    Form(Box<Multipart>, Option<Box<Field>>),
}

impl SentFile {
    /// Reads what is before the file.
    pub(super) async fn of(
        request: &HttpRequest,
        payload: Payload,
        name: Option<String>,
    ) -> Result<Self, Problem> {
        body::is_plain(request)?;
        let until = clock::instant() + WITHIN;
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        let essence = kind.unwrap_or_default().split(';').next();
        let is_form = essence.is_some_and(|it| it.trim().eq_ignore_ascii_case(FORM));
        if !is_form {
            let kind = kind.map(str::to_owned);
            let said = request.headers().get(CONTENT_DISPOSITION);
            let said = said.and_then(|said| ContentDisposition::from_raw(said).ok());
            let said = said.as_ref().and_then(file_name);
            let Some(name) = name.or(said) else {
                return Err(wrong("filename", "required", "say what the file is called"));
            };
            let way = Way::Whole(payload);
            return Ok(Self {
                way,
                name,
                kind,
                until,
            });
        }
        let mut form = Multipart::new(request.headers(), payload);
        let first = in_time(form.next(), until).await?;
        let field = match first {
            Some(Ok(field)) if field.name() == Some("file") => field,
            Some(Ok(_)) | None => return Err(only_file()),
            Some(Err(_)) => return Err(malformed()),
        };
        let said = field.content_disposition().and_then(file_name);
        let kind = field.content_type().map(ToString::to_string);
        Ok(Self {
            name: name.or(said).unwrap_or_default(),
            kind,
            way: Way::Form(Box::new(form), Some(Box::new(field))),
            until,
        })
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it is said to be.
    pub(super) fn kind(&self) -> Option<String> {
        self.kind.clone()
    }

    /// The next bytes; `None` is its end, and that of all that is sent.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let until = self.until;
        match &mut self.way {
            Way::Whole(payload) => match in_time(payload.next(), until).await? {
                Some(Ok(bytes)) => Ok(Some(bytes)),
                Some(Err(_)) => Err(malformed()),
                None => Ok(None),
            },
            Way::Form(form, field) => {
                if let Some(open) = field {
                    match in_time(open.next(), until).await? {
                        Some(Ok(bytes)) => return Ok(Some(bytes)),
                        Some(Err(_)) => return Err(malformed()),
                        // The form goes on once nobody holds the part any more.
                        None => *field = None,
                    }
                }
                match in_time(form.next(), until).await? {
                    None => Ok(None),
                    Some(Ok(_)) => Err(only_file()),
                    Some(Err(_)) => Err(malformed()),
                }
            }
        }
    }
}

/// The name that is said: rather the one that may have any characters.
fn file_name(said: &ContentDisposition) -> Option<String> {
    let wide = said.get_filename_ext();
    let wide = wide.map(|it| String::from_utf8_lossy(&it.value).into_owned());
    wide.or_else(|| said.get_filename().map(str::to_owned))
}

async fn in_time<T>(waited: impl Future<Output = T>, until: Instant) -> Result<T, Problem> {
    let until = until.min(clock::instant() + PATIENCE);
    timeout_at(until, waited).await.map_err(|_| {
        let detail = format!(
            "nothing came for {} s, or not all in time",
            PATIENCE.as_secs()
        );
        Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail)
    })
}

fn malformed() -> Problem {
    let detail = "the body is no form in multipart/form-data, or broke off";
    Problem::new(StatusCode::BAD_REQUEST, "malformed_form", detail)
}

fn only_file() -> Problem {
    wrong("file", "required", "the form has one part, `file`")
}

fn wrong(name: &str, code: &'static str, detail: &str) -> Problem {
    let error = FieldError {
        pointer: format!("/{name}"),
        code,
        detail: detail.to_owned(),
    };
    Problem::invalid("invalid_body", vec![error])
}
