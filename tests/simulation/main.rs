//! Short histories of the whole pipeline by chance, on a clock that only the simulation moves.
//!
//! Each history comes from one seed: who is there, what they preference, what is published, how providers
//! answer, when nodes die. When an invariant does not hold, the seed is printed with the story of
//! the notification, after leaving out whatever the failure does not need.
//!
//! ```text
//! HERALD_SIMULATION_HISTORIES=100000 cargo test --test simulation -- --nocapture
//! HERALD_SIMULATION_SEED=4711 cargo test --test simulation -- --nocapture
//! ```
//!
//! **Real** is what decides: all of `machine`, which the engine runs, with `policy` and `resilience`; and
//! who gets the room under a daily cap (`store::frequency::allocation`). Nothing of it is written again
//! here: a rule that is changed in `src` is changed for the histories.
//!
//! **Made up** is the world: clock, broker, database, providers, people, and who is next to run. A
//! mistake in SQL, or between the engine's locks and tasks, is not found here; the integration tests run
//! the real ones.
//!
//! **Left out** are templates, permits and back-pressure, requests for many, paused lanes and the
//! scheduler's choice of probes (whoever is due is the probe), tenants' shares of a queue, a database that
//! is away for longer than seconds, in-app and chat, and what the API does.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy takes only `#[test]` functions for tests, not what they call"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plan::Plan;
use watch::Seen;
use world::World;

mod account;
mod at_rest;
mod database;
mod dice;
mod dispatching;
mod faults;
mod invariants;
mod ledger;
mod plan;
mod provider;
mod run;
mod scenery;
mod serving;
mod shelf;
mod turns;
mod watch;
mod wishes;
mod working;
mod world;

/// Fits into twenty seconds of an unoptimised build on two quiet cores.
const HISTORIES: u64 = 10_000;

/// The same seeds for everybody: the change alone decides whether it is green.
const FIRST: u64 = 1;

#[test]
fn invariants_hold_in_every_history() {
    if let Some(seed) = setting("HERALD_SIMULATION_SEED") {
        let world = history(&Arc::new(Plan::of(seed)), seed, true);
        for line in world.watch.story_of(None) {
            println!("{line}");
        }
        println!("{:#?}", world.watch.seen);
        assert!(
            world.watch.broken.is_none(),
            "seed {seed}: {:?}",
            world.watch.broken
        );
        return;
    }
    let histories = setting("HERALD_SIMULATION_HISTORIES").unwrap_or(HISTORIES);
    let first = setting("HERALD_SIMULATION_FIRST").unwrap_or(FIRST);
    println!("seeds from {first}, {histories} histories");
    let (next, threads) = (
        AtomicU64::new(0),
        std::thread::available_parallelism().unwrap().get(),
    );
    let mut seen = Seen::default();
    std::thread::scope(|scope| {
        let work = || {
            let mut seen = Seen::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= histories {
                    return seen;
                }
                let seed = first.wrapping_add(number);
                let plan = Arc::new(Plan::of(seed));
                let world = history(&plan, seed, false);
                if let Some((_, what)) = &world.watch.broken {
                    next.store(histories, Ordering::Relaxed);
                    report(&plan, seed, what);
                }
                seen += world.watch.seen;
            }
        };
        let workers: Vec<_> = (0..threads.min(8)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok(by_it) => seen += by_it,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    println!("{seen:#?}");
    assert!(
        histories < HISTORIES || seen.has_everything(),
        "some faults never happened: {seen:#?}"
    );
}

#[test]
fn a_seed_is_a_history() {
    for seed in 0..20 {
        let plan = Arc::new(Plan::of(seed));
        let told = |world: World| {
            world
                .watch
                .story_of(None)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let (first, second) = (history(&plan, seed, true), history(&plan, seed, true));
        assert_eq!(told(first), told(second), "seed {seed}");
    }
}

fn history(plan: &Arc<Plan>, seed: u64, verbose: bool) -> World {
    let mut world = World::new(Arc::clone(plan), seed, verbose);
    world.run();
    world
}

/// Fails with the story, after leaving out what it does not need.
fn report(plan: &Plan, seed: u64, what: &str) -> ! {
    let mut least = plan.clone();
    let fails = |plan: &Plan| {
        let world = history(&Arc::new(plan.clone()), seed, false);
        world.watch.broken.is_some_and(|(_, found)| found == what)
    };
    for at in (0..plan.published.len()).rev() {
        let mut less = least.clone();
        less.published.remove(at);
        if fails(&less) {
            least = less;
        }
    }
    for at in (0..plan.changes.len()).rev() {
        let mut less = least.clone();
        less.changes.remove(at);
        if fails(&less) {
            least = less;
        }
    }
    let mut calm = least.clone();
    calm.crashes.most = 0;
    if fails(&calm) {
        least = calm;
    }
    let world = history(&Arc::new(least.clone()), seed, true);
    let number = world.watch.broken.as_ref().and_then(|(number, _)| *number);
    // What a cap stopped too late is the story of several.
    let whose = number.filter(|_| !what.contains("cap"));
    let story: Vec<&str> = world.watch.story_of(whose).collect();
    let about: Vec<_> = number
        .iter()
        .map(|number| &least.published[*number].notification)
        .collect();
    panic!(
        "{what}\nseed {seed} (HERALD_SIMULATION_SEED={seed}), {} of {} notifications left:\n{}\n{about:#?}\n{:#?}\n{:#?}",
        least.published.len(),
        plan.published.len(),
        story.join("\n"),
        least.people,
        least.rules,
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long to try is for whoever runs the test to say"
)]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}
