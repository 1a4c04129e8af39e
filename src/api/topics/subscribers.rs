//! `/v1/topics/{name}/subscribers`: who subscribes to a topic.

use std::collections::HashSet;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::named;
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::fields::SentFields;
use crate::api::page::Query;
use crate::api::problem::Problem;
use crate::api::things;
use crate::domain::{ApiAction, ApiResource, topic};
use crate::ops::control::{Desks, StoredSubscriber, Subscriber, SubscriberChanges};

/// Most people of one call.
const MOST: usize = 1_000;
/// Largest body: the attributes of each, and what names them.
const MOST_BYTES: usize = MOST * (topic::ATTRIBUTES_BYTES + 200);

/// People who are to subscribe.
#[derive(ToSchema)]
#[schema(as = NewSubscribers)]
#[expect(dead_code, reason = "it describes what `subscribe` reads")]
struct AskedSubscribers {
    /// Who. Somebody who subscribes already keeps their subscription.
    #[schema(min_items = 1, max_items = 1000)]
    subscribers: Vec<AskedSubscriber>,
}

/// Somebody who is to subscribe.
#[derive(ToSchema)]
#[schema(as = NewSubscriber)]
#[expect(dead_code, reason = "it describes what `subscriber` reads")]
struct AskedSubscriber {
    /// The person.
    #[schema(example = "0190c1a0-0000-7000-8000-000000000001")]
    user_id: Uuid,
    /// What `where` may ask about, at most 4 KiB; without it, it stays as it is.
    #[schema(value_type = Option<Object>, example = json!({ "plan": "pro" }))]
    attributes: Option<Map<String, Value>>,
}

/// People whose subscriptions are to end.
#[derive(ToSchema)]
#[schema(as = LeavingSubscribers)]
#[expect(dead_code, reason = "it describes what `unsubscribe` reads")]
struct AskedToLeave {
    /// Who.
    #[schema(min_items = 1, max_items = 1000)]
    user_ids: Vec<Uuid>,
}

/// What has changed.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriberChanges)]
struct ShownChanges {
    /// How many are new.
    joined: u64,
    /// Of how many the attributes are other ones now.
    changed: u64,
    /// How many were as asked already.
    unchanged: u64,
    /// Who was not subscribed, since the tenant has no such person.
    unknown: Vec<Uuid>,
}

/// How many subscriptions have ended.
#[derive(Serialize, ToSchema)]
#[schema(as = EndedSubscriptions)]
struct ShownLeft {
    /// How many.
    left: u64,
}

/// Somebody who subscribes.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscriber)]
struct ShownSubscriber {
    /// The person.
    user_id: Uuid,
    /// What `where` may ask about.
    #[schema(value_type = Object)]
    attributes: Map<String, Value>,
    /// When they subscribed.
    joined_at: Timestamp,
    /// When their attributes were changed last.
    updated_at: Timestamp,
}

impl From<StoredSubscriber> for ShownSubscriber {
    fn from(stored: StoredSubscriber) -> Self {
        Self {
            user_id: stored.user_id,
            attributes: stored.attributes,
            joined_at: stored.joined_at,
            updated_at: stored.updated_at,
        }
    }
}

impl From<SubscriberChanges> for ShownChanges {
    fn from(changes: SubscriberChanges) -> Self {
        Self {
            joined: changes.joined,
            changed: changes.changed,
            unchanged: changes.unchanged,
            unknown: changes.unknown,
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Topics;
    vec![
        Endpoint::get("/v1/topics/{name}/subscribers", list)
            .named("listSubscribers", "Who subscribes to a topic, by id")
            .scope(Topics, Read)
            .page::<ShownSubscriber>("subscribers"),
        Endpoint::put("/v1/topics/{name}/subscribers", subscribe)
            .named("putSubscribers", "Subscribes up to 1,000 people to a topic")
            .details(
                "Safe to repeat. The topic is made if there is none. People whom the tenant does not have are named in \
                 the answer, and stop nobody else. It costs as many requests as there are people.",
            )
            .scope(Topics, Write)
            .body::<AskedSubscribers>()
            .answers::<ShownChanges>(200, "what has changed"),
        Endpoint::delete("/v1/topics/{name}/subscribers", unsubscribe)
            .named("deleteSubscribers", "Ends up to 1,000 people's subscriptions")
            .details("Safe to repeat. They get nothing more of what is being sent.")
            .scope(Topics, Write)
            .body::<AskedToLeave>()
            .answers::<ShownLeft>(200, "how many there were"),
        Endpoint::delete("/v1/topics/{name}/subscribers/{user_id}", leave)
            .named("deleteSubscriber", "Ends one person's subscription")
            .scope(Topics, Write)
            .answers_other(204, "it has ended", None),
    ]
}

/// Who subscribes.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let name = named(&name)?;
    let mut query = Query::of(&request);
    let page = query.page::<Uuid>(&format!("subscribers {name}"), Some(who.own_tenant()));
    let page = query.finish(page)?;
    let found = desks
        .topics
        .subscribers(who.own_tenant(), name, page.after, page.limit + 1)
        .await?;
    let entries = found.into_iter();
    let entries = entries.map(|it| (it.user_id, ShownSubscriber::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// Subscribes people.
async fn subscribe(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let name = named(&name)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let mut seen = HashSet::new();
    let people = sent.list("subscribers", 1..=MOST);
    let people = sent.required("subscribers", people);
    let people = people.map(|items| {
        sent.each(&["subscribers"], items, MOST, |one| {
            subscriber(one, &mut seen)
        })
    });
    let people = sent.finish(people)?;
    who.pay(&request, &desks, people.len().saturating_sub(1))
        .await?;
    let changes = desks
        .topics
        .subscribe(who.own_tenant(), name, people, who.by())
        .await?;
    Ok(HttpResponse::Ok().json(ShownChanges::from(changes)))
}

/// Ends subscriptions.
async fn unsubscribe(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let name = named(&name)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let ids = sent.texts("user_ids", id);
    let ids = sent.required("user_ids", ids);
    if let Some(ids) = &ids
        && !(1..=MOST).contains(&ids.len())
    {
        sent.wrong(&["user_ids"], "too_many", format!("1 to {MOST} of them"));
    }
    let ids = sent.finish(ids)?;
    who.pay(&request, &desks, ids.len().saturating_sub(1))
        .await?;
    let left = desks
        .topics
        .unsubscribe(who.own_tenant(), name, ids, who.by())
        .await?;
    Ok(HttpResponse::Ok().json(ShownLeft { left }))
}

/// Ends one subscription.
async fn leave(
    who: Authority,
    desks: Data<Desks>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (name, user_id) = path.into_inner();
    let user_id = things::id_of(&user_id, "subscriber")?;
    let left = desks
        .topics
        .unsubscribe(who.own_tenant(), named(&name)?, vec![user_id], who.by());
    match left.await? {
        0 => Err(Problem::not_found("subscriber")),
        _ => Ok(HttpResponse::NoContent().finish()),
    }
}

/// Somebody who is to subscribe, named once.
fn subscriber(sent: &mut SentFields, seen: &mut HashSet<Uuid>) -> Option<Subscriber> {
    let user_id = sent.text("user_id", |text| match id(text)? {
        id if seen.insert(id) => Ok(id),
        _ => Err("is named twice".to_owned()),
    });
    let user_id = sent.required("user_id", user_id);
    let attributes = sent.value("attributes", topic::attributes);
    Some(Subscriber {
        user_id: user_id?,
        attributes,
    })
}

fn id(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|_| "a UUID is expected".to_owned())
}
