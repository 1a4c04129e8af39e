//! The OpenAPI 3.1 document: made of the descriptions of the endpoints, and of nothing else.

mod answers;
mod links;

use std::sync::LazyLock;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::endpoint::{Described, Endpoint, EndpointAccess, OtherBody, Parameter, ParameterPlace};
use super::server_settings::ServerSettings;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| text(&super::endpoints()));

const ABOUT: &str = "\
Notifications in, deliveries out. Every request under `/v1` carries `Authorization: Bearer hk_...`, or a \
person's user token where it is their own; an operator's key names a tenant by `Herald-Tenant`. Errors are `application/problem+json` (RFC 9457): \
[all codes](docs/problems). Each answer carries `Herald-Request-Id`. What answers GET answers HEAD as well. \
Lists page by a cursor: `next` of a page is the `after` of the one behind it.";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/openapi.json", served)
            .named("getOpenApi", "This document")
            .answers_other(200, "OpenAPI 3.1", Some("application/json")),
    ]
}

/// The document, as it is served and printed.
pub fn document() -> &'static str {
    &DOCUMENT
}

async fn served(request: HttpRequest) -> HttpResponse {
    let settings = request.app_data::<Data<ServerSettings>>();
    let public_url = settings.and_then(|settings| settings.public_url.as_deref());
    let here = format!("\"url\": {}", json!("/"));
    let body = match public_url {
        Some(url) => document().replacen(&here, &format!("\"url\": {}", json!(url)), 1),
        None => document().to_owned(),
    };
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(body)
}

fn text(endpoints: &[Endpoint]) -> String {
    format!("{:#}\n", described(endpoints))
}

fn described(endpoints: &[Endpoint]) -> Value {
    let mut parts = Components::default();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints {
        let operation = operation(endpoint, endpoints, &mut parts);
        let path = paths
            .entry(endpoint.path.to_owned())
            .or_insert_with(|| json!({}));
        set(
            path,
            &endpoint.method.as_str().to_ascii_lowercase(),
            operation,
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Herald",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "where this document is served" }],
        "tags": tags(endpoints),
        "paths": paths,
        "components": {
            "schemas": parts.schemas,
            "responses": parts.responses,
            "parameters": { "Tenant": tenant() },
            "headers": answers::headers(),
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "hk_<prefix>_<secret>",
                    "description": "An API key. The scopes of an operation are those that the key must have.",
                },
                "userToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A user token: a person asks for what is their own. The scopes of an operation \
                                    are the grants that the token must have.",
                },
            },
        },
    })
}

/// What operations share.
#[derive(Debug, Default)]
struct Components {
    schemas: Map<String, Value>,
    responses: Map<String, Value>,
}

impl Components {
    /// Keeps the schemas that one refers to; returns it.
    fn keep(&mut self, described: &Described) -> Value {
        for (name, schema) in &described.components {
            let schema = || json!(schema);
            self.schemas.entry(name.clone()).or_insert_with(schema);
        }
        json!(described.schema)
    }

    /// The same for a body: fields that an object does not name are refused, and so are empty texts.
    fn keep_strict(&mut self, described: &Described) -> Value {
        let schema = self.keep(described);
        for (name, _) in &described.components {
            if let Some(schema) = self.schemas.get_mut(name) {
                make_strict(schema);
            }
        }
        schema
    }
}

/// Says of an object with named fields that it takes no others, and no empty text: one says nothing. Texts of a
/// closed list or a format are not empty anyway.
fn make_strict(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for property in properties.values_mut() {
        let kind = property.get("type");
        let is_text = kind.is_some_and(|it| *it == "string" || *it == json!(["string", "null"]));
        let known = ["enum", "format", "minLength"];
        if is_text && known.iter().all(|name| property.get(name).is_none()) {
            set(property, "minLength", json!(1));
        }
    }
    if schema.get("additionalProperties").is_none() {
        set(schema, "additionalProperties", json!(false));
    }
}

/// Adds a field to an object.
fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}

/// The name of the schema that one refers to.
fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

fn operation(endpoint: &Endpoint, all: &[Endpoint], parts: &mut Components) -> Value {
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": description(endpoint),
        "tags": [tag(endpoint.path)],
        "x-operator-only": matches!(endpoint.access, EndpointAccess::Operator(..)),
        "parameters": parameters(endpoint),
        "responses": answers::responses(endpoint, all, parts),
        "security": security(endpoint),
    });
    if let Some((body, required)) = &endpoint.body {
        let schema = parts.keep_strict(body);
        let body = json!({
            "required": required,
            "content": { "application/json": { "schema": schema } },
        });
        set(&mut operation, "requestBody", body);
    }
    if !endpoint.other_bodies.is_empty() {
        let content = endpoint.other_bodies.iter().map(|(kind, body)| {
            let schema = match body {
                OtherBody::Fields => {
                    json!({ "type": "object", "additionalProperties": { "type": "string" } })
                }
                OtherBody::Objects => json!({ "type": "array", "items": { "type": "object" } }),
                OtherBody::FileForm => json!({
                    "type": "object",
                    "properties": { "file": { "type": "string", "format": "binary" } },
                    "required": ["file"],
                }),
                OtherBody::Bytes => json!({ "type": "string", "format": "binary" }),
            };
            ((*kind).to_owned(), json!({ "schema": schema }))
        });
        let content: serde_json::Map<String, Value> = content.collect();
        set(
            &mut operation,
            "requestBody",
            json!({ "required": true, "content": content }),
        );
    }
    operation
}

fn security(endpoint: &Endpoint) -> Value {
    let access = endpoint.access;
    let key = access.scope().into_iter().chain(access.other_scopes());
    let key = key.map(|(resource, action)| json!({ "apiKey": [format!("{resource}:{action}")] }));
    let token = endpoint.access.grant();
    let token = token.map(|grant| json!({ "userToken": [grant.to_string()] }));
    Value::Array(key.chain(token).collect())
}

fn description(endpoint: &Endpoint) -> String {
    let access = match endpoint.access {
        EndpointAccess::Open => String::new(),
        EndpointAccess::Scope(resource, action) => format!("Scope: `{resource}:{action}`."),
        EndpointAccess::AnyScope(resources, action) => {
            let scopes = resources.iter().map(|it| format!("`{it}:{action}`"));
            let scopes = scopes.collect::<Vec<_>>().join(" or ");
            format!("Scope: {scopes}, by what it is about.")
        }
        EndpointAccess::Operator(resource, action) => {
            format!("Scope: `{resource}:{action}`, of an operator's key.")
        }
        EndpointAccess::ScopeOrSelf((resource, action), grant) => {
            format!(
                "Scope: `{resource}:{action}`; or the person's own user token with the grant `{grant}`."
            )
        }
        EndpointAccess::Person(grant) => {
            format!("A user token with the grant `{grant}`; API keys are refused.")
        }
    };
    let words = [endpoint.details, &access];
    let words = words.into_iter().filter(|it| !it.is_empty());
    let words = words.collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        return format!("{}.", endpoint.summary);
    }
    words
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let in_path = names(endpoint.path).map(|name| {
        let mut schema = json!({ "type": "string" });
        if name == "id" {
            set(&mut schema, "format", json!("uuid"));
        }
        let details = "which one";
        json!({ "name": name, "in": "path", "required": true, "description": details, "schema": schema })
    });
    let asked = |it: &Parameter| {
        let place = match it.place {
            ParameterPlace::Query => "query",
            ParameterPlace::Header => "header",
        };
        let (name, details) = (it.name, it.details);
        json!({ "name": name, "in": place, "description": details, "required": false, "schema": it.schema })
    };
    let tenant = endpoint.access.scope();
    let tenant = tenant.map(|_| json!({ "$ref": "#/components/parameters/Tenant" }));
    in_path
        .chain(endpoint.parameters.iter().map(asked))
        .chain(tenant)
        .collect()
}

/// The names of the parameters in a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn tenant() -> Value {
    json!({
        "name": "Herald-Tenant",
        "in": "header",
        "required": false,
        "description": "the tenant that is asked about: an operator's choice; of others their own",
        "schema": { "type": "string", "format": "uuid" },
    })
}

/// What a path is about: the part behind `/v1/`.
fn tag(path: &str) -> &str {
    let resource = path.strip_prefix("/v1/");
    resource.map_or("node", |rest| rest.split('/').next().unwrap_or(rest))
}

fn tags(endpoints: &[Endpoint]) -> Vec<Value> {
    let mut names: Vec<&str> = endpoints.iter().map(|it| tag(it.path)).collect();
    names.sort_unstable();
    names.dedup();
    let described = names.into_iter().map(|name| {
        let details = match name {
            "node" => "This process, and its documents.".to_owned(),
            name => format!("`/v1/{name}`."),
        };
        json!({ "name": name, "description": details })
    });
    described.collect()
}

#[cfg(test)]
mod tests;
