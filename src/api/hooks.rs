//! `/hooks`: where providers tell what became of messages. They have no key of ours: they sign.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::authority::Authority;
use super::body;
use super::endpoint::{Endpoint, OtherBody};
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, EventRefusal, ProviderKind};
use crate::ops::control::{Desks, EventHead, HookError};
use crate::runtime::clock;

/// Largest body of a provider's call. SendGrid's have up to 768 kB.
const MOST_BYTES: usize = 2 * 1_024 * 1_024;
/// Largest body of Twilio's, whose calls are about one message: each costs a signature before it is believed.
const MOST_TWILIO_BYTES: usize = 64 * 1_024;
/// Bodies up to this size are read without leave: they are as small as the head.
const SMALL_BYTES: usize = 64 * 1_024;
/// Largest mail that is handed over.
const MOST_MAIL_BYTES: usize = 4 * 1_024 * 1_024;

const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/hooks/sendgrid/{provider}", sendgrid)
            .named("tellSendgridEvents", "SendGrid's Event Webhook calls here")
            .details(
                "The body is a JSON array of events, signed as SendGrid does it with the account's \
                 `event_public_key`. What was told before is not told again.",
            )
            .other_bodies(&[("application/json", OtherBody::Objects)])
            .problem(403, "events_refused")
            .problem(404, "not_found")
            .problem(413, "too_large")
            .problem(503, "overloaded")
            .answers_other(204, "everything is stored", None),
        Endpoint::post("/hooks/twilio/{provider}", twilio)
            .named("tellTwilioEvents", "Twilio's status callbacks and incoming messages")
            .details(
                "The body is a form or JSON, signed as Twilio does it with the account's auth token over the \
                 public URL.",
            )
            .other_bodies(&[(FORM, OtherBody::Fields), ("application/json", OtherBody::Fields)])
            .problem(403, "events_refused")
            .problem(404, "not_found")
            .problem(413, "too_large")
            .problem(503, "overloaded")
            .answers_other(204, "it is stored", None),
        Endpoint::post("/hooks/smtp/{provider}", smtp)
            .named("handMailOver", "Takes a mail that came back")
            .details(
                "The body is the whole mail, `Content-Type: message/rfc822`: a delivery status notification or \
                 a report of abuse.",
            )
            .operator(ApiResource::ProviderEvents, ApiAction::Write)
            .query("recipient", "to whom it came, as the mail server knows it", super::parameters::words(320))
            .problem(403, "events_refused")
            .problem(404, "not_found")
            .problem(413, "too_large")
            .problem(415, "unsupported_media_type")
            .problem(503, "overloaded")
            .answers_other(204, "it is stored", None),
    ]
}

async fn sendgrid(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    take(
        (ProviderKind::Sendgrid, &name),
        &request,
        (payload, MOST_BYTES),
        &desks,
    )
    .await
}

async fn twilio(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    take(
        (ProviderKind::Twilio, &name),
        &request,
        (payload, MOST_TWILIO_BYTES),
        &desks,
    )
    .await
}

async fn smtp(
    _: Authority,
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (kind, _) = kind.split_once(';').unwrap_or((kind, ""));
    if !kind.trim().eq_ignore_ascii_case("message/rfc822") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let detail = "send the whole mail, with `Content-Type: message/rfc822`";
        return Err(Problem::new(status, "unsupported_media_type", detail));
    }
    let body = (payload, MOST_MAIL_BYTES);
    take((ProviderKind::Smtp, &name), &request, body, &desks).await
}

async fn take(
    (kind, name): (ProviderKind, &str),
    request: &HttpRequest,
    (payload, most): (Payload, usize),
    desks: &Desks,
) -> Result<HttpResponse, Problem> {
    let called = request.uri().path_and_query();
    let called = called.map_or("/", |it| it.as_str());
    let url = desks.hooks.url_of(called);
    let headers = request.headers().iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let head = EventHead {
        url: url.as_deref(),
        query: request.uri().query().unwrap_or_default(),
        headers: headers.collect(),
        now: clock::now(),
    };
    let call = desks.hooks.admit(kind, name, &head).await?;
    let leave = || desks.hooks.leave().map_err(Problem::from);
    let body = body::of_strangers(request, payload, (SMALL_BYTES, most), leave).await?;
    desks.hooks.take(call, &head, &body).await?;
    Ok(HttpResponse::NoContent().finish())
}

impl From<HookError> for Problem {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Desk(error) => error.into(),
            HookError::Refused(EventRefusal::UnknownAccount) => Self::not_found("provider"),
            HookError::Refused(why) => {
                Self::new(StatusCode::FORBIDDEN, "events_refused", refusal(why))
            }
            HookError::Overloaded => {
                let detail = "too many calls are being read; nothing was stored, try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
                    .with(header::RETRY_AFTER, "1")
            }
        }
    }
}

const fn refusal(why: EventRefusal) -> &'static str {
    match why {
        EventRefusal::UnknownAccount => "there is no such provider",
        EventRefusal::NoKey => {
            "the provider takes no events: its config has nothing that proves them; set event_public_key (SendGrid), \
             auth_token (Twilio, where api_key is an API key), or return_path_domain and return_path_secret (SMTP)"
        }
        EventRefusal::NoPublicUrl => {
            "nobody said under which URL we are called: set http.public_url"
        }
        EventRefusal::Unsigned => "the call is not signed",
        EventRefusal::WrongSignature => {
            "the signature is not that of this body, this URL and the provider's key"
        }
        EventRefusal::Stale => "the call was signed too long ago, or ahead of our clock",
    }
}
