//! The commands: each reads its settings, does one deed, and says how it ended.

mod apply;
mod check;
mod columns;
mod dlq;
mod explain;
mod export;
mod input;
mod keys;
mod ledger;
mod migrate;
mod moment;
mod openapi;
mod publish;
mod quarantine;
mod rejected;
mod say;
mod secrets;
mod serve;
mod signals;
mod simulate;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use herald::app::check::mend;
use herald::config::{Required, Settings, Sources};
use herald::store::Database;
use herald::store::migrations::{self, Fit};

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
    /// Runs the engine until a signal ends it.
    Serve(serve::Serve),
    /// Brings the database to this version's schema.
    Migrate(migrate::Migrate),
    /// Says whether configuration, database, broker and providers are right, and how to mend them.
    Check,
    /// Writes declared providers, users, preferences and templates; safe to repeat.
    Apply(apply::Apply),
    /// Prints what `apply` reads, as it is in the database: without secrets, which it names by variables.
    Export,
    /// Dead letters: looks at them, replays them, marks them as dealt with.
    #[command(subcommand)]
    Dlq(dlq::Dlq),
    /// Outcomes that PostgreSQL refused for their own data: looks at them, replays them, marks them
    /// as dealt with.
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// Messages that could not be accepted: looks at them, publishes them again.
    #[command(subcommand)]
    Rejected(rejected::RejectedCommand),
    /// The books: what came in and what became of it, by hour and tenant. Fails when they do not balance.
    Ledger(ledger::Ledger),
    /// API keys: makes them, lists them, gives them new secrets, takes them back.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// People: tells all that is stored about one, or erases it.
    #[command(subcommand)]
    Users(users::Users),
    /// The keys that seal stored credentials.
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// Says what would become of a message if it came now, and why; sends nothing.
    Explain(explain::Explain),
    /// Says what other rules would have done to what has come in; sends and writes nothing.
    Simulate(simulate::Simulate),
    /// Prints the OpenAPI document of the HTTP API.
    Openapi,
    /// Checks a message and publishes it to its lane.
    Publish(publish::Publish),
}

/// Why a command failed, in words: exit code 1.
#[derive(Debug)]
struct CommandFailure(String);

impl<E: std::error::Error> From<E> for CommandFailure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Runs the command that the arguments name: exit 0 good, 1 failed, 2 wrong use.
pub(super) fn run() -> ExitCode {
    let cli = Cli::parse();
    herald::app::zones::choose();
    let ended = match &cli.command {
        Command::Serve(serve) => serve::serve(&cli, serve),
        Command::Migrate(migrate) => migrate::migrate(&cli, migrate),
        Command::Check => check::check(&cli),
        Command::Apply(apply) => apply::apply(&cli, apply),
        Command::Export => export::export(&cli),
        Command::Rejected(rejected) => rejected::rejected(&cli, rejected),
        Command::Dlq(dlq) => dlq::dlq(&cli, dlq),
        Command::Quarantine(quarantine) => quarantine::quarantine(&cli, quarantine),
        Command::Ledger(ledger) => ledger::ledger(&cli, ledger),
        Command::Keys(keys) => keys::keys(&cli, keys),
        Command::Users(users) => users::users(&cli, users),
        Command::Secrets(secrets) => secrets::secrets(&cli, secrets),
        Command::Explain(explain) => explain::explain(&cli, explain),
        Command::Simulate(simulate) => simulate::simulate(&cli, simulate),
        Command::Openapi => openapi::openapi(),
        Command::Publish(publish) => publish::publish(&cli, publish),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandFailure(why)) => {
            say::tell(&format!("herald: {why}"));
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn sources(&self) -> Sources {
        Sources::of_process(self.config.clone())
    }

    fn settings(&self, required: &[Required]) -> Result<Settings, CommandFailure> {
        Ok(Settings::load(&self.sources(), required)?)
    }
}

/// A pool for a command, once the database has let us in and has a schema that this version knows.
async fn database(settings: &Settings) -> Result<Database, CommandFailure> {
    let failed = |error| CommandFailure(mend(&error));
    let runtime = tokio::runtime::Handle::current();
    let database = Database::connect(&herald::app::database_settings(settings), &runtime).await;
    let database = database.map_err(failed)?;
    if settings.broker.publish_status {
        database.webhooks().tell_exchange();
    }
    let history = migrations::history(&database).await.map_err(failed)?;
    match history.fit() {
        Fit::Fits => Ok(database),
        Fit::Ahead(why) => {
            say::tell(&format!("herald: {why}"));
            Ok(database)
        }
        Fit::Behind(why) | Fit::Foreign(why) => Err(CommandFailure(why)),
    }
}

/// Runs a future to its end on a runtime of its own.
fn on_runtime<T>(
    work: impl Future<Output = Result<T, CommandFailure>>,
) -> Result<T, CommandFailure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime?.block_on(work)
}
