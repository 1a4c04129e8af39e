//! PostgreSQL dies, ends sessions, stands still, or has no room.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::disk::Disk;
use super::{Ground, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::play::Play;
use crate::chaos::scene::Wishes;
use crate::chaos::servers::{COUNTED, Server};

/// Nobody is asked any more for so long: what was on its way when the fault began has arrived.
const CALM: Duration = Duration::from_millis(1_000);
/// What was in hand is a second's work, and not a busy machine's minute.
const UNREST: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn killed(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    play.moment(0.2, 0.7).await;
    play.servers.kill(Server::Postgresql).await?;
    let outage = Duration::from_secs(play.scale.choose(2, 5));
    nothing_moves(&mut play, outage).await?;
    back(&mut play, async |play: &mut Play<'_>| {
        play.servers.boot(Server::Postgresql).await
    })
    .await?;
    play.finish().await
}

pub(super) async fn paused(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    play.moment(0.2, 0.7).await;
    let paused = play.servers.pause(Server::Postgresql).await?;
    let pause = Duration::from_secs(play.scale.choose(4, 30));
    nothing_moves(&mut play, pause).await?;
    back(&mut play, async |_: &mut Play<'_>| paused.resume().await).await?;
    play.finding.note(format!(
        "SIGSTOP to all its processes, for {} s",
        (pause + CALM).as_secs()
    ));
    play.finish().await
}

pub(super) async fn terminated(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    for (from, to) in [(0.1, 0.3), (0.35, 0.6), (0.65, 0.9)] {
        play.moment(from, to).await;
        let end = async |play: &mut Play<'_>| play.scene.database.end_sessions().await;
        play.excuse_what_is_in_hand(end).await?;
        play.recovers(Instant::now()).await;
    }
    play.finish().await
}

pub(super) async fn full(ground: Ground<'_>) -> Result<Finding> {
    let disk = Disk::make(ground.servers, &ground.name).await?;
    let wishes = Wishes {
        tablespace: disk.tablespace(),
        ..ordinary()
    };
    let scene = ground.scene(wishes).await?;
    let mut play = ground.play_on(scene).await?;
    play.finding.note(disk.how());
    play.moment(0.2, 0.6).await;
    disk.fill(&play.scene.database).await?;
    let outage = Duration::from_secs(play.scale.choose(3, 10));
    little_moves(&mut play, outage).await?;
    let refused = play.said("No space left on device")
        + play.said("could not extend file")
        + play.said("disk full");
    play.finding.must(refused > 0, || {
        "the disk was filled, and PostgreSQL never said so".into()
    });
    back(&mut play, async |play: &mut Play<'_>| {
        disk.empty(&play.scene.database).await
    })
    .await?;
    let finding = play.finish().await?;
    disk.remove().await?;
    Ok(finding)
}

/// While the database is out of order nothing is acknowledged, and the providers are asked for no
/// more than what was in hand, once each.
pub(super) async fn nothing_moves(play: &mut Play<'_>, outage: Duration) -> Result<()> {
    moves_by_no_more(play, outage, async |_: &Play<'_>| Ok(Stored::default())).await
}

/// The same of a full disk, which still takes what fits into pages that it has: no more is
/// acknowledged and asked for than was stored.
async fn little_moves(play: &mut Play<'_>, outage: Duration) -> Result<()> {
    let stored = async |play: &Play<'_>| {
        let count = async |rows: &str| {
            let query = format!("SELECT count(*) FROM notification_schema.{rows}");
            play.scene.database.count(&query).await
        };
        Ok(Stored {
            claims: count("notification_deduplication").await?,
            outcomes: count("notifications WHERE status <> 'pending'").await?,
        })
    };
    moves_by_no_more(play, outage, stored).await
}

/// How many rows a database has.
#[derive(Clone, Copy, Debug, Default)]
struct Stored {
    claims: u64,
    outcomes: u64,
}

async fn moves_by_no_more(
    play: &mut Play<'_>,
    outage: Duration,
    stored: impl AsyncFn(&Play<'_>) -> Result<Stored>,
) -> Result<()> {
    let repeated = play.scene.ledger.totals().duplicates;
    // Some more arrives while nothing can be stored.
    sleep(CALM).await;
    play.load.hold().await?;
    sleep(COUNTED).await;
    calm(play).await;
    let before = stored(play).await?;
    let (queued, requests) = (queued(play).await?, play.scene.requests());
    sleep(outage).await;
    let (later, asked) = (self::queued(play).await?, play.scene.requests() - requests);
    let after = stored(play).await?;
    let (claims, outcomes) = (
        after.claims.saturating_sub(before.claims),
        after.outcomes.saturating_sub(before.outcomes),
    );
    play.finding.must(later + outcomes >= queued, || {
        let acknowledged = queued - later;
        format!(
            "{acknowledged} messages were acknowledged, and {outcomes} outcomes could be stored"
        )
    });
    play.finding.must(asked <= claims, || {
        format!("providers were asked {asked} times, and {claims} claims could be stored")
    });
    play.finding.must(queued > 0, || {
        "there was nothing to acknowledge during the outage".into()
    });
    let repeated = play.scene.ledger.totals().duplicates - repeated;
    play.finding.must(repeated == 0, || {
        format!("{repeated} were sent again while nothing could be stored")
    });
    Ok(())
}

/// Waits until the providers are asked no more.
async fn calm(play: &Play<'_>) {
    let deadline = Instant::now() + UNREST;
    let (mut asked, mut since) = (play.scene.requests(), Instant::now());
    while since.elapsed() < CALM && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
        let now = play.scene.requests();
        if now != asked {
            (asked, since) = (now, Instant::now());
        }
    }
}

/// Ends the outage. What the engines had in hand is read before they can go on.
pub(super) async fn back(
    play: &mut Play<'_>,
    mend: impl AsyncFnOnce(&mut Play<'_>) -> Result<()>,
) -> Result<()> {
    play.signal("STOP").await?;
    let mended = mend(play).await;
    let in_flight = match mended {
        Ok(()) => play.scene.database.in_flight().await,
        Err(error) => Err(error),
    };
    play.signal("CONT").await?;
    play.excuse(in_flight?);
    play.load.go_on();
    play.recovers(Instant::now()).await;
    Ok(())
}

/// Messages in the lanes, whether a consumer holds them or not.
async fn queued(play: &Play<'_>) -> Result<u64> {
    let vhost = play.scene.vhost.name();
    let list = ["-q", "-p", vhost, "list_queues", "name", "messages"];
    let listed = play.servers.rabbitmqctl(&list).await?;
    let counts = listed
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(name, _)| name.starts_with("herald.") && *name != "herald.rejected")
        .filter_map(|(_, count)| count.trim().parse::<u64>().ok());
    Ok(counts.sum())
}
