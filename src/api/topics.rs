//! `/v1/topics`: what people subscribe to. They belong to the tenant of the request, the default tenant for an operator
//! who names none.

mod sending;
mod subscribers;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::fields::SentFields;
use super::page::Query;
use super::problem::Problem;
use super::things;
use crate::domain::topic::{self, Topic};
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{Desks, StoredTopic};

/// Largest body that says what a topic is.
const MOST_BYTES: usize = 16 * 1_024;

/// A topic, all that is said of it where it is made.
#[derive(ToSchema)]
#[schema(as = NewTopic)]
#[expect(dead_code, reason = "it describes what `asked` reads")]
struct AskedTopic {
    /// Its name.
    #[schema(max_length = 100, example = "release-notes")]
    name: String,
    /// What it is about, for people.
    #[schema(max_length = 1000)]
    description: Option<String>,
}

/// A topic, all that is said of it where the path names it.
#[derive(ToSchema)]
#[schema(as = TopicDescription)]
#[expect(dead_code, reason = "it describes what `asked` reads")]
struct AskedDescription {
    /// The path's, if it is here as well.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// What it is about, for people.
    #[schema(max_length = 1000)]
    description: Option<String>,
}

/// A topic.
#[derive(Serialize, ToSchema)]
#[schema(as = Topic)]
struct ShownTopic<'a> {
    /// Its name, unique within the tenant.
    name: &'a str,
    /// Whose it is.
    tenant_id: Uuid,
    /// What it is about.
    description: Option<&'a str>,
    /// When it was made.
    created_at: Timestamp,
    /// When its description was changed last.
    updated_at: Timestamp,
}

/// A topic, with the number of those who subscribe.
#[derive(Serialize, ToSchema)]
#[schema(as = CountedTopic)]
struct ShownCountedTopic<'a> {
    #[serde(flatten)]
    topic: ShownTopic<'a>,
    /// How many subscribe; at most a million are counted.
    subscribers: u64,
}

impl<'a> From<&'a StoredTopic> for ShownTopic<'a> {
    fn from(stored: &'a StoredTopic) -> Self {
        Self {
            name: &stored.topic.name,
            tenant_id: stored.topic.tenant_id,
            description: stored.topic.description.as_deref(),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Topics;
    let mut endpoints = vec![
        Endpoint::get("/v1/topics", list)
            .named("listTopics", "A tenant's topics, by name")
            .scope(Topics, Read)
            .page::<ShownTopic<'_>>("topics"),
        Endpoint::post("/v1/topics", create)
            .named("createTopic", "Makes a topic")
            .scope(Topics, Write)
            .body::<AskedTopic>()
            .problem(409, "name_taken")
            .answers::<ShownTopic<'_>>(201, "the topic"),
        Endpoint::get("/v1/topics/{name}", get)
            .named("getTopic", "One topic, and how many subscribe to it")
            .scope(Topics, Read)
            .answers::<ShownCountedTopic<'_>>(200, "the topic"),
        Endpoint::put("/v1/topics/{name}", put)
            .named("putTopic", "Makes a topic, or says anew what it is about")
            .scope(Topics, Write)
            .body::<AskedDescription>()
            .answers::<ShownTopic<'_>>(200, "the topic, which was there before")
            .answers::<ShownTopic<'_>>(201, "the topic, which is new"),
        Endpoint::delete("/v1/topics/{name}", delete)
            .named("deleteTopic", "Deletes a topic and its subscriptions")
            .details("What is being sent to it goes to nobody else. A topic that is made again under its name has no subscribers.")
            .scope(Topics, Write)
            .answers_other(204, "it is gone", None),
    ];
    endpoints.extend(subscribers::endpoints());
    endpoints.extend(sending::endpoints());
    endpoints
}

/// A tenant's topics.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let page = query.page::<String>("topics", Some(who.own_tenant()));
    let page = query.finish(page)?;
    let topics = desks
        .topics
        .page(who.own_tenant(), page.after.clone(), page.limit + 1)
        .await?;
    let entries = topics.iter();
    let entries = entries.map(|it| (it.topic.name.clone(), ShownTopic::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// One topic.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let got = desks.topics.get(who.own_tenant(), named(&name)?).await?;
    Ok(HttpResponse::Ok().json(ShownCountedTopic {
        topic: ShownTopic::from(&got.0),
        subscribers: got.1,
    }))
}

/// Makes a topic.
async fn create(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    written(&who, &request, &desks, None, payload).await
}

/// Makes a topic, or says anew what it is about.
async fn put(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    written(&who, &request, &desks, Some(named(&name)?), payload).await
}

async fn written(
    who: &Authority,
    request: &HttpRequest,
    desks: &Desks,
    path: Option<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(request, payload, MOST_BYTES).await?;
    let topic = asked(&mut sent, who.own_tenant(), path.as_deref());
    let topic = sent.finish(topic)?;
    let put = desks.topics.put(topic, path.is_some(), who.by());
    let (stored, is_new) = put.await?;
    let place = format!("/v1/topics/{}", things::encoded(&stored.topic.name));
    Ok(things::put_answer(is_new, place, ShownTopic::from(&stored)))
}

/// Deletes a topic.
async fn delete(
    who: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let deleted = desks
        .topics
        .delete(who.own_tenant(), named(&name)?, who.by());
    deleted.await?;
    Ok(HttpResponse::NoContent().finish())
}

fn asked(sent: &mut SentFields, tenant_id: Uuid, path: Option<&str>) -> Option<Topic> {
    let name = sent.text("name", |text| match (topic::name(text), path) {
        (Ok(name), Some(path)) if name != path => Err("the path names another topic".to_owned()),
        (name, _) => name.map_err(|unfit| unfit.to_string()),
    });
    let name = match path {
        Some(path) => Some(path.to_owned()),
        None => sent.required("name", name),
    };
    let description = sent.text("description", |text| {
        topic::description(text).map_err(|unfit| unfit.to_string())
    });
    Some(Topic {
        tenant_id,
        name: name?,
        description,
    })
}

/// What cannot be a name is no topic.
fn named(name: &str) -> Result<String, Problem> {
    topic::name(name).map_err(|_| Problem::not_found("topic"))
}
