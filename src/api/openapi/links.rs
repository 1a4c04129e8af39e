//! Links: what was made is asked for, changed and removed by the operations below its path.

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use super::{names, referred};
use crate::api::endpoint::{Described, Endpoint};

/// The links of an answer: from what was made or put at a path to every operation that is about that one thing.
pub(super) fn of(endpoint: &Endpoint, answer: &Described, all: &[Endpoint]) -> Map<String, Value> {
    let links = all.iter().filter_map(|it| {
        let named = match endpoint.method {
            Method::POST => named_by_answer(endpoint, answer, it),
            Method::PUT => named_by_path(endpoint, it),
            _ => None,
        };
        let link = json!({ "operationId": it.name, "parameters": named? });
        Some((it.name.to_owned(), link))
    });
    links.collect()
}

/// What names a thing that was made, in the path of an operation about it. It is below the path where the thing
/// was made, or it is a job, whose place is its own.
fn named_by_answer(
    endpoint: &Endpoint,
    answer: &Described,
    about: &Endpoint,
) -> Option<Map<String, Value>> {
    let is_job = referred(&json!(answer.schema)) == Some("Job");
    let made_at = if is_job { "/v1/jobs" } else { endpoint.path };
    about.path.strip_prefix(made_at)?.strip_prefix("/{")?;
    let mut named = of_request(made_at);
    let mut others = names(about.path).filter(|name| !names(made_at).any(|it| it == *name));
    let (name, None) = (others.next()?, others.next()) else {
        return None;
    };
    let sent = |name| {
        let body = endpoint.body.as_ref();
        body.is_some_and(|(body, _)| has(body, name))
    };
    let place = if has(answer, name) {
        format!("$response.body#/{name}")
    } else if sent(name) {
        format!("$request.body#/{name}")
    } else if has(answer, "id") {
        "$response.body#/id".to_owned()
    } else {
        return None;
    };
    named.insert(name.to_owned(), json!(place));
    Some(named)
}

/// What names a thing that was put, in the path of an operation about it: what the path of the request said.
fn named_by_path(endpoint: &Endpoint, about: &Endpoint) -> Option<Map<String, Value>> {
    let rest = about.path.strip_prefix(endpoint.path)?;
    let is_below = rest.is_empty() || rest.starts_with('/');
    let is_about_it = is_below && names(rest).next().is_none() && endpoint.name != about.name;
    is_about_it.then(|| of_request(endpoint.path))
}

/// The parameters of a path, as the request said them.
fn of_request(path: &str) -> Map<String, Value> {
    let said = names(path).map(|name| (name.to_owned(), json!(format!("$request.path.{name}"))));
    said.collect()
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
