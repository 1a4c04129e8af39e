//! Runs for those who subscribe to topics: a fan-out starts them, wherever and however often nodes die.

use jiff::Timestamp;

use super::starting::{TopicRuns, said};
use crate::domain::RunEnd;
use crate::domain::fan_out::FanOutWhat;
use crate::store::fan_outs::{self, FanOutOrder, FanOutOrdered};
use crate::store::runs::starting;
use crate::store::{PgConnection, StoreError};

/// Most runs that a fan-out starts in a second.
const RATE: u32 = 20_000;

/// Orders the fan-out; where there are no such topics, there is a run that says so.
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
    match fan_outs::order(connection, &order, None).await? {
        FanOutOrdered::New { .. } | FanOutOrdered::Taken { .. } => Ok(()),
        FanOutOrdered::Unknown => {
            let named = topics.topics.join("`, `");
            let line = said(now, format!("nobody subscribes to `{named}`"));
            starting::note_nobody(connection, &topics.seed, RunEnd::EmptyAudience, &line).await
        }
    }
}
