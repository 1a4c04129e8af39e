//! Two versions of the program work on one database.

use anyhow::Result;
use tokio::time::Instant;

use super::{Ground, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::play::DEADLINE;

/// Has an engine that was built with failpoints act as its own next version.
const NEXT: &str = "HERALD_FAILPOINT_NEXT_VERSION";

/// One engine is of the next version. It is taken back, and comes again: what only it can read waits
/// for it, and nothing fails.
pub(super) async fn two(ground: Ground<'_>) -> Result<Finding> {
    let mut scene = ground.scene(ordinary()).await?;
    // Rows that do not say of which form they are come up every minute.
    let how = ground.scale.choose("announced", "silent");
    scene.set_first(NEXT, how);
    let mut play = ground.play_on(scene).await?;
    play.moment(0.2, 0.5).await;
    play.engine.signal("TERM").await?;
    let ended = play.engine.ended(DEADLINE).await;
    play.finding
        .must(ended.as_ref().is_ok_and(|status| status.success()), || {
            format!("it did not end within its deadline: {ended:?}")
        });
    play.moment(0.6, 0.9).await;
    play.engine = play.scene.engine(play.engine.node()).await?;
    play.recovers(Instant::now()).await;
    let next = "SELECT count(*) FROM notification_schema.notifications
        WHERE payload::text LIKE '%next_version%'";
    let next = play.scene.database.count(next).await?;
    play.finding.must(next > 0, || {
        "nothing was stored that only the next version knows".into()
    });
    let failed = "SELECT count(*) FROM notification_schema.notifications
        WHERE status IN ('failed', 'cancelled')";
    let failed = play.scene.database.count(failed).await?;
    play.finding.must(failed == 0, || {
        format!("{failed} failed or were cancelled, though nothing was wrong with them")
    });
    play.finding.note(format!(
        "the next version's rows are {how}: its engine is taken back for a while"
    ));
    play.finish().await
}
