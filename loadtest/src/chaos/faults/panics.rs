//! A panic in each actor and in each unit of work, by the engine's failpoints.

use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use tokio::time::{Instant, sleep};

use super::providers::status;
use super::{Spec, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::round::unhurried;
use crate::simulator::{Provider, Rule, When};

/// Which points to arm: `name:skip:times`, separated by commas.
const VARIABLE: &str = "HERALD_FAILPOINTS";
/// The points in units of work: no actor dies of them.
const WORK: [&str; 9] = [
    "ingest.admit",
    "ingest.claimed",
    "dispatcher.job",
    "provider.ask",
    "provider.decide",
    "recorder.settle",
    "recorder.settled",
    "scheduler.take",
    "scheduler.taken",
];
/// The points in actors, each the actor's name in the metrics.
const ACTORS: [&str; 6] = [
    "ingest",
    "dispatcher",
    "provider",
    "recorder",
    "metrics",
    "scheduler",
];
/// How often each point panics.
const TIMES: usize = 2;
/// Passes before the first panic of a point at most: what is passed once a batch is passed so often.
const LATEST: usize = 25;
/// Two rounds side by side on a busy machine take their time; who has seen all goes on at once.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn everywhere(mut spec: Spec<'_>) -> Result<Finding> {
    let mut environment = spec.environment(ordinary()).await?;
    let points = WORK.into_iter().chain(ACTORS);
    let armed: Vec<String> = points
        .map(|point| {
            let skip = spec.dice.random_range(1..LATEST);
            format!("{point}:{skip}:{TIMES}")
        })
        .collect();
    environment.set(VARIABLE, armed.join(","));
    // What is due again before it is stored wakes the scheduler, which is a point as well.
    environment.set("HERALD__RETRY__DEFAULT__BASE", "1ms");
    environment.set("HERALD__RETRY__DEFAULT__MAX", "2ms");
    let sometimes = Rule::always(status(500, None)).when(When::Probability(0.2));
    environment.behave(&unhurried().rule(sometimes), |provider| {
        provider == Provider::Twilio
    });
    let mut round = spec.round_on(environment).await?;
    round.repeats_nothing();
    let deadline = Instant::now() + PATIENCE;
    let mut missing = Vec::new();
    for engine in round.engines() {
        for point in WORK.into_iter().chain(ACTORS) {
            let text = format!("failpoint `{point}`");
            while engine.said(&text) < TIMES && Instant::now() < deadline {
                sleep(LOOK_EVERY).await;
            }
            let fired = engine.said(&text);
            if fired < TIMES {
                missing.push(format!(
                    "{point} panicked {fired} times of {TIMES}: is this a debug build of the engine?"
                ));
            }
        }
        for actor in ACTORS {
            let restarts = "herald_actor_restarts_total";
            let mut counted = engine.sum(restarts, actor).await?;
            // A restart is counted after its back-off.
            let deadline = Instant::now() + PATIENCE;
            while counted < TIMES as f64 && Instant::now() < deadline {
                sleep(LOOK_EVERY).await;
                counted = engine.sum(restarts, actor).await?;
            }
            if counted != TIMES as f64 {
                missing.push(format!(
                    "{actor} died {TIMES} times and {counted} restarts are counted"
                ));
            }
        }
        let counted = engine.sum("herald_actor_restarts_total", "").await?;
        if counted != (ACTORS.len() * TIMES) as f64 {
            missing.push(format!("{counted} restarts are counted, of all actors"));
        }
    }
    for what in missing {
        round.finding.except(what);
    }
    round.recovers(Instant::now()).await;
    round.finish().await
}
