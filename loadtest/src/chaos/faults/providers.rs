//! All providers but the one to fail over to misbehave for a while.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Ground, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::play::unhurried;
use crate::chaos::scene::Wishes;
use crate::simulator::{Fault, Provider, Rule};

/// The engine's patience with providers that never answer, in seconds.
const TIMEOUT: u32 = 4;

pub(super) fn status(status: u16, retry_after_seconds: Option<u32>) -> Fault {
    Fault::Status {
        status,
        retry_after_seconds,
        body: None,
    }
}

pub(super) async fn fail(ground: Ground<'_>, fault: Fault) -> Result<Finding> {
    let wishes = Wishes {
        provider_timeout: (fault == Fault::Hang).then_some(TIMEOUT),
        ..ordinary()
    };
    let scene = ground.scene(wishes).await?;
    let mut play = ground.play_on(scene).await?;
    play.moment(0.1, 0.5).await;
    let healthy = unhurried();
    let failing = healthy.clone().rule(Rule::always(fault.clone()));
    // FCM's rule for a 429 without Retry-After is to wait a minute.
    let spared = play.scale.quick && fault == status(429, None);
    if spared {
        play.finding
            .note("FCM is left alone in the quick form: the engine would wait its minute");
    }
    // The mail server stays well: what SendGrid surely has not sent fails over to it.
    play.scene.behave(&failing, |provider| match provider {
        Provider::Smtp => false,
        Provider::Fcm => !spared,
        _ => true,
    });
    let trouble = play.scale.choose(1_500, 4_000);
    sleep(Duration::from_millis(trouble)).await;
    play.scene.behave(&healthy, |_| true);
    play.recovers(Instant::now()).await;
    if fault == Fault::DropAnswer {
        let attempts = play.engine.metrics("herald_attempts_total").await?;
        let unknown = attempts
            .into_iter()
            .filter(|(series, _)| series.contains("result=\"unknown\""));
        let counted: f64 = unknown.map(|(_, count)| count).sum();
        play.finding.must(counted > 0.0, || {
            "answers were lost, and no attempt was counted as unknown".into()
        });
    }
    play.finish().await
}
