//! A message's JSON as the template engine's values.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr, Value};
use serde_json::{Map, Value as Json};

use super::numbers::{SPELLINGS, Spellings};

/// The variables as the template's root, with the spellings of their numbers. Of those that may be
/// left out, one that was, or that is null, is `absent`.
pub(super) fn context(variables: &Map<String, Json>, optional: &[String], absent: &Value) -> Value {
    let spellings = Spellings::of(variables);
    let is_left_out = |name: &&String| variables.get(*name).is_none_or(Json::is_null);
    let left_out: Vec<&String> = optional.iter().filter(is_left_out).collect();
    let mut fields = fields(variables, &spellings);
    fields.retain(|(name, _)| {
        let is_hidden = |hidden: &&String| name.as_str() == Some(hidden.as_str());
        name.as_str() != Some(SPELLINGS) && !left_out.iter().any(is_hidden)
    });
    let left_out = left_out.iter();
    fields.extend(left_out.map(|name| (Value::from(name.as_str()), absent.clone())));
    fields.push((Value::from(SPELLINGS), Value::from_object(spellings)));
    object(fields)
}

fn value(json: &Json, spellings: &Spellings) -> Value {
    match json {
        Json::Null => Value::from_object(Nothing),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => spellings.value(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(|item| value(item, spellings)).collect(),
        Json::Object(map) => object(fields(map, spellings)),
    }
}

type NamedField = (Value, Value);

fn fields(map: &Map<String, Json>, spellings: &Spellings) -> Vec<NamedField> {
    let field = |(key, json): (&String, &Json)| {
        let value = value(json, spellings);
        (Value::from(key.as_str()), value)
    };
    map.iter().map(field).collect()
}

fn object(mut fields: Vec<NamedField>) -> Value {
    // JSON objects come sorted, unless some crate switches serde_json's `preserve_order` on.
    if !fields.is_sorted_by(|a, b| a.0.as_str() <= b.0.as_str()) {
        fields.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
    }
    Value::from_object(ObjectFields(fields))
}

/// A null: prints nothing, also where it is joined with something, and is false.
#[derive(Debug)]
pub(super) struct Nothing;

impl Object for Nothing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Whether a value is a null, one of the message or one of the template's own.
pub(super) fn is_nothing(value: &Value) -> bool {
    value.is_none() || value.downcast_object_ref::<Nothing>().is_some()
}

/// An object's fields, sorted by name.
#[derive(Debug)]
struct ObjectFields(Vec<NamedField>);

impl Object for ObjectFields {
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
