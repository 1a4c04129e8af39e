//! The `loadtest` command.

use std::process::ExitCode;

use clap::Parser;
use loadtest::command::Command;

#[tokio::main]
async fn main() -> ExitCode {
    match Command::parse().obey().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}
