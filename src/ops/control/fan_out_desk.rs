//! What is sent to topics, as the HTTP API asks for it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::broker::envelope::{Envelope, KeySource, Refusal, key_hash};
use crate::cache::templates::TemplateCache;
use crate::domain::JobKind;
use crate::domain::fan_out::{FanOutWhat, NotificationDraft, content_of};
use crate::ops::admissible::points_nowhere;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::fan_outs::{self, FanOutOrder, FanOutOrdered, FanOutRequest};
use crate::store::jobs::{self, StoredJob};
use crate::store::{Database, PgConnection, StoreError};
use crate::templates::Expression;

/// Orders fan-outs. Clones share it.
#[derive(Debug, Clone)]
pub struct FanOutDesk {
    /// Does the work.
    pub desk: Desk,
    /// The templates.
    pub templates: TemplateCache,
    /// How long a key is remembered.
    pub window: Duration,
    /// Most people a second, where an order says nothing of it.
    pub usual_rate: u32,
    /// Wakes who goes on with jobs.
    pub wake: Arc<Notify>,
}

/// Whom a fan-out is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanOutMeant {
    /// Names of topics.
    pub topics: Vec<String>,
    /// An expression over a subscriber's attributes that must be true.
    pub condition: Option<String>,
    /// Who gets nothing.
    pub excluded: Vec<Uuid>,
    /// Most people a second.
    pub rate: Option<u32>,
}

/// A fan-out that somebody asks for.
#[derive(Debug)]
pub struct FanOutAsked {
    /// Whom it is for.
    pub meant: FanOutMeant,
    /// What each gets; whose it is says nothing.
    pub envelope: Envelope,
    /// Its idempotency key.
    pub key: Option<String>,
}

/// Why a fan-out is not ordered.
#[derive(Debug, thiserror::Error)]
pub enum FanOutDeskError {
    /// The notification cannot be accepted, whoever it is for.
    #[error("{}: {}", .0.reason, .0.detail)]
    Refused(Refusal),
    /// The tenant has no such topics.
    #[error("there are no such topics")]
    NoTopics(Vec<String>),
    /// Another order has used the key.
    #[error("the key was used for another order")]
    KeyReused,
    /// The desk's trouble.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl From<StoreError> for FanOutDeskError {
    fn from(error: StoreError) -> Self {
        Self::Desk(error.into())
    }
}

impl FanOutDesk {
    /// Whether a condition can be read.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn check_condition(&self, text: &str) -> Result<(), String> {
        Expression::compile(text).map(|_| ())
    }

    /// At most so many fan-outs of a tenant, the newest first, that were ordered before another one; of all tenants without
    /// one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Option<Uuid>,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredJob>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let whose = (tenant_id, JobKind::FanOut);
            Ok(jobs::page(&mut connection, whose, before, most).await?)
        };
        self.desk.with("list fan-outs", work).await
    }

    /// Orders a fan-out: those get it who subscribe by then. Answers its job, and whether that was ordered before,
    /// by the same key.
    ///
    /// # Errors
    /// There is no such topic, template or account; its key was used for another order; or the database is out of reach.
    pub async fn order(
        &self,
        asked: FanOutAsked,
        by: DoneBy,
    ) -> Result<(StoredJob, bool), FanOutDeskError> {
        let (templates, window, usual) = (self.templates.clone(), self.window, self.usual_rate);
        let work = async move |database: Database| {
            let tenant_id = asked.envelope.tenant_id;
            let mut connection = database.get().await?;
            let missing =
                fan_outs::missing(&mut connection, tenant_id, &asked.meant.topics).await?;
            drop(connection);
            if !missing.is_empty() {
                return Err(FanOutDeskError::NoTopics(missing));
            }
            let refusal = points_nowhere(&database, &templates, &asked.envelope).await?;
            if let Some(refusal) = refusal {
                return Err(FanOutDeskError::Refused(refusal));
            }
            let request = request(&asked, window);
            let order = order(asked, usual);
            let ordered = async |connection: &mut PgConnection| {
                ordered(connection, &order, request.as_ref(), &by).await
            };
            database.attempt(ordered).await
        };
        let ordered = self.desk.with("order a fan-out", work).await?;
        self.wake.notify_one();
        Ok(ordered)
    }
}

/// What makes a repetition of it safe.
fn request(asked: &FanOutAsked, window: Duration) -> Option<FanOutRequest> {
    let (envelope, meant) = (&asked.envelope, &asked.meant);
    let key = KeySource::Idempotency(asked.key.as_deref()?);
    Some(FanOutRequest {
        key: key_hash(key, envelope.tenant_id, Uuid::nil(), envelope.lane.channel),
        content: content_of(
            envelope.content,
            &meant.topics,
            meant.condition.as_deref(),
            &meant.excluded,
            meant.rate,
        ),
        window,
    })
}

fn order(asked: FanOutAsked, usual_rate: u32) -> FanOutOrder {
    let (envelope, meant) = (asked.envelope, asked.meant);
    FanOutOrder {
        tenant_id: envelope.tenant_id,
        topics: meant.topics,
        condition: meant.condition,
        excluded: meant.excluded,
        rate: meant.rate.unwrap_or(usual_rate),
        what: FanOutWhat::Notification(Box::new(NotificationDraft {
            lane: envelope.lane,
            category: envelope.category,
            payload: envelope.payload,
            send_at: envelope.send_at,
            expires_at: envelope.expires_at,
            max_retries: envelope.max_retries,
            source: envelope.source,
            metadata: envelope.metadata,
        })),
    }
}

async fn ordered(
    connection: &mut PgConnection,
    order: &FanOutOrder,
    request: Option<&FanOutRequest>,
    by: &DoneBy,
) -> Result<(StoredJob, bool), FanOutDeskError> {
    let (job, is_replayed) = match fan_outs::order(connection, order, request).await? {
        FanOutOrdered::New {
            job, subscriptions, ..
        } => {
            note(connection, order, (job, subscriptions), by).await?;
            (job, false)
        }
        FanOutOrdered::Taken { job, content } => match request {
            Some(request) if request.content == content => (job, true),
            _ => return Err(FanOutDeskError::KeyReused),
        },
        FanOutOrdered::Unknown => return Err(FanOutDeskError::NoTopics(order.topics.clone())),
    };
    let job = jobs::find(connection, Some(order.tenant_id), job).await?;
    let job = job.ok_or(DeskError::NotFound("job"))?;
    Ok((job, is_replayed))
}

async fn note(
    connection: &mut PgConnection,
    order: &FanOutOrder,
    (job, subscriptions): (Uuid, u64),
    by: &DoneBy,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        tenant_id: Some(order.tenant_id),
        action: "create",
        resource: "job",
        resource_id: job.to_string(),
        changes: AuditChanges::made(json!({
            "kind": "fan_out", "topics": order.topics, "where": order.condition,
            "excluded": order.excluded.len(), "rate": order.rate, "planned": subscriptions,
        })),
    };
    audit::record(connection, by, entry).await
}
