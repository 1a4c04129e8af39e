//! Stopping an account for a while, and letting it go on.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::{SignedDuration, Timestamp};
use utoipa::ToSchema;

use super::{MOST_BYTES, named};
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::fields::SentFields;
use crate::api::problem::Problem;
use crate::domain::PauseKind;
use crate::ops::control::Desks;
use crate::runtime::clock;

/// Longest reason.
const REASON_CHARS: usize = 500;
/// Longest pause.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// How an account is to be stopped.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `pause` reads")]
pub(super) struct AskedPause {
    /// Why.
    #[schema(min_length = 1, max_length = 500, example = "the provider moves house")]
    reason: String,
    /// `pause`: no request is started; `drain`: nothing new comes, and what it has in hand is sent. `pause`
    /// without it.
    kind: Option<String>,
    /// Until when, at most 31 days ahead; this or `for`.
    until: Option<Timestamp>,
    /// How long: `90s`, `30m`, `2h 30m`; this or `until`.
    #[schema(example = "30m")]
    r#for: Option<String>,
}

pub(super) async fn pause(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let name = named(name)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let kind = sent.text("kind", |text| {
        text.parse::<PauseKind>().map_err(|error| error.to_string())
    });
    let reason = sent.text("reason", reason);
    let reason = sent.required("reason", reason);
    let until = end(&mut sent, clock::now());
    let asked = sent.finish(reason.zip(until))?;
    let kind = kind.unwrap_or(PauseKind::Pause);
    let paused = desks.providers.pause(name, kind, asked, who.by()).await?;
    Ok(HttpResponse::Ok().json(paused))
}

pub(super) async fn resume(
    who: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let resumed = desks.providers.resume(named(name)?, who.by()).await?;
    Ok(HttpResponse::Ok().json(resumed))
}

/// When it is to end: said as a moment, or as a time from now.
fn end(sent: &mut SentFields, now: Timestamp) -> Option<Timestamp> {
    let in_range = |until: Timestamp| {
        let left = until.duration_since(now);
        left > SignedDuration::ZERO && left <= LONGEST
    };
    let why = || "a time from now on, at most 31 days ahead".to_owned();
    let until = sent.text("until", |text| {
        let until = text.parse::<Timestamp>().ok();
        until.filter(|until| in_range(*until)).ok_or_else(why)
    });
    let span = sent.text("for", |text| {
        let span = text.parse::<SignedDuration>().ok();
        let until = span.and_then(|span| now.checked_add(span).ok());
        until.filter(|until| in_range(*until)).ok_or_else(|| {
            "a time, as `90s`, `30m` or `2h 30m` is, of at most 31 days (744h)".to_owned()
        })
    });
    if until.is_some() && span.is_some() {
        sent.wrong(&["for"], "invalid", "`until` or `for`, and not both");
    }
    let said = until.or(span);
    match sent.has_wrong(&["until", "for"]) {
        true => None,
        false => sent.required("until", said),
    }
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    let length = text.chars().count();
    let good = (1..=REASON_CHARS).contains(&length) && !text.chars().any(char::is_control);
    let why = format!("1 to {REASON_CHARS} characters on one line");
    good.then(|| text.to_owned()).ok_or(why)
}
