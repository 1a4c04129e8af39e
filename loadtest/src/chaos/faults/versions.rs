//! Two versions of the program work on one database.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Spec, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::round::Round;

/// Has an engine that was built with failpoints act as its own next version.
const NEXT: &str = "HERALD_FAILPOINT_NEXT_VERSION";

/// Rows that only the next version can read.
const OF_NEXT: &str = "SELECT count(*) FROM notification_schema.notifications
    WHERE payload::text LIKE '%next_version%'";
/// Longest until it has stored one.
const STORED_WITHIN: Duration = Duration::from_secs(30);
/// Longest that rows are put off again and again, each time that the older engine is quicker.
const MOST_PUT_OFF: Duration = Duration::from_secs(3 * 60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One engine is of the next version. It is taken back, and comes again: what only it can read waits
/// for it, and nothing fails.
pub(super) async fn two(spec: Spec<'_>) -> Result<Finding> {
    let mut environment = spec.environment(ordinary()).await?;
    // Rows that do not say of which form they are come up every minute.
    let how = spec.scale.choose("announced", "silent");
    environment.set_first(NEXT, how);
    let mut round = spec.round_on(environment).await?;
    round.moment(0.2, 0.5).await;
    // Until it has stored something is nothing there that the older one could stumble over.
    let stored = Instant::now() + STORED_WITHIN;
    while round.environment.database.count(OF_NEXT).await? == 0 && Instant::now() < stored {
        sleep(LOOK_EVERY).await;
    }
    round.end_the_first().await?;
    round.moment(0.6, 0.9).await;
    if how == "announced" {
        let tried = "SELECT count(*) FROM notification_schema.notifications
            WHERE unreadable_count > 0";
        let tried = round.environment.database.count(tried).await?;
        round.finding.must(tried == 0, || {
            format!("the older version took {tried} rows that are announced as of a newer form")
        });
    }
    round.engine = round.environment.engine(round.engine.name()).await?;
    round.recovers(Instant::now()).await;
    let next = round.environment.database.count(OF_NEXT).await?;
    round.finding.must(next > 0, || {
        "nothing was stored that only the next version knows".into()
    });
    let failed = "SELECT count(*) FROM notification_schema.notifications
        WHERE status IN ('failed', 'cancelled')";
    let failed = round.environment.database.count(failed).await?;
    round.finding.must(failed == 0, || {
        format!("{failed} failed or were cancelled, though nothing was wrong with them")
    });
    if !round.scale.quick {
        all_are_taken(&mut round).await?;
    }
    round.finding.note(format!(
        "the next version's rows are {how}: its engine is taken back for a while"
    ));
    round.finish().await
}

/// Waits until no row is left that the older engine could not read and put off, for twice as long each
/// time: an hour would be no round, so those are brought near whose turn is later.
async fn all_are_taken(round: &mut Round<'_>) -> Result<()> {
    let bring_near = "WITH near AS (
            UPDATE notification_schema.notifications SET due_at = now()
            WHERE status = 'pending' AND unreadable_count > 0 AND owner IS NULL AND due_at > now()
            RETURNING 1)
        SELECT count(*)::text FROM near";
    let pending = "SELECT count(*) FROM notification_schema.notifications WHERE status = 'pending'";
    round.load.hold().await?;
    let (deadline, mut put_off) = (Instant::now() + MOST_PUT_OFF, 0);
    while round.environment.database.count(pending).await? > 0 && Instant::now() < deadline {
        put_off += round.environment.database.count(bring_near).await?;
        sleep(LOOK_EVERY).await;
    }
    let left = round.environment.database.count(pending).await?;
    round.finding.must(left == 0, || {
        format!("{left} rows wait {MOST_PUT_OFF:?} after the last was published")
    });
    round.finding.note(format!(
        "rows were brought near {put_off} times after the older version had put them off"
    ));
    round.load.go_on();
    Ok(())
}
