//! Replays of webhooks, as jobs.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::JobState;
use crate::store::jobs::{self, JobOrder, NewJob, StoredJob};
use crate::store::webhooks::replays::{self, ReplayWindow, WebhookReplay};
use crate::store::{PgConnection, StoreError};

/// Deliveries that a replay sets to be sent in a second, at most.
const REPLAY_RATE: u32 = 1_000;

/// A replay, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReplay {
    /// Its id, which is its job's.
    pub id: Uuid,
    /// Of what.
    pub window: ReplayWindow,
    /// Where it stands.
    pub state: JobState,
    /// How many there were when it was ordered.
    pub planned: u64,
    /// How many have been set to be sent.
    pub done: u64,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl StoredReplay {
    /// What a job is of a webhook, if it is a replay of that.
    pub(super) fn of(job: &StoredJob, webhook_id: Uuid) -> Option<Self> {
        let JobOrder::WebhookReplay(replay) = &job.order else {
            return None;
        };
        (replay.webhook_id == webhook_id).then(|| Self {
            id: job.id,
            window: replay.window(),
            state: job.state,
            planned: job.planned,
            done: job.done,
            created_at: job.created_at,
            finished_at: job.finished_at,
        })
    }
}

/// Orders a replay of a tenant's webhook; answers its id, and how many it is to send.
pub(super) async fn order(
    connection: &mut PgConnection,
    (tenant_id, webhook_id): (Uuid, Uuid),
    window: ReplayWindow,
) -> Result<(Uuid, u64), StoreError> {
    let planned = replays::count(connection, tenant_id, webhook_id, window).await?;
    let order = JobOrder::WebhookReplay(WebhookReplay {
        webhook_id,
        since: window.since,
        until: window.until,
        everything: window.everything,
    });
    let job = NewJob {
        tenant_id: Some(tenant_id),
        order: &order,
        rate: REPLAY_RATE,
        planned,
        request: None,
    };
    let id = jobs::order(connection, &job).await?;
    Ok((id.ok_or(StoreError::NotFound)?, planned))
}
