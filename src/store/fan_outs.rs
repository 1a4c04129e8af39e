//! Ordering fan-outs: jobs that send something to everybody who subscribes to a topic.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Bytea, Double, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::jobs::{self, JobOrder, NewJob};
use super::schema::notification_schema::topics;
use super::topics::subscribers;
use crate::domain::fan_out::{FanOut, FanOutTopic, FanOutWhat};
use crate::domain::{ContentHash, KeyHash};

/// What is to be sent to everybody who subscribes to topics.
#[derive(Debug, Clone, PartialEq)]
pub struct FanOutOrder {
    /// The tenant.
    pub tenant_id: Uuid,
    /// Names of topics. Who subscribes to several gets it once.
    pub topics: Vec<String>,
    /// An expression over a subscriber's attributes that must be true.
    pub condition: Option<String>,
    /// Who gets nothing.
    pub excluded: Vec<Uuid>,
    /// Most people that are told in a second; never 0.
    pub rate: u32,
    /// What each gets.
    pub what: FanOutWhat,
}

/// What makes a repetition of an order safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FanOutRequest {
    /// What stands for its idempotency key.
    pub key: KeyHash,
    /// What a repetition must say again.
    pub content: ContentHash,
    /// How long the key is remembered.
    pub window: Duration,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FanOutOrdered {
    /// The job is there.
    New {
        /// The job.
        job: Uuid,
        /// How many subscriptions there are, as far as they are counted; 0 for runs, whose first part counts them.
        subscriptions: u64,
        /// Topics that the tenant does not have: they are left out.
        unknown: Vec<String>,
    },
    /// Nothing is ordered, since the tenant has none of these topics.
    Unknown,
    /// An order with this key was first.
    Taken {
        /// Its job.
        job: Uuid,
        /// What it said.
        content: ContentHash,
    },
}

#[derive(QueryableByName)]
struct TakenBy {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Bytea)]
    request_content: Vec<u8>,
}

/// A tenant's topics of these names.
#[diesel::dsl::auto_type]
fn named<'a>(tenant_id: Uuid, names: &'a [String]) -> _ {
    topics::table
        .filter(topics::tenant_id.eq(tenant_id))
        .filter(topics::name.eq_any(names))
        .filter(topics::deleted_at.is_null())
}

/// Orders a fan-out in the transaction around it: those get it who subscribe by then, and nobody who does later.
/// Topics that the tenant does not have are left out.
///
/// # Errors
/// The database is out of reach, or a topic's subscribers are being changed for long.
pub async fn order(
    connection: &mut AsyncPgConnection,
    order: &FanOutOrder,
    request: Option<&FanOutRequest>,
) -> Result<FanOutOrdered, StoreError> {
    // Whoever is subscribing somebody at this moment is waited for: the numbers that are read are of what is committed.
    let found: Vec<(Uuid, String, i64)> = named(order.tenant_id, &order.topics)
        .order(topics::id)
        .select((topics::id, topics::name, topics::joined))
        .for_share()
        .load(connection)
        .await?;
    if found.is_empty() {
        return Ok(FanOutOrdered::Unknown);
    }
    let subscriptions = match order.what {
        FanOutWhat::Notification(_) => {
            subscribers::count_all(connection, found.iter().map(|(id, ..)| *id)).await?
        }
        // Whoever accepts an event does not wait for that: the first part counts them.
        FanOutWhat::Run(_) => 0,
    };
    let is_unknown = |name: &&String| !found.iter().any(|(_, known, _)| known == *name);
    let unknown = order.topics.iter().filter(is_unknown).cloned().collect();
    let topic = |(id, name, joined)| FanOutTopic { id, name, joined };
    let fan_out = FanOut {
        topics: found.into_iter().map(topic).collect(),
        condition: order.condition.clone(),
        excluded: order.excluded.clone(),
        what: order.what.clone(),
    };
    if let Some(request) = request {
        forget_key(connection, order.tenant_id, request).await?;
    }
    let job = NewJob {
        tenant_id: Some(order.tenant_id),
        order: &JobOrder::FanOut(Box::new(fan_out)),
        rate: order.rate,
        planned: subscriptions,
        request: request.map(|request| (request.key, request.content)),
    };
    match (jobs::order(connection, &job).await?, request) {
        (Some(job), _) => Ok(FanOutOrdered::New {
            job,
            subscriptions,
            unknown,
        }),
        (None, Some(request)) => taken(connection, order.tenant_id, request).await,
        (None, None) => Err(StoreError::NotFound),
    }
}

/// A tenant's topics of these names, as a fan-out would go to them now; nothing is held.
///
/// # Errors
/// The database is out of reach.
pub async fn topics(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    names: &[String],
) -> Result<Vec<FanOutTopic>, StoreError> {
    let found: Vec<(Uuid, String, i64)> = named(tenant_id, names)
        .order(topics::id)
        .select((topics::id, topics::name, topics::joined))
        .load(connection)
        .await?;
    let topic = |(id, name, joined)| FanOutTopic { id, name, joined };
    Ok(found.into_iter().map(topic).collect())
}

/// Whether the tenant lacks one of these topics: those that it lacks, in their order.
///
/// # Errors
/// The database is out of reach.
pub async fn missing(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    names: &[String],
) -> Result<Vec<String>, StoreError> {
    let known: Vec<String> = named(tenant_id, names)
        .select(topics::name)
        .load(connection)
        .await?;
    let missing = names.iter().filter(|name| !known.contains(name));
    Ok(missing.cloned().collect())
}

/// Forgets a key that was used too long ago.
async fn forget_key(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    request: &FanOutRequest,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE jobs SET request_key = NULL, request_content = NULL
         WHERE tenant_id = $1 AND request_key = $2 AND created_at < now() - make_interval(secs => $3)",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Bytea, _>(request.key.0.to_vec())
    .bind::<Double, _>(request.window.as_secs_f64())
    .execute(connection)
    .await?;
    Ok(())
}

async fn taken(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    request: &FanOutRequest,
) -> Result<FanOutOrdered, StoreError> {
    let taken: TakenBy = diesel::sql_query(
        "SELECT id, request_content FROM jobs WHERE tenant_id = $1 AND request_key = $2",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Bytea, _>(request.key.0.to_vec())
    .get_result(connection)
    .await?;
    let content = taken.request_content.try_into();
    let content = content.map_err(|_| StoreError::Corrupt("the request of a job".to_owned()))?;
    Ok(FanOutOrdered::Taken {
        job: taken.id,
        content: ContentHash(content),
    })
}
