//! A load test as data: what is published to whom, how the providers behave, which nodes run, what
//! happens meanwhile, and within which intervals the figures must lie.
//!
//! A scenario is a TOML file; those of this crate are in `loadtest/scenarios`. Nothing here runs
//! anything: a scenario is read, checked and scaled.

use std::collections::BTreeMap;

use serde::Deserialize;

mod check;
mod event;
mod expect;
mod library;
mod mistake;
mod parse;
mod people;
mod phase;
mod provider;
mod scale;

pub(crate) use check::MOST_MESSAGES;
pub use event::Event;
pub use expect::{Expect, Figure};
pub use library::{Listed, library, named};
pub use mistake::Mistake;
pub use parse::parse;
pub use people::{People, Preference};
pub use phase::{Phase, Start};
pub use provider::{ByProvider, ProviderSetup};

/// One load test.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// What it shows, in one sentence.
    pub about: String,
    /// Parts of the engine's contract without which it cannot pass, in words.
    #[serde(default)]
    pub requires: Vec<String>,
    /// The people written to, and what they want.
    #[serde(default)]
    pub people: People,
    /// The simulated providers' accounts and behaviour, by provider; the others are plain.
    #[serde(default)]
    pub providers: ByProvider<ProviderSetup>,
    /// More for `herald apply`, in its own words.
    #[serde(default)]
    pub apply: toml::Table,
    /// The engine's nodes.
    #[serde(default)]
    pub engine: Engine,
    /// What is published, in phases.
    pub load: Vec<Phase>,
    /// What happens while it is published and delivered.
    #[serde(default)]
    pub event: Vec<Event>,
    /// How long nothing may be accepted before the rest is given up, seconds. Not scaled.
    #[serde(default = "patience")]
    pub patience_seconds: f64,
    /// The intervals that it must meet.
    pub expect: Vec<Expect>,
}

/// The engine's nodes and their settings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Names of the nodes that run from the start on.
    pub nodes: Vec<String>,
    /// Settings of all nodes, as environment variables.
    pub environment: BTreeMap<String, String>,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            nodes: vec!["engine".to_owned()],
            environment: BTreeMap::new(),
        }
    }
}

fn patience() -> f64 {
    15.0
}

impl Scenario {
    /// The phases published before the engine starts, and those published while it runs.
    pub fn phases(&self, before_engine: bool) -> impl Iterator<Item = (usize, &Phase)> {
        self.load
            .iter()
            .enumerate()
            .filter(move |(_, phase)| (phase.start == Start::BeforeEngine) == before_engine)
    }
}

#[cfg(test)]
mod tests;
