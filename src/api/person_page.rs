//! `/u/{token}`: a person's own page, and unsubscribing with one click (RFC 8058). The token is the right to it:
//! there is no log-in and no cookie, so that another site can do nothing in somebody's name.

mod form;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, HeaderName,
    HeaderValue, REFERRER_POLICY, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use self::form::PostedForm;
use super::body;
use super::client_address;
use super::endpoint::{Endpoint, OtherBody};
use super::request_id::RequestId;
use super::server_settings::ServerSettings;
use crate::ops::control::{
    Desks, LinkDeskError, PageDone, PageNotice, PageVisitor, PersonPageAnswer, content_policy,
};

/// Largest form.
const MOST_BYTES: usize = 16 * 1_024;
/// Most languages that are read of a header.
const MOST_LANGUAGES: usize = 20;
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

pub(super) fn endpoints() -> Vec<Endpoint> {
    let html = Some("text/html");
    let page = |endpoint: Endpoint| {
        endpoint
            .answers_other(200, "the page", html)
            .answers_other(404, "the link leads nowhere, in plain words", html)
            .answers_other(429, "too many requests, in plain words", html)
            .answers_other(500, "it cannot be shown, in plain words", html)
            .answers_other(
                503,
                "it cannot be shown at the moment, in plain words",
                html,
            )
    };
    let get = Endpoint::get("/u/{token}", get)
        .named(
            "getPersonPage",
            "A person's page: what they get, where, and when it is quiet",
        )
        .details("For people: the link is in what they were sent. Changes nothing.");
    let post = Endpoint::post("/u/{token}", post)
        .named("postPersonPage", "Unsubscribes, or changes what a person gets")
        .details(
            "`List-Unsubscribe=One-Click` (RFC 8058) as a form, urlencoded or multipart, ends the category of the \
             message that brought the link. The page's own forms are posted here as well.",
        );
    let post = page(post)
        .other_bodies(&[
            (form::URLENCODED, OtherBody::Fields),
            (form::MULTIPART, OtherBody::Fields),
        ])
        .answers_other(400, "what was sent is no such form", html)
        .answers_other(408, "the form did not end in time", html)
        .answers_other(409, "it cannot be switched off", html)
        .answers_other(413, "the form is too large", html)
        .answers_other(415, "it is no form", html)
        .answers_other(422, "quiet hours that have no meaning", html);
    vec![page(get), post]
}

async fn get(request: HttpRequest, desks: Data<Desks>, token: Path<String>) -> HttpResponse {
    let visitor = visitor(&request, token.into_inner());
    let languages = visitor.languages.clone();
    let shown = desks.links.page(visitor).await;
    answer(&desks, shown, &languages)
}

async fn post(
    request: HttpRequest,
    desks: Data<Desks>,
    token: Path<String>,
    payload: Payload,
) -> HttpResponse {
    let visitor = visitor(&request, token.into_inner());
    let languages = visitor.languages.clone();
    let unreadable = |status| {
        let notice = desks.links.notice(PageNotice::Unreadable, &languages);
        html(status, notice)
    };
    if !PostedForm::is_one(&request) {
        return unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let read = body::raw(&request, payload, MOST_BYTES).await;
    let read = match read {
        Ok(read) => read,
        Err(problem) => return unreadable(problem.status()),
    };
    let form = PostedForm::read(request.content_type(), boundary(&request).as_deref(), &read);
    let Some(deed) = form.and_then(|form| form.deed()) else {
        return unreadable(StatusCode::BAD_REQUEST);
    };
    let shown = desks.links.act(visitor, deed).await;
    answer(&desks, shown, &languages)
}

fn visitor(request: &HttpRequest, token: String) -> PageVisitor {
    let settings = request.app_data::<Data<ServerSettings>>();
    let proxies = settings.map_or(&[][..], |settings| &settings.trusted_proxies);
    let accepted = request.headers().get(ACCEPT_LANGUAGE);
    let accepted = accepted.and_then(|accepted| accepted.to_str().ok());
    PageVisitor {
        token,
        languages: languages(accepted.unwrap_or_default()),
        address: client_address::of(request, proxies),
        request_id: request.extensions().get::<RequestId>().map(|id| id.0),
    }
}

/// The languages of `Accept-Language`, by weight.
fn languages(accepted: &str) -> Vec<String> {
    let each = accepted.split(',').take(MOST_LANGUAGES);
    let each = each.filter_map(|one| {
        let (tag, rest) = one.split_once(';').unwrap_or((one, ""));
        let weight = rest
            .trim()
            .strip_prefix("q=")
            .map_or(Some(1.0), |q| q.trim().parse().ok());
        let weight: f32 = weight.filter(|q| *q > 0.0)?;
        Some((tag.trim().to_owned(), weight))
    });
    let mut each: Vec<(String, f32)> = each.collect();
    each.sort_by(|one, other| other.1.total_cmp(&one.1));
    each.into_iter().map(|(tag, _)| tag).collect()
}

fn boundary(request: &HttpRequest) -> Option<String> {
    let kind = request.mime_type().ok()??;
    kind.get_param("boundary").map(|it| it.as_str().to_owned())
}

fn answer(
    desks: &Desks,
    shown: Result<PersonPageAnswer, LinkDeskError>,
    languages: &[String],
) -> HttpResponse {
    let notice = |status, notice| html(status, desks.links.notice(notice, languages));
    match shown {
        Ok(page) => {
            let status = match page.done {
                Some(PageDone::Needed) => StatusCode::CONFLICT,
                Some(PageDone::BadHours) => StatusCode::UNPROCESSABLE_ENTITY,
                Some(PageDone::Saved) | None => StatusCode::OK,
            };
            html(status, page)
        }
        Err(LinkDeskError::Gone) => notice(StatusCode::NOT_FOUND, PageNotice::Gone),
        Err(LinkDeskError::NotThere) => notice(StatusCode::BAD_REQUEST, PageNotice::Unreadable),
        Err(LinkDeskError::TooMany(wait)) => {
            let mut answer = notice(StatusCode::TOO_MANY_REQUESTS, PageNotice::Busy);
            let seconds = wait.as_secs().saturating_add(1);
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
            answer
        }
        Err(LinkDeskError::Desk(error)) => {
            // It is logged, and told as what it is.
            let status = super::problem::Problem::from(error).status();
            let mut answer = notice(status, PageNotice::Busy);
            if status == StatusCode::SERVICE_UNAVAILABLE {
                let soon = HeaderValue::from_static("1");
                answer.headers_mut().insert(RETRY_AFTER, soon);
            }
            answer
        }
    }
}

/// A page that nobody keeps, lists or frames, and that tells nobody from where its reader comes.
fn html(status: StatusCode, page: PersonPageAnswer) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, content_policy()))
        .insert_header((CONTENT_LANGUAGE, page.language))
        .insert_header((VARY, "accept-language"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((ROBOTS, "noindex, nofollow"))
        .body(page.html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_read_by_weight() {
        assert_eq!(
            languages("fr;q=0.5, de-AT, *;q=0.1, it;q=0, x;q=odd"),
            ["de-AT", "fr", "*"]
        );
        assert_eq!(languages(""), [""]);
        assert_eq!(languages(&"de,".repeat(1_000)).len(), MOST_LANGUAGES);
    }
}
