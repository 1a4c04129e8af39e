//! Signing in with an API key, and out.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::answer::{ConsoleError, html, see_other};
use super::posted::ProvenForm;
use super::sent_form::SentForm;
use super::visitor;
use super::{assets, look};
use crate::domain::ApiKey;
use crate::ops::control::{Desks, KeyRefusal};

/// Where they go who say nothing else.
const HOME: &str = "/console";

/// The page with the form.
#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    css: &'a str,
    icon: &'a str,
    /// Where they want to go.
    back: &'a str,
    /// What is wrong with the key that they typed.
    mistake: Option<String>,
    done: bool,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let sign_in = web::resource("/sign-in")
        .route(look(form))
        .route(web::post().to(sign_in));
    routes
        .service(sign_in)
        .service(web::resource("/sign-out").route(web::post().to(sign_out)));
}

async fn form(request: HttpRequest) -> Result<HttpResponse, ConsoleError> {
    let query = SentForm::of_query(&request)?;
    let page = SignInPage {
        css: assets::css(),
        icon: assets::icon(),
        back: back(query.text("back")),
        mistake: None,
        done: query.text("done") == "signed-out",
    };
    Ok(html(StatusCode::OK, &page))
}

async fn sign_in(
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, ConsoleError> {
    let form = SentForm::from_here(&request, payload).await?;
    let back = back(form.text("back"));
    let refused = |status, mistake: String| {
        let page = SignInPage {
            css: assets::css(),
            icon: assets::icon(),
            back,
            mistake: Some(mistake),
            done: false,
        };
        Ok(html(status, &page))
    };
    let key = match form.text("key").trim().parse::<ApiKey>() {
        Ok(key) => key,
        Err(error) => {
            desks.sessions.mistyped();
            return refused(
                StatusCode::UNAUTHORIZED,
                format!("That is no API key: it is {error}."),
            );
        }
    };
    let address = visitor::address(&request);
    let number = visitor::request_id(&request);
    let token = match desks.sessions.open(key, address, number).await {
        Ok(token) => token,
        Err(KeyRefusal::Unavailable(why)) => {
            tracing::warn!(why, "nobody can sign in to the console: no database");
            return Err(ConsoleError::Unavailable);
        }
        Err(refusal) => {
            let status = match refusal {
                KeyRefusal::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
                KeyRefusal::Elsewhere => StatusCode::FORBIDDEN,
                _ => StatusCode::UNAUTHORIZED,
            };
            return refused(status, format!("You cannot sign in: {refusal}."));
        }
    };
    let longest = desks.sessions.rules.longest.as_secs();
    let mut answer = see_other(back);
    let cookie = visitor::cookie(&request, &token, longest).ok_or(ConsoleError::Failed)?;
    answer.headers_mut().insert(SET_COOKIE, cookie);
    Ok(answer)
}

async fn sign_out(
    form: ProvenForm,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    let visitor = &form.visitor;
    let (token, caller, by) = (visitor.token(), visitor.caller(), visitor.by());
    desks.sessions.close(token, caller, by).await?;
    let mut answer = see_other("/console/sign-in?done=signed-out");
    let cookie = visitor::no_cookie(&request).ok_or(ConsoleError::Failed)?;
    answer.headers_mut().insert(SET_COOKIE, cookie);
    Ok(answer)
}

/// Where they want to go: a page of the console, whatever was asked for.
fn back(asked: &str) -> &str {
    let below = asked.strip_prefix(HOME);
    let is_ours = below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = asked
        .bytes()
        .all(|c| matches!(c, b'!'..=b'~') && c != b'\\');
    let is_form = asked.starts_with("/console/sign-");
    match is_ours && is_plain && !is_form && !asked.contains("..") {
        true => asked,
        false => HOME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for own in ["/console", "/console/find?status=sent", "/console?x=1"] {
            assert_eq!(back(own), own);
        }
        for other in [
            "",
            "https://example.com",
            "//example.com",
            "/consolex",
            "/console\\@example.com",
            "/console/../u/x",
            "/console/\r\nSet-Cookie: a=b",
            "/console/sign-out",
            "/v1/users",
        ] {
            assert_eq!(back(other), HOME, "{other}");
        }
    }
}
