//! The header `Idempotency-Key`: bare, or a quoted string (RFC 8941).

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::IDEMPOTENCY_KEY;
use crate::api::problem::Problem;
use crate::domain::limits::IDEMPOTENCY_KEY_CHARS;

/// What the header may hold: the key bare, or in quotes with `"` and `\\` behind a backslash.
const PATTERN: &str = r#"^([!#-~]([\t -~]{0,253}[!-~])?|"([\t !#-\[\]-~]|\\["\\]){1,255}")$"#;

/// The schema of the header.
pub(in crate::api) fn described() -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    RefOr::T(text.pattern(Some(PATTERN)).build().into())
}

/// The key that a request says beside its body.
pub(in crate::api) fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut said = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(first) = said.next() else {
        return Ok(None);
    };
    let invalid = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail);
    if said.next().is_some() {
        return Err(invalid(
            "the header `Idempotency-Key` stands twice".to_owned(),
        ));
    }
    let key = first.to_str().ok().and_then(read);
    let key = key.filter(|key| (1..=IDEMPOTENCY_KEY_CHARS).contains(&key.chars().count()));
    key.map(Some).ok_or_else(|| {
        invalid(format!(
            "the header `Idempotency-Key` is 1 to {IDEMPOTENCY_KEY_CHARS} characters of ASCII, bare or in quotes"
        ))
    })
}

fn read(said: &str) -> Option<String> {
    let said = said.trim();
    let Some(inside) = said.strip_prefix('"') else {
        return Some(said.to_owned());
    };
    let (mut key, mut rest) = (String::new(), inside.chars());
    loop {
        match rest.next()? {
            '"' => break,
            '\\' => key.push(rest.next().filter(|it| ['"', '\\'].contains(it))?),
            character => key.push(character),
        }
    }
    rest.next().is_none().then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_bare_or_in_quotes() {
        for (said, key) in [
            ("order-17", Some("order-17")),
            (" \"order-17\" ", Some("order-17")),
            (r#""a \"b\" \\c""#, Some(r#"a "b" \c"#)),
            ("a\"b", Some("a\"b")),
            ("\"\"", Some("")),
            ("\"open", None),
            ("\"a\" \"b\"", None),
            (r#""\n""#, None),
        ] {
            assert_eq!(read(said).as_deref(), key, "{said}");
        }
    }
}
