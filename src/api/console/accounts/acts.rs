//! What may be done with an account.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use jiff::{SignedDuration, Timestamp};

use super::{PATH, account, needs, refused};
use crate::api::console::answer::{ConsoleError, html, see_other};
use crate::api::console::lists::escaped;
use crate::api::console::posted::ProvenForm;
use crate::api::console::typed::FieldKind;
use crate::api::providers::AskedProvider;
use crate::domain::{ApiAction, PauseKind};
use crate::ops::control::{DeskError, Desks, ProviderDeskError};
use crate::runtime::clock;

/// What may be changed here; secrets and settings by kind are changed by the API and by `herald apply`.
const FIELDS: &[(&str, FieldKind)] = &[
    ("is_active", FieldKind::Flag),
    ("priority", FieldKind::Number),
    ("weight", FieldKind::Number),
    ("rate_limit", FieldKind::Number),
    ("timeout_seconds", FieldKind::Number),
];
/// Longest time that an account may be stopped for.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Stops it for a while.
pub(super) async fn pause(
    form: ProvenForm,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let ProvenForm { visitor, mut typed } = form;
    needs(&visitor, ApiAction::Write)?;
    let name = name.into_inner();
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
    form: ProvenForm,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&form.visitor, ApiAction::Write)?;
    let name = name.into_inner();
    let resumed = desks.providers.resume(name.clone(), form.visitor.by());
    resumed.await.map_err(refused)?;
    Ok(done(&name, "resumed"))
}

/// Puts a test message to its provider.
pub(super) async fn test(
    form: ProvenForm,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let ProvenForm { visitor, mut typed } = form;
    needs(&visitor, ApiAction::Write)?;
    let name = name.into_inner();
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

/// Changes how it is used: whether at all, in which order, how fast.
pub(super) async fn change(
    form: ProvenForm,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let ProvenForm { visitor, mut typed } = form;
    needs(&visitor, ApiAction::Write)?;
    let name = name.into_inner();
    let asked = typed.as_api(FIELDS, |sent| Some(AskedProvider::read(sent)));
    let mut mistake = None;
    if let Some(asked) = asked {
        let change = desks
            .providers
            .change(name.clone(), asked.change(), visitor.by());
        match change.await {
            Ok(_) => return Ok(done(&name, "changed")),
            Err(ProviderDeskError::Settings(error)) => mistake = Some(error.to_string()),
            Err(error) => return Err(refused(error)),
        }
    }
    let mut page = account(&visitor, &desks, name, typed).await?;
    page.mistake = mistake;
    Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// When a pause that begins now is to end.
fn end(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let span = text.parse::<SignedDuration>().ok();
    let span = span.filter(|span| *span > SignedDuration::ZERO && *span <= LONGEST);
    let until = span.and_then(|span| now.checked_add(span).ok());
    until.ok_or_else(|| "Write a time as 90s, 30m or 2h, of at most 31 days (744h).".to_owned())
}

fn done(name: &str, word: &str) -> HttpResponse {
    see_other(&format!("{PATH}/{}?done={word}", escaped(name)))
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
