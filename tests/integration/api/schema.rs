//! Whether a value is what a JSON schema of the served document says: as much of JSON Schema as it uses.

use serde_json::Value;

/// All that is wrong with a value, each with its place.
pub(super) fn mistakes(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut wrong = vec![];
    look(document, schema, value, "", &mut wrong);
    wrong
}

fn look(document: &Value, schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        return look(document, target.unwrap(), value, place, wrong);
    }
    for choice in ["oneOf", "anyOf"] {
        let choices = schema[choice].as_array().map(Vec::as_slice);
        let fits = |it: &Value| mistakes(document, it, value).is_empty();
        if choices.is_some_and(|choices| !choices.iter().any(fits)) {
            wrong.push(format!("{place}: {value} is none of {}", schema[choice]));
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        look(document, part, value, place, wrong);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind, value)) {
        wrong.push(format!("{place}: {value} is no {}", kinds.join(" or ")));
        return;
    }
    let words = schema["enum"].as_array();
    if words.is_some_and(|words| !words.contains(value)) {
        wrong.push(format!("{place}: {value} is none of {}", schema["enum"]));
    }
    match value {
        Value::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                if !fields.contains_key(name.as_str().unwrap()) {
                    wrong.push(format!("{place}: {name} is missing"));
                }
            }
            for (name, field) in fields {
                let place = format!("{place}/{name}");
                match schema["properties"].get(name) {
                    Some(schema) => look(document, schema, field, &place, wrong),
                    None if schema["additionalProperties"] == false => {
                        wrong.push(format!("{place} is not described"));
                    }
                    None => {}
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                look(
                    document,
                    &schema["items"],
                    item,
                    &format!("{place}/{at}"),
                    wrong,
                );
            }
            bounds(
                schema,
                ["minItems", "maxItems"],
                items.len() as f64,
                place,
                wrong,
            );
        }
        Value::String(text) => {
            let length = text.chars().count() as f64;
            bounds(schema, ["minLength", "maxLength"], length, place, wrong);
            let is_right = match schema["format"].as_str() {
                Some("uuid") => text.parse::<uuid::Uuid>().is_ok(),
                Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
                _ => true,
            };
            if !is_right {
                wrong.push(format!("{place}: {text} is no {}", schema["format"]));
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            bounds(schema, ["minimum", "maximum"], number, place, wrong);
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn bounds(schema: &Value, names: [&str; 2], of: f64, place: &str, wrong: &mut Vec<String>) {
    let [least, most] = names.map(|name| schema[name].as_f64());
    if least.is_some_and(|least| of < least) || most.is_some_and(|most| of > most) {
        wrong.push(format!("{place}: {of} is out of {least:?} to {most:?}"));
    }
}

#[test]
fn what_a_schema_does_not_say_is_told_with_its_place() {
    let document = serde_json::json!({ "there": {
        "type": "object",
        "required": ["a", "b"],
        "additionalProperties": false,
        "properties": {
            "a": { "type": ["string", "null"], "minLength": 2 },
            "b": { "type": "array", "items": { "oneOf": [{ "type": "null" }, { "type": "integer", "maximum": 3 }] } },
        },
    } });
    let schema = serde_json::json!({ "$ref": "#/there" });
    let told = |value: Value| mistakes(&document, &schema, &value);
    assert!(told(serde_json::json!({ "a": null, "b": [1, null] })).is_empty());
    let wrong = told(serde_json::json!({ "a": "x", "b": [4], "c": 1 }));
    let places = ["/a:", "/b/0:", "/c "];
    assert!(
        places
            .iter()
            .all(|place| wrong.iter().any(|it| it.starts_with(place))),
        "{wrong:?}"
    );
    assert_eq!(
        told(serde_json::json!({ "a": 1 })).len(),
        2,
        "a type, and b"
    );
}
