//! The network loses packets, and neither end hears of it.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use super::{Spec, ordinary};
use crate::chaos::environment::Environment;
use crate::chaos::finding::Finding;
use crate::chaos::round::Round;
use crate::harness::proxy::Proxy;

const DATABASE: &str = "HERALD__DATABASE__URL";
const BROKER: &str = "HERALD__BROKER__URL";
/// Longest until all goes on, after the connections of the moment went silent.
const FLOWS_WITHIN: Duration = Duration::from_secs(30);
/// Longest until another engine has taken over the rows that one which is cut off had in hand.
const TAKEN_WITHIN: Duration = Duration::from_secs(15);

/// Connections to PostgreSQL go silent, and new ones work.
pub(super) async fn swallows_of_database(spec: Spec<'_>) -> Result<Finding> {
    let mut environment = spec.environment(ordinary()).await?;
    let proxy = Proxy::before(&environment.database.url()).await?;
    environment.set(DATABASE, proxy.url(&environment.database.url()));
    swallowed(spec.round_on(environment).await?, &proxy).await
}

/// Connections to RabbitMQ go silent, and new ones work.
pub(super) async fn swallows_of_broker(spec: Spec<'_>) -> Result<Finding> {
    let mut environment = spec.environment(ordinary()).await?;
    let proxy = Proxy::before(environment.vhost.url()).await?;
    environment.set(BROKER, proxy.url(environment.vhost.url()));
    swallowed(spec.round_on(environment).await?, &proxy).await
}

async fn swallowed(mut round: Round<'_>, proxy: &Proxy) -> Result<Finding> {
    round.moment(0.2, 0.6).await;
    let swallow = async |_: &mut Round<'_>| {
        proxy.swallow();
        Ok(Instant::now())
    };
    let since = round.excuse_what_is_in_hand(swallow).await?;
    round.recovers(since).await;
    let recovered = round.finding.recovered.unwrap_or_default();
    round.finding.must(recovered <= FLOWS_WITHIN, || {
        format!("it took {recovered:?} until all went on, more than {FLOWS_WITHIN:?}")
    });
    round.finish().await
}

/// The machine of one engine loses its power: its servers do not hear that it is gone.
pub(super) async fn power_cut(spec: Spec<'_>) -> Result<Finding> {
    let (environment, cables) = Cables::of_the_first(&spec).await?;
    let mut round = spec.round_on(environment).await?;
    round.moment(0.2, 0.6).await;
    let cut = async |round: &mut Round<'_>| {
        cables.isolate();
        round.engine.kill().await
    };
    let left = round.excuse_the_first(cut).await?;
    let rows = round.rows_taken_over(&left).await?;
    round.taken_over(&left).await?;
    within(&mut round, rows);
    // Its machine is started again: what the servers still believe in of its former life is cut.
    cables.mend();
    round.engine = round.environment.engine(round.engine.name()).await?;
    round.recovers(Instant::now()).await;
    round.finish().await
}

/// One engine is cut off from its servers, lives on, and comes back: then what it had written
/// arrives late.
pub(super) async fn cut_off(spec: Spec<'_>) -> Result<Finding> {
    let (environment, cables) = Cables::of_the_first(&spec).await?;
    let mut round = spec.round_on(environment).await?;
    round.moment(0.2, 0.6).await;
    let left = round
        .excuse_the_first(async |_: &mut Round<'_>| {
            cables.stall();
            Ok(())
        })
        .await?;
    let rows = round.rows_taken_over(&left).await?;
    round.taken_over(&left).await?;
    within(&mut round, rows);
    // It goes on trying for a while.
    sleep(Duration::from_secs(round.scale.choose(1, 20))).await;
    cables.flow();
    round.recovers(Instant::now()).await;
    round.finish().await
}

fn within(round: &mut Round<'_>, rows: Duration) {
    round.finding.note(format!(
        "rows were taken over after {:.1} s; messages once RabbitMQ had missed the heartbeats, of {}",
        rows.as_secs_f64(),
        heartbeat(round.scale.quick),
    ));
    round.finding.must(rows <= TAKEN_WITHIN, || {
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
    async fn of_the_first(spec: &Spec<'_>) -> Result<(Environment, Self)> {
        let mut environment = spec.environment(ordinary()).await?;
        let database = Proxy::before(&environment.database.url()).await?;
        let broker = Proxy::before(environment.vhost.url())
            .await
            .context("a proxy")?;
        environment.set_first(DATABASE, database.url(&environment.database.url()));
        environment.set_first(BROKER, broker.url(environment.vhost.url()));
        environment.set("HERALD__BROKER__HEARTBEAT", heartbeat(spec.scale.quick));
        Ok((environment, Self { database, broker }))
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
