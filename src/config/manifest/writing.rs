//! Entries of declared files, written.

use serde_json::{Map, Value as Json};
use toml::{Table, Value};

/// An entry of a table as a file has it. What is null is left out, for TOML has no word for it.
///
/// # Errors
/// It holds what TOML cannot say, in words.
pub fn written(table: &str, entry: Map<String, Json>) -> Result<String, String> {
    let entries = Value::Array(vec![Value::Table(fields(entry))]);
    let document = Table::from_iter([(table.to_owned(), entries)]);
    toml::to_string(&document).map_err(|error| error.to_string())
}

fn fields(entry: Map<String, Json>) -> Table {
    let fields = entry.into_iter();
    fields
        .filter_map(|(key, value)| Some((key, said(value)?)))
        .collect()
}

fn said(value: Json) -> Option<Value> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(flag) => Value::Boolean(flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Float(number.as_f64()?),
        },
        Json::String(text) => Value::String(text),
        Json::Array(items) => Value::Array(items.into_iter().filter_map(said).collect()),
        Json::Object(entry) => Value::Table(fields(entry)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let entry = json!({
            "name": "a \"b\"\n[[c]]", "priority": -3, "share": 0.5, "absent": null, "is_active": false,
            "api_key": { "env": "KEY" }, "devices": [{ "token": "t", "platform": "web" }], "events": ["*"],
            "config": { "deep": { "of": [1, 2] } },
        });
        let Json::Object(entry) = entry else { panic!() };
        let text = written("providers", entry).unwrap();
        assert!(text.starts_with("[[providers]]\n"), "{text}");
        let read: Json = serde_json::to_value(text.parse::<Table>().unwrap()).unwrap();
        let expected = json!({ "providers": [{
            "name": "a \"b\"\n[[c]]", "priority": -3, "share": 0.5, "is_active": false,
            "api_key": { "env": "KEY" }, "devices": [{ "token": "t", "platform": "web" }], "events": ["*"],
            "config": { "deep": { "of": [1, 2] } },
        }] });
        assert_eq!(read, expected);
    }
}
