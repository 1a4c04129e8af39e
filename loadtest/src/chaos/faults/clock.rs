//! An engine's clock jumps forwards and back, by libfaketime.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt;
use tokio::time::{Instant, sleep};

use super::{Spec, ordinary};
use crate::chaos::finding::Finding;

const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// Access tokens and claims are good for an hour: further off, any provider would refuse the engine.
const FARTHEST_SECONDS: i64 = 1_500;
const NEAREST_SECONDS: i64 = 60;

pub(super) async fn jumps(mut spec: Spec<'_>) -> Result<Finding> {
    let library = library().context(
        "libfaketime is not installed, and no clock is moved without it: apt-get install faketime",
    )?;
    let mut environment = spec.environment(ordinary()).await?;
    let offset = spec.servers.folder().join(format!("clock-{}", spec.name));
    // It begins with a wrong clock: what it knows of the time must come from the database.
    jump(
        &offset,
        spec.dice.random_range(NEAREST_SECONDS..FARTHEST_SECONDS),
    )?;
    // The other engine's clock stays, as the servers' do.
    environment.set_first("LD_PRELOAD", library.to_string_lossy());
    environment.set_first("FAKETIME_TIMESTAMP_FILE", offset.to_string_lossy());
    environment.set_first("FAKETIME_NO_CACHE", "1");
    // Waits go by the monotonic clock, which does not jump on a real machine either.
    environment.set_first("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    environment.set_first("DONT_FAKE_MONOTONIC", "1");
    let mut round = spec.round_on(environment).await?;
    for (direction, from, to) in [(1, 0.1, 0.3), (-1, 0.35, 0.6)] {
        round.moment(from, to).await;
        let seconds = round.dice.random_range(NEAREST_SECONDS..FARTHEST_SECONDS);
        jump(&offset, direction * seconds)?;
        round.recovers(Instant::now()).await;
        sleep(Duration::from_millis(300)).await;
    }
    round.moment(0.65, 0.9).await;
    jump(&offset, 0)?;
    round.recovers(Instant::now()).await;
    round.finding.note(
        "one engine runs under libfaketime, begins ahead, and jumps up to 25 minutes both ways; the other's clock and \
         the servers' stay. Daylight-saving changes are covered by the tests of src/policy",
    );
    round.finish().await
}

fn jump(file: &Path, seconds: i64) -> Result<()> {
    // Replaced as a whole: the engine reads it with every look at the clock.
    let next = file.with_extension("next");
    std::fs::write(&next, format!("{seconds:+}\n"))?;
    std::fs::rename(&next, file).context("the file with the clock's offset")
}

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let mut found = folders.filter_map(|entry| {
        let path = entry.ok()?.path().join(LIBRARY);
        path.is_file().then_some(path)
    });
    found.next()
}
