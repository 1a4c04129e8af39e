//! A part of a replay of what a webhook was told.

use std::collections::BTreeMap;

use crate::ops::replay;
use crate::runtime::clock;
use crate::store::jobs::going_on::JobPart;
use crate::store::jobs::{JobPlace, StoredJob};
use crate::store::webhooks::replays::{self, WebhookReplay};
use crate::store::{PgConnection, StoreError};

/// Deliveries that one part looks at: one transaction.
const PART: i64 = 1_000;
/// The result of one that is sent again.
const REPLAYED: &str = "replayed";

/// The next deliveries of a job, set to be sent in the transaction that notes it; `None` at the end. Who takes them keeps
/// to the webhook's own pace.
pub(super) async fn part(
    connection: &mut PgConnection,
    job: &StoredJob,
    meant: &WebhookReplay,
) -> Result<Option<JobPart>, StoreError> {
    let place = match job.place {
        Some(JobPlace::Delivery(id)) => Some(id),
        _ => None,
    };
    let Some(done) = replays::part(connection, meant, place, PART).await? else {
        return Ok(None);
    };
    let now = clock::now();
    let begin = job.next_due.map_or(now, |due| due.max(now));
    let counts = BTreeMap::from([(REPLAYED.to_owned(), u64::from(done.replayed))]);
    Ok(Some(JobPart {
        place: JobPlace::Delivery(done.place),
        next_due: replay::due_at(begin, done.replayed, job.rate),
        // What is left alone was not planned either.
        looked_at: u64::from(done.replayed),
        counts,
        results: vec![],
    }))
}
