//! One of two engines dies while publishers post to both, and while people read their inboxes.

use anyhow::Result;

use super::{Spec, ordinary};
use crate::chaos::environment::lanes;
use crate::chaos::finding::Finding;
use crate::chaos::inboxes::InboxCrowd;
use crate::chaos::round::{By, Round};

/// What was answered with 202 must be delivered: the rows of the dead engine are the other's, without any message
/// in RabbitMQ that would tell of them. Each in-app item is there once, and its person's streams tell of it once.
pub(super) async fn killed(spec: Spec<'_>) -> Result<Finding> {
    let mut environment = spec.environment(ordinary()).await?;
    environment.set("HERALD__BROKER__LANES", lanes(&["in_app.normal"]));
    let Spec {
        servers,
        scale,
        dice,
        ..
    } = spec;
    let mut round = Round::begin(servers, environment, dice, scale, By::Http).await?;
    let key = round.environment.key("admin").await?;
    let engines = round.engines().map(|engine| engine.url(""));
    round.inboxes = Some(InboxCrowd::begin(engines.into(), &key).await?);
    for (from, to) in [(0.1, 0.3), (0.4, 0.6), (0.7, 0.9)] {
        round.moment(from, to).await;
        let left = round.kill_the_first().await?;
        round.engine = round.environment.engine(round.engine.name()).await?;
        round.posts_to_both();
        round.recovers(left.at).await;
        round.taken_over(&left).await?;
    }
    round.finish().await
}
