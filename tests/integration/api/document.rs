//! What the served OpenAPI document says, as far as a test asks by it.

use serde_json::{Map, Value, json};

/// One operation.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) path: String,
    /// The scope that a key needs; `None` where none opens, or everybody may ask.
    pub(super) scope: Option<String>,
    /// The grant that a user token needs; `None` where none opens.
    pub(super) grant: Option<String>,
    /// Whether only an operator may.
    pub(super) is_operators: bool,
    /// Whether it is a list of pages.
    pub(super) is_list: bool,
    /// A body that its schema's examples make.
    pub(super) body: Option<Value>,
    /// What it answers, by status.
    pub(super) answers: Value,
}

impl Operation {
    /// All of a document, the shorter paths first: what is below a thing needs the thing.
    pub(super) fn all(document: &Value) -> Vec<Self> {
        let mut all = vec![];
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                all.push(Self::of(document, path, method, operation));
            }
        }
        all.sort_by_key(|it| it.path.split('/').count());
        all
    }

    fn of(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let wanted = |scheme: &str| {
            let mut ways = operation["security"].as_array().into_iter().flatten();
            ways.find_map(|way| way[scheme][0].as_str())
                .map(str::to_owned)
        };
        let parameters = operation["parameters"].as_array().unwrap();
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        Self {
            name: operation["operationId"].as_str().unwrap().to_owned(),
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            scope: wanted("apiKey"),
            grant: wanted("userToken"),
            is_operators: operation["x-operator-only"] == true,
            is_list: parameters.iter().any(|it| it["name"] == "after"),
            body: (!schema.is_null()).then(|| example(document, schema)),
            answers: operation["responses"].clone(),
        }
    }

    /// The body that its examples make, as text; empty without one.
    pub(super) fn body_text(&self) -> String {
        let body = self.body.as_ref();
        body.map(Value::to_string).unwrap_or_default()
    }

    /// The part of the path up to each of its parameters: what the parameter names.
    pub(super) fn things(&self) -> Vec<String> {
        let ends = self.path.match_indices('}').map(|(at, _)| at + 1);
        ends.map(|end| self.path[..end].to_owned()).collect()
    }
}

/// A value that a schema's examples make: of an object what is required, and what has an example.
pub(super) fn example(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let place = reference.strip_prefix('#').unwrap();
        return example(document, document.pointer(place).unwrap());
    }
    if let Some(given) = given(schema) {
        return given;
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        let choices = schema[choice].as_array().into_iter().flatten();
        if let Some(first) = choices.into_iter().find(|it| it["type"] != "null") {
            return example(document, first);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|it| *it != "null").cloned().unwrap(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("object") => object(document, schema),
        Some("array") => json!([example(document, &schema["items"])]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => json!(match schema["format"].as_str() {
            Some("uuid") => "0190c1a0-0000-7000-8000-00000000eeee",
            Some("date-time") => "2099-01-01T00:00:00Z",
            _ => "example",
        }),
        _ => json!({}),
    }
}

fn given(schema: &Value) -> Option<Value> {
    let first = |name: &str| schema[name].as_array().and_then(|it| it.first());
    let given = schema.get("example").or_else(|| first("examples"));
    let given = given.or_else(|| schema.get("const"));
    let given = given.or_else(|| schema.get("default"));
    given.or_else(|| first("enum")).cloned()
}

fn object(document: &Value, schema: &Value) -> Value {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema["properties"].as_object();
    let mut object = Map::new();
    for (name, schema) in properties.into_iter().flatten() {
        if required.contains(&name.as_str()) || given(schema).is_some() {
            object.insert(name.clone(), example(document, schema));
        }
    }
    Value::Object(object)
}
