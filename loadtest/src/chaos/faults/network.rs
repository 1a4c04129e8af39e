//! The network loses packets, and neither end hears of it.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use super::{Ground, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::play::Play;
use crate::chaos::scene::Scene;
use crate::proxy::Proxy;

const DATABASE: &str = "HERALD__DATABASE__URL";
const BROKER: &str = "HERALD__BROKER__URL";
/// Longest until all goes on, after the connections of the moment went silent.
const FLOWS_WITHIN: Duration = Duration::from_secs(30);
/// Longest until another engine has taken over the rows that one which is cut off had in hand.
const TAKEN_WITHIN: Duration = Duration::from_secs(15);

/// Connections to PostgreSQL go silent, and new ones work.
pub(super) async fn swallows_of_database(ground: Ground<'_>) -> Result<Finding> {
    let mut scene = ground.scene(ordinary()).await?;
    let proxy = Proxy::before(&scene.database.url()).await?;
    scene.set(DATABASE, proxy.url(&scene.database.url()));
    swallowed(ground.play_on(scene).await?, &proxy).await
}

/// Connections to RabbitMQ go silent, and new ones work.
pub(super) async fn swallows_of_broker(ground: Ground<'_>) -> Result<Finding> {
    let mut scene = ground.scene(ordinary()).await?;
    let proxy = Proxy::before(scene.vhost.url()).await?;
    scene.set(BROKER, proxy.url(scene.vhost.url()));
    swallowed(ground.play_on(scene).await?, &proxy).await
}

async fn swallowed(mut play: Play<'_>, proxy: &Proxy) -> Result<Finding> {
    play.moment(0.2, 0.6).await;
    let swallow = async |_: &mut Play<'_>| {
        proxy.swallow();
        Ok(Instant::now())
    };
    let since = play.excuse_what_is_in_hand(swallow).await?;
    play.recovers(since).await;
    let recovered = play.finding.recovered.unwrap_or_default();
    play.finding.must(recovered <= FLOWS_WITHIN, || {
        format!("it took {recovered:?} until all went on, more than {FLOWS_WITHIN:?}")
    });
    play.finish().await
}

/// The machine of one engine loses its power: its servers do not hear that it is gone.
pub(super) async fn power_cut(ground: Ground<'_>) -> Result<Finding> {
    let (scene, cables) = Cables::of_the_first(&ground).await?;
    let mut play = ground.play_on(scene).await?;
    play.moment(0.2, 0.6).await;
    let cut = async |play: &mut Play<'_>| {
        cables.isolate();
        play.engine.kill().await
    };
    let left = play.excuse_the_first(cut).await?;
    let rows = play.rows_taken_over(&left).await?;
    play.taken_over(&left).await?;
    within(&mut play, rows);
    // Its machine is started again: what the servers still believe in of its former life is cut.
    cables.mend();
    play.engine = play.scene.engine(play.engine.node()).await?;
    play.recovers(Instant::now()).await;
    play.finish().await
}

/// One engine is cut off from its servers, lives on, and comes back: then what it had written
/// arrives late.
pub(super) async fn cut_off(ground: Ground<'_>) -> Result<Finding> {
    let (scene, cables) = Cables::of_the_first(&ground).await?;
    let mut play = ground.play_on(scene).await?;
    play.moment(0.2, 0.6).await;
    let left = play
        .excuse_the_first(async |_: &mut Play<'_>| {
            cables.stall();
            Ok(())
        })
        .await?;
    let rows = play.rows_taken_over(&left).await?;
    play.taken_over(&left).await?;
    within(&mut play, rows);
    // It goes on trying for a while.
    sleep(Duration::from_secs(play.scale.choose(1, 20))).await;
    cables.flow();
    play.recovers(Instant::now()).await;
    play.finish().await
}

fn within(play: &mut Play<'_>, rows: Duration) {
    play.finding.note(format!(
        "rows were taken over after {:.1} s; messages once RabbitMQ had missed the heartbeats, of {}",
        rows.as_secs_f64(),
        heartbeat(play.scale.quick),
    ));
    play.finding.must(rows <= TAKEN_WITHIN, || {
        format!("it took {rows:?} until rows were taken over, more than {TAKEN_WITHIN:?}")
    });
}

/// RabbitMQ hands out again what a lost engine had once it has missed its heartbeats.
fn heartbeat(quick: bool) -> &'static str {
    if quick { "3s" } else { "10s" }
}

/// What joins the first engine with its servers.
struct Cables {
    database: Proxy,
    broker: Proxy,
}

impl Cables {
    async fn of_the_first(ground: &Ground<'_>) -> Result<(Scene, Self)> {
        let mut scene = ground.scene(ordinary()).await?;
        let database = Proxy::before(&scene.database.url()).await?;
        let broker = Proxy::before(scene.vhost.url()).await.context("a proxy")?;
        scene.set_first(DATABASE, database.url(&scene.database.url()));
        scene.set_first(BROKER, broker.url(scene.vhost.url()));
        scene.set("HERALD__BROKER__HEARTBEAT", heartbeat(ground.scale.quick));
        Ok((scene, Self { database, broker }))
    }

    fn isolate(&self) {
        self.database.isolate();
        self.broker.isolate();
    }

    fn mend(&self) {
        for cable in [&self.database, &self.broker] {
            cable.rejoin();
            cable.cut();
        }
    }

    fn stall(&self) {
        self.database.stall();
        self.broker.stall();
    }

    fn flow(&self) {
        self.database.flow();
        self.broker.flow();
    }
}
