//! What a message's properties say that its body is.

use super::Refusal;

/// Types of bodies that are read as JSON. The last two are what clients say of text or bytes of which
/// they know nothing.
const TYPES: [&str; 4] = [
    "application/json",
    "text/json",
    "text/plain",
    "application/octet-stream",
];
/// Words that say that a body is as it is. Some clients name the charset here.
const PLAIN: [&str; 6] = ["identity", "utf-8", "utf8", "us-ascii", "8bit", "binary"];

/// Why a body that is declared so is not read, if so: to guess would be to send something else.
pub(in crate::broker) fn refusal(
    content_type: Option<&str>,
    content_encoding: Option<&str>,
) -> Option<Refusal> {
    if let Some(encoding) = content_encoding.map(str::trim)
        && !encoding.is_empty()
        && !is_one_of(&PLAIN, encoding)
    {
        let shown = short(encoding);
        return Some(Refusal::invalid(format!(
            "the property `content_encoding` is `{shown}`: publish the body as plain UTF-8"
        )));
    }
    let declared = content_type?.trim();
    let (kind, parameters) = declared.split_once(';').unwrap_or((declared, ""));
    if !declared.is_empty() && !is_json(kind.trim()) {
        let shown = short(declared);
        return Some(Refusal::invalid(format!(
            "the property `content_type` is `{shown}`: an envelope is application/json"
        )));
    }
    let charset = charset(parameters).filter(|charset| !is_one_of(&PLAIN, charset))?;
    let shown = short(charset);
    Some(Refusal::invalid(format!(
        "the property `content_type` says charset `{shown}`: an envelope is UTF-8"
    )))
}

fn is_json(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let has_suffix = kind.starts_with("application/") && kind.ends_with("+json");
    has_suffix || TYPES.contains(&kind.as_str())
}

fn charset(parameters: &str) -> Option<&str> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"'))
    })
}

fn is_one_of(words: &[&str], said: &str) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(said))
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_however_it_is_named_and_what_says_nothing_are_read() {
        for kind in [
            None,
            Some(""),
            Some("application/json"),
            Some("Application/JSON; charset=UTF-8"),
            Some("application/json;charset=\"utf-8\";x=y"),
            Some("application/vnd.acme.notice+json"),
            Some("text/plain"),
            Some("application/octet-stream"),
        ] {
            for encoding in [
                None,
                Some(""),
                Some("identity"),
                Some("UTF-8"),
                Some("utf8"),
            ] {
                assert_eq!(refusal(kind, encoding), None, "{kind:?} {encoding:?}");
            }
        }
    }

    #[test]
    fn body_of_another_content_type_is_refused_by_name() {
        for (kind, encoding, named) in [
            (Some("application/xml"), None, "`application/xml`"),
            (
                Some("application/x-protobuf"),
                None,
                "`application/x-protobuf`",
            ),
            (
                Some("application/json; charset=utf-16"),
                None,
                "charset `utf-16`",
            ),
            (
                Some("application/json"),
                Some("gzip"),
                "`content_encoding` is `gzip`",
            ),
            (None, Some("br"), "`br`"),
        ] {
            let detail = refusal(kind, encoding).unwrap().detail;
            assert!(detail.contains(named), "{detail}");
        }
    }
}
