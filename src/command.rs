//! The commands: each reads its settings, does one deed, and says how it ended.

mod migrate;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use herald::config::{Required, Settings, Sources};

/// A notification delivery engine: from RabbitMQ to the provider, with nothing lost.
#[derive(Debug, Parser)]
#[command(name = "herald", version, about)]
struct Cli {
    /// Settings file, instead of config/<HERALD_PROFILE>.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answers in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the engine until SIGTERM or SIGINT.
    Serve,
    /// Brings the database to this version's schema.
    Migrate(migrate::Migrate),
}

/// How a command ended, in the words of its exit code.
#[derive(Debug)]
enum Failure {
    /// 1: it was done, and failed.
    Failed(String),
}

/// Runs the command that the arguments name: exit 0 good, 1 failed, 2 wrong use.
pub(super) fn run() -> ExitCode {
    let cli = Cli::parse();
    let ended = match &cli.command {
        Command::Serve => serve::serve(&cli),
        Command::Migrate(migrate) => migrate::migrate(&cli, migrate),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(why)) => {
            eprintln!("herald: {why}");
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn settings(&self, required: &[Required]) -> Result<Settings, Failure> {
        let sources = Sources::of_process(self.config.clone());
        Settings::load(&sources, required).map_err(|error| Failure::Failed(error.to_string()))
    }
}

/// Runs a future to its end on a runtime of its own.
fn on_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(error.to_string()))?.block_on(work)
}
