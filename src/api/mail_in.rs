//! `/hooks/mail/sendgrid/{secret}`: SendGrid's Inbound Parse hands mails to the support desk over here.
//!
//! What is answered with an error is handed over again, for days. So only what another time may bring right is: a
//! mail that nobody can read, or that is to none of our addresses, was taken, and is counted.

use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;
use uuid::Uuid;

use super::body;
use super::endpoint::{Endpoint, OtherBody};
use super::problem::Problem;
use super::server_settings::ServerSettings;
use crate::domain::sendgrid_key::{
    SENDGRID_SIGNATURE, SENDGRID_TIMESTAMP, SendgridCallKey, may_be_signed_at,
};
use crate::domain::{Channel, MailEnd, address};
use crate::ops::control::{Desks, PersonFilter};
use crate::runtime::clock;
use crate::tickets::desk::{AddressedMail, MailTaken, TicketDesk};
use crate::tickets::domain::MailPart;

/// Longest time for all of a mail.
const WITHIN: Duration = Duration::from_secs(60);
/// How long ago a call may have been signed: SendGrid hands a mail over again for three days, and nobody says that it
/// signs anew. What was taken is known for longer.
const WINDOW: SignedDuration = SignedDuration::from_hours(73);
/// What a form may have beside the bytes of its parts.
const FORM_BYTES: usize = 1_024 * 1_024;
const REFUSED: &str = "mail_refused";
/// Most parts of the form.
const MOST_PARTS: usize = 300;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/hooks/mail/sendgrid/{secret}", sendgrid)
            .named("handInboundMailOver", "SendGrid's Inbound Parse calls here")
            .details(
                "With `tickets.mail.hook_secret` in the path, and signed where `tickets.mail.hook_public_key` is set. The \
                 body is SendGrid's form, with the mail in parts or as it came (`email`). Mails to no ticket are counted \
                 and dropped.",
            )
            .other_bodies(&[("multipart/form-data", OtherBody::Fields)])
            .problem(403, REFUSED)
            .problem(404, "not_found")
            .problem(408, "timeout")
            .problem(413, "too_large")
            .problem(503, "overloaded")
            .answers_other(204, "there is nothing more to do with it", None),
    ]
}

async fn sendgrid(
    request: HttpRequest,
    payload: Payload,
    secret: Path<String>,
    desks: Data<Desks>,
    desk: Data<TicketDesk>,
    settings: Data<ServerSettings>,
) -> Result<HttpResponse, Problem> {
    if desk.hands_mail_over(&secret) != Some(true) {
        return Err(Problem::not_found("path"));
    }
    let _leave = desk.mail_leave().ok_or_else(overloaded)?;
    body::is_plain(&request)?;
    let most = desk.most_mail_bytes();
    let reading = async {
        let form = match &settings.mail_key {
            None => Multipart::new(request.headers(), payload),
            Some(key) => {
                let proven = proven(key, &request, payload, most).await;
                proven.inspect_err(|problem| refused(problem, &desks))?
            }
        };
        parts(form, most).await
    };
    let parts = timeout(WITHIN, reading).await;
    let parts = parts.unwrap_or_else(|_| {
        let detail = format!("the mail did not end within {} s", WITHIN.as_secs());
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail))
    })?;
    let end = match parts {
        Some(parts) => taken(parts, &desk, &desks).await?,
        None => MailEnd::Malformed,
    };
    desks.control.count_mail(end);
    Ok(HttpResponse::NoContent().finish())
}

/// The form, if it is signed: nothing is looked at before, and all of it is in memory for that.
async fn proven(
    key: &SendgridCallKey,
    request: &HttpRequest,
    payload: Payload,
    most: usize,
) -> Result<Multipart, Problem> {
    let (signature, timestamp) = signed_head(request, clock::now())?;
    let body = body::whole(request, payload, most.saturating_add(FORM_BYTES)).await?;
    if !key.is_signed(signature, timestamp, &body) {
        return Err(not_proven("the signature is not right"));
    }
    let body = stream::iter([Ok::<_, PayloadError>(Bytes::from(body))]);
    Ok(Multipart::new(request.headers(), body))
}

/// Signature and timestamp of a call that may be signed.
fn signed_head(request: &HttpRequest, now: Timestamp) -> Result<(&str, &str), Problem> {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let signed = header(SENDGRID_SIGNATURE).zip(header(SENDGRID_TIMESTAMP));
    let (signature, timestamp) = signed.ok_or_else(|| not_proven("it is not signed"))?;
    match may_be_signed_at(timestamp, now, WINDOW) {
        true => Ok((signature, timestamp)),
        false => Err(not_proven("it was signed too long ago, or in the future")),
    }
}

fn not_proven(why: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, REFUSED, why)
}

/// Counts what is not taken, for the operator: nobody else hears of it.
fn refused(problem: &Problem, desks: &Desks) {
    if problem.status() == StatusCode::FORBIDDEN {
        desks.control.count_mail(MailEnd::Refused);
    }
}

/// Takes the mail of a form.
async fn taken(parts: Vec<MailPart>, desk: &TicketDesk, desks: &Desks) -> Result<MailEnd, Problem> {
    let Some((mut mail, ticket)) = desk.read_mail(parts).await? else {
        return Ok(MailEnd::Malformed);
    };
    // As people's addresses are spelt: by it they are found, and erased.
    mail.from = mail.from.map(|it| address::spelt(Channel::Email, &it));
    let Some((tenant_id, ticket_id)) = ticket else {
        return Ok(MailEnd::NoTicket);
    };
    let person = match mail.from.clone() {
        Some(address) => named(desks, tenant_id, address).await?,
        None => None,
    };
    let addressed = AddressedMail {
        tenant_id,
        ticket_id,
        mail,
    };
    Ok(match desk.take_mail(addressed, person).await? {
        MailTaken::Told => MailEnd::Told,
        MailTaken::Quiet => MailEnd::Quiet,
        MailTaken::OfStranger => MailEnd::OfStranger,
        MailTaken::Known => MailEnd::Duplicate,
        MailTaken::Flood => MailEnd::Flood,
        MailTaken::Gone => MailEnd::NoTicket,
    })
}

/// Whose address it is: the desk knows none.
async fn named(desks: &Desks, tenant_id: Uuid, address: String) -> Result<Option<Uuid>, Problem> {
    let filter = PersonFilter {
        email: Some(address),
        ..PersonFilter::default()
    };
    let found = desks.people.page(Some(tenant_id), filter, None, 1).await?;
    Ok(found.first().map(|person| person.id))
}

fn overloaded() -> Problem {
    let detail = "too many mails are being read; nothing was stored, try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).with(RETRY_AFTER, "5")
}

/// The parts of a form; `None`: it is none.
async fn parts(mut form: Multipart, most: usize) -> Result<Option<Vec<MailPart>>, Problem> {
    let mut parts = vec![];
    let mut room = most;
    while let Some(field) = form.next().await {
        let Ok(mut field) = field else {
            return Ok(None);
        };
        let mut part = head(&field);
        while let Some(bytes) = field.next().await {
            let Ok(bytes) = bytes else { return Ok(None) };
            room = room.checked_sub(bytes.len()).ok_or_else(|| {
                let detail = format!("the mail has more than {most} bytes");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
            })?;
            part.bytes.extend_from_slice(&bytes);
        }
        parts.push(part);
        if parts.len() > MOST_PARTS {
            return Ok(None);
        }
    }
    Ok((!parts.is_empty()).then_some(parts))
}

fn head(field: &Field) -> MailPart {
    let said = field.content_disposition();
    let wide = said.and_then(|it| it.get_filename_ext());
    let wide = wide.map(|it| String::from_utf8_lossy(&it.value).into_owned());
    let plain = said.and_then(|it| it.get_filename()).map(str::to_owned);
    MailPart {
        name: field.name().unwrap_or_default().to_owned(),
        file_name: wide.or(plain),
        kind: field.content_type().map(ToString::to_string),
        bytes: vec![],
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_head_is_signed_for_as_long_as_the_carrier_hands_over_again() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let looked = |timestamp: Option<i64>| {
            let mut request = TestRequest::default().insert_header((SENDGRID_SIGNATURE, "MEQ="));
            if let Some(seconds) = timestamp {
                request = request.insert_header((SENDGRID_TIMESTAMP, seconds.to_string()));
            }
            let request = request.to_http_request();
            signed_head(&request, now).is_ok()
        };
        let hours = |hours: i64| Some(1_000_000 - hours * 3_600);
        assert!(looked(hours(0)) && looked(hours(73)) && looked(Some(1_000_300)));
        for wrong in [None, hours(74), Some(1_000_301), Some(i64::MAX)] {
            assert!(!looked(wrong), "{wrong:?}");
        }
        let bare = TestRequest::default().to_http_request();
        let refused = signed_head(&bare, now).unwrap_err();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }
}
