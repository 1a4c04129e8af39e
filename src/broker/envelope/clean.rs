//! Parsing JSON that PostgreSQL can hold.
//!
//! PostgreSQL stores no NUL, neither in `text` nor as `\u0000` in `jsonb`. JSON allows it, escaped;
//! it carries no meaning in a message, so that it is dropped here, once, at the door.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Parses a body; NUL characters are dropped from every string and key.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    if contains_escaped_nul(body) {
        let value: Value = serde_json::from_slice(body)?;
        T::deserialize(cleaned(value))
    } else {
        serde_json::from_slice(body)
    }
}

fn contains_escaped_nul(body: &[u8]) -> bool {
    body.windows(6).any(|window| window == b"\\u0000")
}

fn cleaned(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(cleaned).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(k, v)| (without_nul(k), cleaned(v)))
                .collect::<Map<_, _>>(),
        ),
        plain => plain,
    }
}

fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "")
    } else {
        text
    }
}
