//! What may be done with an account.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::{SignedDuration, Timestamp};

use super::{PATH, account, needs, refused};
use crate::api::console::answer::{ConsoleError, html, see_other};
use crate::api::console::sent_form::SentForm;
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, PauseKind};
use crate::ops::control::{DeskError, Desks, ProviderDeskError};
use crate::runtime::clock;

/// Longest time that an account may be stopped for.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Stops it for a while.
pub(super) async fn pause(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ConsoleError> {
    let name = name.into_inner();
    let mut typed = TypedFields::of(SentForm::of(&visitor, &request, payload).await?);
    needs(&visitor, ApiAction::Write)?;
    let kind = typed.word::<PauseKind>("kind").unwrap_or(PauseKind::Pause);
    let reason = typed.line("reason");
    let until = typed.read("for", |text| end(text, clock::now()));
    for name in ["reason", "for"] {
        if typed.value(name).trim().is_empty() {
            typed.wrong(name, "Say it: others will want to know.");
        }
    }
    if let (Some(reason), Some(until), false) = (reason, until, typed.is_wrong()) {
        let asked = (reason, until);
        let paused = desks
            .providers
            .pause(name.clone(), kind, asked, visitor.by());
        paused.await.map_err(refused)?;
        return Ok(done(&name, "paused"));
    }
    let page = account(&visitor, &desks, name, typed).await?;
    Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Ends its pause.
pub(super) async fn resume(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ConsoleError> {
    SentForm::of(&visitor, &request, payload).await?;
    needs(&visitor, ApiAction::Write)?;
    let name = name.into_inner();
    let resumed = desks.providers.resume(name.clone(), visitor.by());
    resumed.await.map_err(refused)?;
    Ok(done(&name, "resumed"))
}

/// Puts a test message to its provider.
pub(super) async fn test(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ConsoleError> {
    let name = name.into_inner();
    let mut typed = TypedFields::of(SentForm::of(&visitor, &request, payload).await?);
    needs(&visitor, ApiAction::Write)?;
    let to = typed.line("to");
    let tested = match typed.is_wrong() {
        true => None,
        false => Some(desks.providers.test(name.clone(), to, visitor.by()).await),
    };
    let mut page = account(&visitor, &desks, name, typed).await?;
    match tested {
        Some(Ok(tested)) => {
            page.tested = Some(tested);
            Ok(html(StatusCode::OK, &page))
        }
        Some(Err(ProviderDeskError::Desk(DeskError::Conflict(_, says)))) => {
            page.mistake = Some(says);
            Ok(html(StatusCode::CONFLICT, &page))
        }
        Some(Err(error)) => Err(refused(error)),
        None => Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page)),
    }
}

/// When a pause that begins now is to end.
fn end(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let span = text.parse::<SignedDuration>().ok();
    let span = span.filter(|span| *span > SignedDuration::ZERO && *span <= LONGEST);
    let until = span.and_then(|span| now.checked_add(span).ok());
    until.ok_or_else(|| "Write a time as 90s, 30m or 2h, of at most 31 days (744h).".to_owned())
}

fn done(name: &str, word: &str) -> HttpResponse {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    // In a path a space is no plus.
    see_other(&format!("{PATH}/{}?done={word}", name.replace('+', "%20")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_has_an_end() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let half: Timestamp = "2026-11-30T12:30:00Z".parse().unwrap();
        assert_eq!(end("30m", now), Ok(half));
        for odd in ["", "0s", "-5m", "never", "745h", "30"] {
            assert!(end(odd, now).is_err(), "{odd}");
        }
    }
}
