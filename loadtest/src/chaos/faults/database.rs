//! PostgreSQL dies, ends sessions, stands still, or has no room.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::disk::Disk;
use super::{Spec, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::round::Round;
use crate::chaos::seed::Special;
use crate::chaos::servers::{COUNTED, Server};
use crate::harness::proxy::Proxy;

/// Nobody is asked any more for so long: what was on its way when the fault began has arrived.
const CALM: Duration = Duration::from_millis(1_000);
/// What was in hand is a second's work, and not a busy machine's minute.
const UNREST: Duration = Duration::from_secs(20);
/// How long one engine's database stalls: less than a lease lasts.
const STALL: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn killed(spec: Spec<'_>) -> Result<Finding> {
    let mut round = spec.round().await?;
    round.moment(0.2, 0.7).await;
    dies_for_a_while(&mut round).await?;
    round.finish().await
}

/// PostgreSQL dies now, is away for some seconds in which nothing moves, and comes back.
pub(super) async fn dies_for_a_while(round: &mut Round<'_>) -> Result<()> {
    round.servers.kill(Server::Postgresql).await?;
    let outage = Duration::from_secs(round.scale.choose(2, 5));
    nothing_moves(round, outage).await?;
    back(round, async |round: &mut Round<'_>| {
        round.servers.boot(Server::Postgresql).await
    })
    .await
}

pub(super) async fn paused(spec: Spec<'_>) -> Result<Finding> {
    let mut round = spec.round().await?;
    round.moment(0.2, 0.7).await;
    let paused = round.servers.pause(Server::Postgresql).await?;
    let pause = Duration::from_secs(round.scale.choose(4, 30));
    nothing_moves(&mut round, pause).await?;
    back(&mut round, async |_: &mut Round<'_>| paused.resume()).await?;
    round.finding.note(format!(
        "SIGSTOP to all its processes, for {} s",
        (pause + CALM).as_secs()
    ));
    round.finish().await
}

/// Sessions are ended by the server, connections cut by the network, which then stalls. Nothing is sent
/// again: both engines live, and know what they had in hand.
pub(super) async fn terminated(spec: Spec<'_>) -> Result<Finding> {
    let mut environment = spec.environment(ordinary()).await?;
    let proxy = Proxy::before(&environment.database.url()).await?;
    environment.set_first(
        "HERALD__DATABASE__URL",
        proxy.url(&environment.database.url()),
    );
    let mut round = spec.round_on(environment).await?;
    round.repeats_nothing();
    let mut ended = 0;
    for (from, to) in [(0.1, 0.3), (0.35, 0.6), (0.65, 0.9)] {
        round.moment(from, to).await;
        ended += round.environment.database.end_sessions().await?;
        round.recovers(Instant::now()).await;
        proxy.cut();
        round.recovers(Instant::now()).await;
    }
    // Now and then an engine is just about to connect again, and there is nothing to end.
    round.finding.must(ended > 1, || {
        format!("{ended} sessions were there to be ended")
    });
    proxy.stall();
    sleep(STALL).await;
    proxy.flow();
    round.recovers(Instant::now()).await;
    round.finish().await
}

pub(super) async fn full(spec: Spec<'_>) -> Result<Finding> {
    let disk = Disk::make(spec.servers, &spec.name).await?;
    let special = Special {
        tablespace: disk.tablespace(),
        ..ordinary()
    };
    let environment = spec.environment(special).await?;
    let mut round = spec.round_on(environment).await?;
    round.finding.note(disk.how());
    round.moment(0.2, 0.6).await;
    disk.fill(&round.environment.database).await?;
    let outage = Duration::from_secs(round.scale.choose(3, 10));
    little_moves(&mut round, outage).await?;
    let refused = round.said("No space left on device")
        + round.said("could not extend file")
        + round.said("disk full");
    round.finding.must(refused > 0, || {
        "the disk was filled, and PostgreSQL never said so".into()
    });
    back(&mut round, async |round: &mut Round<'_>| {
        disk.empty(&round.environment.database).await
    })
    .await?;
    let finding = round.finish().await?;
    disk.remove().await?;
    Ok(finding)
}

/// While the database is out of order nothing is acknowledged, and the providers are asked for no
/// more than what was in hand, once each.
pub(super) async fn nothing_moves(round: &mut Round<'_>, outage: Duration) -> Result<()> {
    moves_by_no_more(round, outage, async |_: &Round<'_>| Ok(Stored::default())).await
}

/// The same of a full disk, which still takes what fits into pages that it has: no more is
/// acknowledged and asked for than was stored. A message that was put off is acknowledged as well as one that is sent.
async fn little_moves(round: &mut Round<'_>, outage: Duration) -> Result<()> {
    let stored = async |round: &Round<'_>| {
        let count = async |rows: &str| {
            let query = format!("SELECT count(*) FROM notification_schema.{rows}");
            round.environment.database.count(&query).await
        };
        Ok(Stored {
            claims: count("notification_deduplication").await?,
            outcomes: count("notifications").await?,
            in_hand: count("notifications WHERE status = 'pending'").await?,
        })
    };
    moves_by_no_more(round, outage, stored).await
}

/// How many rows a database has: of notifications, each message's is there once it may be acknowledged.
#[derive(Clone, Copy, Debug, Default)]
struct Stored {
    claims: u64,
    outcomes: u64,
    /// Claimed, and not sent yet: providers may be asked for these without another claim.
    in_hand: u64,
}

async fn moves_by_no_more(
    round: &mut Round<'_>,
    outage: Duration,
    stored: impl AsyncFn(&Round<'_>) -> Result<Stored>,
) -> Result<()> {
    let repeated = round.environment.ledger.totals().duplicates;
    // Some more arrives while nothing can be stored.
    sleep(CALM).await;
    round.load.hold().await?;
    sleep(COUNTED).await;
    calm(round).await;
    let before = stored(round).await?;
    let (queued, requests) = (queued(round).await?, round.environment.requests());
    sleep(outage).await;
    let (later, asked) = (
        self::queued(round).await?,
        round.environment.requests() - requests,
    );
    let after = stored(round).await?;
    let (claims, outcomes) = (
        after.claims.saturating_sub(before.claims),
        after.outcomes.saturating_sub(before.outcomes),
    );
    round.finding.must(later + outcomes >= queued, || {
        let acknowledged = queued - later;
        format!(
            "{acknowledged} messages were acknowledged, and {outcomes} outcomes could be stored"
        )
    });
    let in_hand = before.in_hand;
    round.finding.must(asked <= claims + in_hand, || {
        format!(
            "providers were asked {asked} times, {in_hand} were in hand, and {claims} claims could be stored"
        )
    });
    round.finding.must(queued > 0, || {
        "there was nothing to acknowledge during the outage".into()
    });
    let repeated = round.environment.ledger.totals().duplicates - repeated;
    // What an engine had in hand that was killed before may be sent by the other just now; which, is judged at the end.
    let excused = round.excuses.total();
    round.finding.must(repeated <= excused, || {
        format!(
            "{repeated} were sent again while nothing could be stored, and {excused} may have been"
        )
    });
    Ok(())
}

/// Waits until the providers are asked no more.
async fn calm(round: &Round<'_>) {
    let deadline = Instant::now() + UNREST;
    let (mut asked, mut since) = (round.environment.requests(), Instant::now());
    while since.elapsed() < CALM && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
        let now = round.environment.requests();
        if now != asked {
            (asked, since) = (now, Instant::now());
        }
    }
}

/// Ends the outage. What the engines had in hand is read before they can go on.
pub(super) async fn back(
    round: &mut Round<'_>,
    mend: impl AsyncFnOnce(&mut Round<'_>) -> Result<()>,
) -> Result<()> {
    round.signal("STOP")?;
    let mended = mend(round).await;
    let in_flight = match mended {
        Ok(()) => round.environment.database.in_flight().await,
        Err(error) => Err(error),
    };
    round.signal("CONT")?;
    round.excuse(in_flight?);
    round.load.go_on();
    round.recovers(Instant::now()).await;
    Ok(())
}

/// Messages in the lanes, whether a consumer holds them or not.
async fn queued(round: &Round<'_>) -> Result<u64> {
    let vhost = round.environment.vhost.name();
    let list = ["-q", "-p", vhost, "list_queues", "name", "messages"];
    let listed = round.servers.rabbitmqctl(&list).await?;
    let counts = listed
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(name, _)| name.starts_with("herald.") && *name != "herald.rejected")
        .filter_map(|(_, count)| count.trim().parse::<u64>().ok());
    Ok(counts.sum())
}
