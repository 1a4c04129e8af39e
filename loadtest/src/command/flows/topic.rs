//! An event that tells everybody who subscribes to a topic.

use std::time::Instant;

use anyhow::Result;

use super::happening::Happening;
use crate::command::measuring::everybody_subscribes;
use crate::harness::usage::Sample;

/// Fans an event out; says whether everybody is told once.
pub(super) async fn fan_out(happening: &Happening<'_>, subscribers: u32) -> Result<bool> {
    let many = u64::from(subscribers);
    everybody_subscribes(&happening.database, many, "{}").await?;
    let pid = happening.engine.id();
    let (before, began) = (Sample::take(pid)?, Instant::now());
    happening
        .happens(&happening.event("flow.topic", "topic", 0))
        .await?;
    let wanted = many;
    let ended = "SELECT count(*) FROM notification_schema.workflow_runs
                 WHERE workflow = 'topic' AND status = 'finished'";
    happening.until(ended, wanted).await?;
    let seconds = began.elapsed().as_secs_f64();
    let after = Sample::take(pid)?;
    println!(
        "a topic of {subscribers}: everybody's run is done, and their message accepted, after {seconds:.1} s: {:.0} a second; {:.2} \
         cores of the engine; {:.0} MB resident at most ({:.0} MB before)",
        f64::from(subscribers) / seconds,
        (after.cpu_seconds() - before.cpu_seconds()) / seconds,
        after.resident_peak_bytes as f64 / 1e6,
        before.resident_bytes as f64 / 1e6,
    );
    let told = "SELECT count(*) FROM notification_schema.notifications WHERE metadata ->> 'workflow' = 'topic'";
    let people = "SELECT count(DISTINCT user_id) FROM notification_schema.notifications
                  WHERE metadata ->> 'workflow' = 'topic'";
    Ok(happening.count(told).await? == wanted && happening.count(people).await? == wanted)
}
