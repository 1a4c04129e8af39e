//! Engines and PostgreSQL die while people ask the support desk and are answered.

use anyhow::Result;

use super::database::dies_for_a_while;
use super::{Spec, ordinary};
use crate::chaos::desk::DeskCrowd;
use crate::chaos::environment::lanes;
use crate::chaos::finding::Finding;

/// What was answered is stored once, told in order, and in the inbox of whoever asked once.
pub(super) async fn killed(spec: Spec<'_>) -> Result<Finding> {
    let mut environment = spec.environment(ordinary()).await?;
    environment.set("HERALD__BROKER__LANES", lanes(&["in_app.normal"]));
    let mut round = spec.round_on(environment).await?;
    let key = round.environment.key("admin").await?;
    let engines = round.engines().map(|engine| engine.url(""));
    round.desk = Some(DeskCrowd::begin(&round.environment, engines.into(), &key).await?);
    for (from, to) in [(0.1, 0.3), (0.4, 0.6)] {
        round.moment(from, to).await;
        let left = round.kill_the_first().await?;
        round.engine = round.environment.engine(round.engine.name()).await?;
        round.posts_to_both();
        round.recovers(left.at).await;
    }
    dies_for_a_while(&mut round).await?;
    round.finish().await
}
