//! The fields of a report, in groups.

use mail_parser::{HeaderValue, Message, MessageParser, MessagePart, PartType};

use super::MOST_RECIPIENTS;

/// The first word: comments may follow.
pub(super) fn word(text: &str) -> String {
    let mut words = text.split([' ', '\t', '(', ';']);
    words.next().unwrap_or_default().to_ascii_lowercase()
}

/// RFC 3464, 2.1.2: `rfc822; ana@example.com`.
pub(super) fn typed(text: &str) -> &str {
    text.split_once(';').map_or(text, |(_, value)| value).trim()
}

/// The fields of a part, in groups that empty lines separate.
pub(super) fn groups(part: &MessagePart<'_>) -> Vec<Vec<(String, String)>> {
    let text = match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.clone().into_owned(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        PartType::Message(nested) => String::from_utf8_lossy(nested.raw_message()).into_owned(),
        PartType::Multipart(_) => return vec![],
    };
    let text = text.replace("\r\n", "\n");
    let groups = text.split("\n\n").map(str::trim);
    let groups = groups.filter(|group| !group.is_empty());
    groups
        .take(MOST_RECIPIENTS + 1)
        .map(|group| {
            let parser = MessageParser::default();
            let lines = format!("{group}\n\n");
            let headers = parser.parse_headers(lines.as_bytes());
            headers.as_ref().map(fields).unwrap_or_default()
        })
        .collect()
}

fn fields(headers: &Message<'_>) -> Vec<(String, String)> {
    let fields = headers.headers().iter().filter_map(|header| {
        let value = match header.value() {
            HeaderValue::Text(text) => text.clone().into_owned(),
            HeaderValue::TextList(texts) => texts.join(", "),
            _ => return None,
        };
        Some((header.name().to_owned(), value))
    });
    fields.collect()
}
