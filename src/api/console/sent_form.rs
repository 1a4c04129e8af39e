//! Forms that pages post.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpMessage, HttpRequest};

use super::answer::ConsoleError;
use super::guard;
use super::visitor::public_url;
use crate::api::body;

/// Largest form: an envelope with its content fits.
const MOST_BYTES: usize = 512 * 1_024;
/// Most fields.
const MOST_FIELDS: usize = 500;
/// The field that holds the proof.
pub(super) const PROOF: &str = "proof";

/// The fields of a form, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SentForm(Vec<(String, String)>);

impl SentForm {
    /// A form that one of our pages has posted, as far as the browser says.
    pub(super) async fn from_here(
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<Self, ConsoleError> {
        if !guard::is_from_here(request, public_url(request).as_deref()) {
            return Err(ConsoleError::Forged);
        }
        let kind = request.content_type();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(ConsoleError::Unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let body = body::raw(request, payload, MOST_BYTES).await?;
        Self::read(&body).ok_or(ConsoleError::Bad(
            "What was sent is not a form of text, or has characters that are none.",
        ))
    }

    /// The fields of a query.
    pub(super) fn of_query(request: &HttpRequest) -> Result<Self, ConsoleError> {
        let query = request.query_string().as_bytes();
        let refused = ConsoleError::Bad("The address of the page has characters that are none.");
        Self::read(query).ok_or(refused)
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let decoded = percent_encoding::percent_decode(bytes);
        decoded.decode_utf8().ok()?;
        let fields = url::form_urlencoded::parse(bytes);
        let owned = fields.map(|(name, value)| (name.into_owned(), value.into_owned()));
        let fields: Vec<(String, String)> = owned.take(MOST_FIELDS + 1).collect();
        let is_fine = fields.len() <= MOST_FIELDS
            && fields
                .iter()
                .all(|(name, value)| !name.contains('\0') && !value.contains('\0'));
        is_fine.then_some(Self(fields))
    }

    /// A field; empty when it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Gives a field that is absent a value.
    pub(super) fn fill(&mut self, name: &str, value: String) {
        if !self.0.iter().any(|(known, _)| known == name) {
            self.0.push((name.to_owned(), value));
        }
    }

    /// A field without the space around it; `None` when nothing is left.
    pub(super) fn word(&self, name: &str) -> Option<&str> {
        let text = self.text(name).trim();
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_send_it() {
        let form = SentForm::read(b"a=1&b=x+y%26&a=2&c=++").unwrap();
        assert_eq!((form.text("a"), form.text("b")), ("1", "x y&"));
        assert_eq!((form.word("c"), form.word("d")), (None, None));
        for bad in [&b"a=%ff"[..], b"a=%00", b"%00=a", &b"a=1&".repeat(501)] {
            assert_eq!(SentForm::read(bad), None);
        }
    }
}
