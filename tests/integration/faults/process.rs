//! The engine in a process of its own.

use std::process::Command;

use loadtest::harness::engine::{CONSUMING, RUNNING};
use loadtest::harness::process::{Log, Process};
use serde_json::Value;

/// An engine, not necessarily up.
pub(crate) fn starting(mut command: Command) -> Process {
    command.env("HERALD__LOG__FORMAT", "json");
    Process::start(command, Log::Shown).unwrap()
}

/// An engine, once it takes messages.
pub(crate) async fn engine(command: Command) -> Process {
    let engine = starting(command);
    engine.says(CONSUMING).await.unwrap();
    engine.says(RUNNING).await.unwrap();
    engine
}

/// One of several on a stage, under a name and with a port of its own.
pub(crate) async fn node(mut command: Command, name: &str) -> Process {
    command.env("HERALD__ENGINE__NODE_NAME", name);
    command.env("HERALD__HTTP__BIND", "127.0.0.1:0");
    engine(command).await
}

/// The number of an engine's run.
pub(crate) async fn run_of(engine: &Process) -> i64 {
    let line = engine.says(RUNNING).await.unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    line["run"].as_i64().unwrap()
}

/// SIGTERM; it ends in good order.
pub(crate) async fn end(engine: &Process) {
    engine.stop().await.unwrap();
}
