//! A topic: people subscribe to it, and what is sent to it goes to each of them.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::field::{self, LABEL_CHARS, Misfit};
use super::storable;

/// Most characters of a topic's description.
pub const DESCRIPTION_CHARS: usize = 1_000;

/// A topic, as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The tenant.
    pub tenant_id: Uuid,
    /// Its name, unique within the tenant.
    pub name: String,
    /// What it is about, for people.
    pub description: Option<String>,
}

/// The name of a topic, in its one spelling.
///
/// # Errors
/// It is no such name.
pub fn name(text: &str) -> Result<String, Misfit> {
    field::comparable(text, LABEL_CHARS)
}

/// What a topic is about: one line for people.
///
/// # Errors
/// It is no such line.
pub fn description(text: &str) -> Result<String, Misfit> {
    field::line(text, DESCRIPTION_CHARS)
}

/// Most bytes of one subscriber's attributes, as JSON.
pub const ATTRIBUTES_BYTES: usize = 4 * 1_024;

/// What is known of a subscriber, for conditions over them: an object that the database can hold.
///
/// # Errors
/// What is wrong with it, in words.
pub fn attributes(value: &Value) -> Result<Map<String, Value>, String> {
    let Value::Object(fields) = value else {
        return Err("an object is expected".to_owned());
    };
    storable::check(value).map_err(|unfit| unfit.to_string())?;
    let size = value.to_string().len();
    if size > ATTRIBUTES_BYTES {
        let words = format!("has {size} bytes; at most {ATTRIBUTES_BYTES} are kept");
        return Err(words);
    }
    Ok(fields.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_are_objects_that_the_database_keeps() {
        let good =
            json!({ "plan": "pro", "since": 2024, "tags": ["a", null, 1.5], "in": { "b": true } });
        assert_eq!(attributes(&good).map(Value::Object), Ok(good));
        let huge: Value = serde_json::from_str("{\"n\":1e999}").unwrap();
        for bad in [
            json!(["plan"]),
            json!("pro"),
            json!({ "plan": "p\0ro" }),
            json!({ "p\0lan": 1 }),
            json!({ "in": [{ "a": "\0" }] }),
            json!({ "long": "x".repeat(ATTRIBUTES_BYTES) }),
            huge,
        ] {
            assert!(attributes(&bad).is_err(), "{bad}");
        }
    }
}
