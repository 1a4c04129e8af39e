//! Two versions of the program work on one database.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Ground, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::play::{DEADLINE, Play};

/// Has an engine that was built with failpoints act as its own next version.
const NEXT: &str = "HERALD_FAILPOINT_NEXT_VERSION";

/// Longest that a row is put off again and again.
const MOST_PUT_OFF: Duration = Duration::from_secs(15 * 60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

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
    if !play.scale.quick {
        all_are_taken(&mut play).await?;
    }
    play.finding.note(format!(
        "the next version's rows are {how}: its engine is taken back for a while"
    ));
    play.finish().await
}

/// Waits until no row is left that the older engine could not read and put off: first for a minute, then
/// for twice that, and so on, whenever it was quicker than the other.
async fn all_are_taken(play: &mut Play<'_>) -> Result<()> {
    let pending = "SELECT count(*) FROM notification_schema.notifications WHERE status = 'pending'";
    play.load.hold().await?;
    let deadline = Instant::now() + MOST_PUT_OFF;
    while play.scene.database.count(pending).await? > 0 && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
    play.load.go_on();
    Ok(())
}
