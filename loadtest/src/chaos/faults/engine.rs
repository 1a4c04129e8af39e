//! One of two engines dies, or ends.

use anyhow::Result;
use tokio::time::Instant;

use super::{Spec, limits, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::seed::Special;

pub(super) async fn killed(spec: Spec<'_>) -> Result<Finding> {
    let mut round = spec.round().await?;
    for (from, to) in [(0.1, 0.4), (0.5, 0.9)] {
        round.moment(from, to).await;
        let left = round.kill_the_first().await?;
        round.engine = round.environment.engine(round.engine.name()).await?;
        round.recovers(left.at).await;
        round.taken_over(&left).await?;
    }
    round.finish().await
}

pub(super) async fn terminated(spec: Spec<'_>) -> Result<Finding> {
    let mut round = spec.round().await?;
    round.repeats_nothing();
    for (from, to) in [(0.1, 0.4), (0.5, 0.9)] {
        round.moment(from, to).await;
        let runs = round.environment.database.runs(round.engine.name()).await?;
        let asked = Instant::now();
        round.end_the_first().await?;
        let kept = round.environment.database.in_flight_of(&runs).await?.len();
        round
            .finding
            .must(kept == 0, || format!("it ended with {kept} in hand"));
        round.engine = round.environment.engine(round.engine.name()).await?;
        round.recovers(asked).await;
    }
    round.finish().await
}

/// One account has a rate limit and some people have daily caps, which hold for both together.
pub(super) async fn one_of_two(spec: Spec<'_>) -> Result<Finding> {
    let strict = limits::strict(spec.scale);
    let special = Special {
        strict: Some(strict),
        ..ordinary()
    };
    let environment = spec.environment(special).await?;
    let mut round = spec.round_on(environment).await?;
    let mut capped = limits::Capped::new(strict)?;
    round.moment(0.3, 0.7).await;
    capped.publish(&round).await?;
    let left = round.kill_the_first().await?;
    capped.publish(&round).await?;
    // What the limit has put off takes long enough.
    round.load.hold().await?;
    round.taken_over(&left).await?;
    round.engine = round.environment.engine(round.engine.name()).await?;
    round.recovers(Instant::now()).await;
    capped.judge(&mut round).await?;
    let ledger = round.environment.ledger.clone();
    let mut finding = round.finish().await?;
    limits::judge_rate(&mut finding, &ledger, strict);
    Ok(finding)
}
