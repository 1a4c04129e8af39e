//! Runs for those who subscribe to topics: a fan-out starts them, wherever and however often nodes die.

use jiff::Timestamp;

use super::starting::{TopicRuns, said, written};
use crate::domain::RunEnd;
use crate::domain::fan_out::FanOutWhat;
use crate::store::events::NewRun;
use crate::store::fan_outs::{self, FanOutOrder, FanOutOrdered};
use crate::store::runs::starting;
use crate::store::{PgConnection, StoreError};

/// Most runs that a fan-out starts in a second.
const RATE: u32 = 20_000;

/// Orders the fan-out; of topics to which nobody subscribes there is a run that says so.
pub(super) async fn start(
    connection: &mut PgConnection,
    topics: &TopicRuns,
    now: Timestamp,
) -> Result<(), StoreError> {
    let seed = serde_json::to_value(&topics.seed).unwrap_or_default();
    let order = FanOutOrder {
        tenant_id: topics.seed.tenant_id,
        topics: topics.topics.clone(),
        condition: None,
        excluded: topics.excluded.clone(),
        rate: RATE,
        what: FanOutWhat::Run(seed),
    };
    let ordered = fan_outs::order(connection, &order, None).await?;
    let is_empty = match ordered {
        FanOutOrdered::New { subscriptions, .. } => subscriptions == 0,
        FanOutOrdered::Unknown => true,
        FanOutOrdered::Taken { .. } => false,
    };
    if !is_empty {
        return Ok(());
    }
    let named = topics.topics.join("`, `");
    let lines = [said(now, format!("nobody subscribes to `{named}`"))];
    let seed = &topics.seed;
    let run = NewRun {
        id: starting::run_id(seed.event_id, &seed.workflow, None),
        tenant_id: seed.tenant_id,
        workflow_id: seed.workflow_id,
        workflow: seed.workflow.clone(),
        event_id: seed.event_id,
        user_id: None,
        key: seed.key.clone(),
        end: Some(RunEnd::EmptyAudience),
        source: None,
        timeline: written(&lines),
    };
    starting::note(connection, &run).await
}
