//! Runs for those who subscribe to topics: a fan-out starts them, wherever and however often nodes die.

use jiff::Timestamp;

use super::starting::{TopicRuns, said};
use crate::domain::RunEnd;
use crate::domain::fan_out::FanOutWhat;
use crate::store::fan_outs::{self, FanOutOrder, FanOutOrdered};
use crate::store::runs::starting;
use crate::store::{PgConnection, StoreError};

/// Orders the fan-out, which starts at most so many runs in a second. Of topics that there are not, a run says so: how that
/// ended, if it is new.
pub(super) async fn start(
    connection: &mut PgConnection,
    topics: &TopicRuns,
    rate: u32,
    now: Timestamp,
) -> Result<Option<RunEnd>, StoreError> {
    let seed = serde_json::to_value(&topics.seed).unwrap_or_default();
    let order = FanOutOrder {
        tenant_id: topics.seed.tenant_id,
        topics: topics.topics.clone(),
        condition: None,
        excluded: topics.excluded.clone(),
        rate,
        what: FanOutWhat::Run(seed),
    };
    let (end, words) = match fan_outs::order(connection, &order, None).await? {
        FanOutOrdered::New { unknown, .. } if !unknown.is_empty() => {
            let named = unknown.join("`, `");
            let words = format!("there is no topic `{named}`: the others are told");
            (RunEnd::UnknownTopic, words)
        }
        FanOutOrdered::New { .. } | FanOutOrdered::Taken { .. } => return Ok(None),
        FanOutOrdered::Unknown => {
            let named = topics.topics.join("`, `");
            let words = format!("nobody subscribes to `{named}`: there is no such topic");
            (RunEnd::EmptyAudience, words)
        }
    };
    let line = said(now, words);
    let is_new = starting::note_nobody(connection, &topics.seed, end, &line).await?;
    Ok(is_new.then_some(end))
}
