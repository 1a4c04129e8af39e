//! A message's JSON as the template engine's values.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, Value};
use serde_json::{Map, Value as Json};

/// The variables as the template's root. Of those that may be left out, one that was, or that is
/// null, is `absent`.
pub(super) fn context(variables: &Map<String, Json>, optional: &[String], absent: &Value) -> Value {
    let is_left_out = |name: &&String| variables.get(*name).is_none_or(Json::is_null);
    let left_out: Vec<&String> = optional.iter().filter(is_left_out).collect();
    if left_out.is_empty() {
        return object(variables);
    }
    let given = variables
        .iter()
        .filter(|(name, _)| !left_out.contains(name));
    let given = given.map(|(name, json)| (Value::from(name.as_str()), value(json)));
    let left_out = left_out.iter();
    let left_out = left_out.map(|name| (Value::from(name.as_str()), absent.clone()));
    sorted(given.chain(left_out).collect())
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => number_value(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(map) => object(map),
    }
}

fn object(map: &Map<String, Json>) -> Value {
    let field = |(key, json): (&String, &Json)| (Value::from(key.as_str()), value(json));
    sorted(map.iter().map(field).collect())
}

fn sorted(mut fields: Vec<(Value, Value)>) -> Value {
    // JSON objects come sorted, unless some crate switches serde_json's `preserve_order` on.
    if !fields.is_sorted_by(|a, b| a.0.as_str() <= b.0.as_str()) {
        fields.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
    }
    Value::from_object(Fields(fields))
}

/// An object's fields, sorted by name.
#[derive(Debug)]
struct Fields(Vec<(Value, Value)>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let found = self
            .0
            .binary_search_by(|(name, _)| name.as_str().cmp(&Some(key)));
        self.0.get(found.ok()?).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|fields| Box::new(fields.0.iter().map(|(name, _)| name.clone())))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

fn number_value(number: &serde_json::Number) -> Value {
    let whole = number.as_i64().map(Value::from);
    whole
        .or_else(|| number.as_u64().map(Value::from))
        .or_else(|| number.as_f64().map(Value::from))
        .unwrap_or_default()
}
