//! What an operation answers: well, and with which problems.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Components, links, names, set};
use crate::api::endpoint::{Endpoint, EndpointAccess, GoodAnswer, ParameterPlace, described};
use crate::api::problem::ShownProblem;
use crate::api::problem_codes;

/// All answers of an endpoint by status.
pub(super) fn responses(endpoint: &Endpoint, all: &[Endpoint], parts: &mut Components) -> Value {
    let mut responses = Map::new();
    for answer in &endpoint.answers {
        let response = good(endpoint, answer, all, parts);
        responses.insert(answer.status.to_string(), response);
    }
    for (status, codes) in problems(endpoint) {
        responses
            .entry(status.to_string())
            .or_insert_with(|| problem(status, &codes, parts));
    }
    Value::Object(responses)
}

fn good(
    endpoint: &Endpoint,
    answer: &GoodAnswer,
    all: &[Endpoint],
    parts: &mut Components,
) -> Value {
    let mut response = json!({
        "description": answer.details,
        "headers": refer_headers(endpoint.access != EndpointAccess::Open),
    });
    if let Some((kind, body)) = &answer.body {
        let schema = parts.keep(body);
        set(
            &mut response,
            "content",
            json!({ *kind: { "schema": schema } }),
        );
        let links = links::of(endpoint, body, all);
        if !links.is_empty() {
            set(&mut response, "links", json!(links));
        }
    }
    response
}

/// The codes of problems of an endpoint, by status.
fn problems(endpoint: &Endpoint) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let mut problems: Vec<(u16, &'static str)> = vec![(500, "internal")];
    if endpoint.access != EndpointAccess::Open {
        problems.extend([
            (400, "invalid_header"),
            (401, "invalid_key"),
            (401, "invalid_token"),
            (401, "token_expired"),
            (404, "not_found"),
            (429, "rate_limited"),
            (429, "too_many_attempts"),
            (503, "unavailable"),
        ]);
    }
    if endpoint.access.scope().is_some() {
        problems.extend([
            (401, "missing_key"),
            (403, "missing_scope"),
            (403, "address_not_allowed"),
        ]);
    } else if endpoint.access.grant().is_some() {
        problems.extend([(401, "missing_token"), (403, "user_token_required")]);
    }
    match endpoint.access.grant() {
        Some(_) => problems.push((403, "missing_grant")),
        None if endpoint.access != EndpointAccess::Open => {
            problems.push((403, "user_token_not_allowed"));
        }
        None => {}
    }
    if matches!(endpoint.access, EndpointAccess::Operator(..)) {
        problems.push((403, "operator_required"));
    }
    if names(endpoint.path).next().is_some() {
        problems.push((404, "not_found"));
    }
    if endpoint.body.is_some() {
        problems.extend([
            (400, "malformed_json"),
            (408, "timeout"),
            (413, "too_large"),
            (415, "unsupported_media_type"),
            (422, "invalid_body"),
        ]);
    }
    let mut asked = endpoint.parameters.iter();
    if asked.any(|it| it.place == ParameterPlace::Query) {
        problems.push((422, "invalid_query"));
    }
    problems.extend(endpoint.problems.iter().copied());
    let mut by_status: BTreeMap<u16, BTreeSet<&'static str>> = BTreeMap::new();
    for (status, code) in problems {
        by_status.entry(status).or_default().insert(code);
    }
    by_status
}

/// Refers to the response of these problems, which operations share.
fn problem(status: u16, codes: &BTreeSet<&'static str>, parts: &mut Components) -> Value {
    let words: Vec<&str> = codes.iter().copied().collect();
    let name = format!("{status}-{}", words.join("-"));
    let schema = parts.keep(&described::<ShownProblem>());
    let told = codes.iter().map(|code| {
        let meaning = problem_codes::meaning(status, code).unwrap_or_default();
        format!("`{code}`: {meaning}")
    });
    let title = StatusCode::from_u16(status).ok();
    let title = title
        .and_then(|it| it.canonical_reason())
        .unwrap_or_default();
    let mut headers = refer_headers(status == 429);
    for (of, name) in [
        (401, "WWW-Authenticate"),
        (429, "Retry-After"),
        (503, "Retry-After"),
    ] {
        if of == status {
            headers.insert(name.to_owned(), refer(name));
        }
    }
    let response = json!({
        "description": format!("{title}. {}", told.collect::<Vec<_>>().join(" ")),
        "headers": headers,
        "content": { "application/problem+json": { "schema": schema } },
    });
    parts.responses.insert(name.clone(), response);
    json!({ "$ref": format!("#/components/responses/{name}") })
}

fn refer(header: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{header}") })
}

fn refer_headers(of_key: bool) -> Map<String, Value> {
    let always = ["Herald-Request-Id"];
    let limits = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];
    let names = always
        .into_iter()
        .chain(limits.into_iter().filter(|_| of_key));
    names.map(|name| (name.to_owned(), refer(name))).collect()
}

/// The headers of answers.
pub(super) fn headers() -> Value {
    let whole = json!({ "type": "integer", "minimum": 0 });
    json!({
        "Herald-Request-Id": {
            "description": "the number of the request: in the log, the audit trail and the timeline as well",
            "schema": { "type": "string", "format": "uuid" },
        },
        "RateLimit-Limit": { "description": "requests that may come at once", "schema": whole },
        "RateLimit-Remaining": { "description": "how many of them are left", "schema": whole },
        "RateLimit-Reset": { "description": "seconds until all are there again", "schema": whole },
        "Retry-After": { "description": "seconds to wait", "schema": whole },
        "WWW-Authenticate": { "description": "the challenge", "schema": { "type": "string" } },
    })
}
