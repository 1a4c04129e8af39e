//! What every answer of the console says to browsers, and from where a form may be posted.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    self, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest};
use url::Url;

/// Nothing from elsewhere, no script or style within a page, and no page within another's.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-src 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Goes round every answer. What an answer says itself stays.
pub(super) async fn sealed<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut answered = next.call(request).await?;
    let headers = answered.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        // Without it browsers would not say from where a form is posted.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (OPENER, "same-origin"),
        (RESOURCE, "same-origin"),
        (ROBOTS, "noindex, nofollow"),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(answered)
}

/// Whether a form was posted by one of our own pages, as far as the browser says. A program says nothing, and has the
/// page's proof all the same.
pub(super) fn is_from_here(request: &HttpRequest, public_url: Option<&str>) -> bool {
    said_from_here(request.headers(), public_url)
}

fn said_from_here(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    if text(FETCH_SITE).is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = text(ORIGIN) else {
        return true;
    };
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    let public = public_url.and_then(|url| Url::parse(url).ok());
    if public.is_some_and(|public| public.origin() == origin.origin()) {
        return true;
    }
    let host =
        text(HOST).and_then(|host| Url::parse(&format!("{}://{host}/", origin.scheme())).ok());
    host.is_some_and(|host| host.origin() == origin.origin())
}

/// Whether somebody follows a link of another site: browsers keep our cookie back then.
pub(super) fn is_from_another_site(request: &HttpRequest) -> bool {
    let site = request.headers().get(FETCH_SITE);
    site.is_some_and(|site| site == "cross-site")
}

/// Whether browsers reach us by HTTPS, as far as we know.
pub(super) fn is_https(has_tls: bool, public_url: Option<&str>) -> bool {
    has_tls || public_url.is_some_and(|url| url.starts_with("https:"))
}

/// The header that names what a page is kept apart by.
pub(super) const fn vary() -> (HeaderName, &'static str) {
    (header::VARY, "cookie")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    #[test]
    fn a_form_of_another_site_is_refused_whatever_says_so() {
        let host = ("host", "desk.example.com:8080");
        let own = ("origin", "http://desk.example.com:8080");
        let public = Some("https://herald.example.com/");
        for (pairs, expected) in [
            (vec![host], true),
            (vec![host, own], true),
            (vec![host, own, ("sec-fetch-site", "same-origin")], true),
            (vec![host, own, ("sec-fetch-site", "same-site")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("origin", "http://desk.example.com")], false),
            (
                vec![host, ("origin", "http://evil.example.com:8080")],
                false,
            ),
            (vec![host, ("origin", "https://herald.example.com")], true),
            (vec![own], false),
        ] {
            assert_eq!(
                said_from_here(&headers(&pairs), public),
                expected,
                "{pairs:?}"
            );
        }
        assert!(is_https(true, None) && is_https(false, public) && !is_https(false, None));
    }
}
