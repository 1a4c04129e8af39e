//! Links: what was made is asked for, changed and removed by the operations below its path.

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use super::{names, referred};
use crate::api::endpoint::{Described, Endpoint};

/// The links of what is made at a path: to every operation that needs the name of that one thing alone.
pub(super) fn of(endpoint: &Endpoint, answer: &Described, all: &[Endpoint]) -> Map<String, Value> {
    if endpoint.method != Method::POST || names(endpoint.path).next().is_some() {
        return Map::new();
    }
    let below = format!("{}/{{", endpoint.path);
    let below = all.iter().filter(|it| it.path.starts_with(&below));
    let links = below.filter_map(|it| {
        let mut named = names(it.path);
        let (name, None) = (named.next()?, named.next()) else {
            return None;
        };
        let place = if has(answer, name) {
            format!("$response.body#/{name}")
        } else if endpoint
            .body
            .as_ref()
            .is_some_and(|(body, _)| has(body, name))
        {
            format!("$request.body#/{name}")
        } else {
            return None;
        };
        let link = json!({ "operationId": it.name, "parameters": { name: place } });
        Some((it.name.to_owned(), link))
    });
    links.collect()
}

/// Whether the object that is described has a property.
fn has(described: &Described, name: &str) -> bool {
    let schema = json!(described.schema);
    let object = match referred(&schema) {
        Some(referred) => described
            .components
            .iter()
            .find(|(known, _)| known == referred)
            .map(|(_, schema)| json!(schema)),
        None => Some(schema),
    };
    let properties = object.as_ref().and_then(|object| object.get("properties"));
    properties.is_some_and(|properties| properties.get(name).is_some())
}
