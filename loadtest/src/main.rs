//! The `loadtest` command.

use std::process::ExitCode;

use clap::Parser;
use loadtest::command::Command;

/// The engine's own allocator: the floor must not lose against it for a slower one.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match Command::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
