//! The floor: the barest loop that makes the engine's durable writes, to measure the engine against.
//!
//! It consumes the lanes, claims in batches, posts to the providers, settles in batches and
//! acknowledges the settled prefix. It has no policy, no actors, no templates, no retries, and looks
//! nobody up: addresses come from the [population](crate::population). What must never happen here:
//! a write that the engine makes is left out, or one that it does not make is added.
//!
//! It is a yardstick and no engine. Any refusal ends it, and a key that is taken counts as a
//! duplicate whoever holds it, so that a floor which was killed loses what it had in hand.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep_until};

mod acks;
mod batch;
mod broker;
mod claim;
mod column;
mod envelope;
mod error;
mod http;
mod job;
mod post;
mod request;
mod rows;
mod settle;
mod sql;
mod state;
mod token;

pub use error::FloorError;
pub use http::Providers;
use state::State;

/// How long everything in hand may take once the end was asked for.
const LAST_WORK: Duration = Duration::from_secs(20);
/// A queue from which nothing has come for so long is empty.
const QUIET: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);

/// What the floor works with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A migrated database with the seed file's people: `postgres://...`.
    pub database: String,
    /// The broker: `amqp://...`.
    pub broker: String,
    /// Where the providers are.
    pub providers: Providers,
    /// Requests in flight at most.
    pub in_flight: usize,
    /// A batch is claimed or settled when it has so many.
    pub batch: usize,
    /// Or when its oldest has waited so long.
    pub linger: Duration,
    /// Messages of one consumer that the broker hands out unacknowledged.
    pub prefetch: u16,
    /// One queue for all lanes, instead of the lanes' own.
    pub one_queue: bool,
    /// Whether to end by itself when the queues are empty.
    pub drain: bool,
}

/// What the floor did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Notifications settled.
    pub settled: u64,
    /// Messages whose key was taken.
    pub duplicates: u64,
    /// Requests that providers accepted.
    pub accepted: u64,
    /// Batches claimed.
    pub claims: u64,
    /// Batches settled.
    pub settlements: u64,
    /// Acknowledgements sent, each for one or many messages.
    pub acks: u64,
}

/// Works until `end` is notified, or until the queues are empty if so asked. `ready` is called once
/// it consumes.
///
/// # Errors
/// When a server cannot be reached or fails, or a provider refuses anything.
pub async fn run(
    settings: Settings,
    ready: impl FnOnce(),
    end: Rc<Notify>,
) -> Result<Summary, FloorError> {
    LocalSet::new()
        .run_until(async {
            let drain = settings.drain;
            let mut work = JoinSet::new();
            let consuming = broker::connect(&settings).await?;
            let state = Rc::new(State::new(settings));
            let posters = post::Posters::prepare(&state).await?;
            let claimer = claim::Claimer::connect(&state).await?;
            let settler = settle::Settler::connect(&state).await?;
            work.spawn_local(claimer.run());
            work.spawn_local(settler.run());
            posters.start(&mut work);
            consuming.start(&state, &mut work).await?;
            ready();
            tokio::select! {
                Some(ended) = work.join_next() => return Err(early(ended)),
                () = end.notified() => {}
                () = drained(&state), if drain => {}
            }
            state.ending.set(true);
            consuming.cancel().await?;
            tokio::select! {
                Some(ended) = work.join_next() => return Err(early(ended)),
                () = emptied(&state) => {}
            }
            // A summary of work that is acknowledged: closing waits for the frames to be sent.
            consuming.close().await?;
            Ok(state.summary.get())
        })
        .await
}

/// A part of the loop ends only when it fails.
fn early(ended: Result<Result<(), FloorError>, tokio::task::JoinError>) -> FloorError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => FloorError::Ended,
        Err(error) => FloorError::Panicked(error),
    }
}

/// Returns when the broker has had nothing for a while and everything is acknowledged.
async fn drained(state: &State) {
    loop {
        tokio::time::sleep(LOOK).await;
        if state.in_hand.get() == 0 && state.last_arrival.get().elapsed() >= QUIET {
            return;
        }
    }
}

/// Returns when everything in hand is acknowledged, or patience ends: what is left goes back.
async fn emptied(state: &State) {
    let deadline = Instant::now() + LAST_WORK;
    while state.in_hand.get() > 0 && Instant::now() < deadline {
        sleep_until(Instant::now() + LOOK).await;
    }
}
