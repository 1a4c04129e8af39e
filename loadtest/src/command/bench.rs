//! Where and with what it is measured, as options say; and how far a measurement is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::time::{MissedTickBehavior, interval};

use super::failure::Failure;
use crate::harness::environment::{Environment, Plan, Servers};
use crate::ledger::Ledger;
use crate::measure::Bench;
use crate::publisher::Progress;

/// Servers, engine and folder.
#[derive(Debug, Args)]
pub(super) struct BenchArguments {
    /// A PostgreSQL superuser, to make databases
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD_TEST_DATABASE_URL",
        hide_env_values = true
    )]
    database: String,

    /// The broker
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD_TEST_BROKER_URL",
        hide_env_values = true
    )]
    broker: String,

    /// The broker's management interface, to make virtual hosts: http://user:password@host:port
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD_TEST_BROKER_ADMIN",
        hide_env_values = true
    )]
    broker_admin: String,

    /// The engine [default: herald beside this program]
    #[arg(long, value_name = "PATH")]
    herald: Option<PathBuf>,

    /// Where seed file and logs go [default: a folder of the system's for temporary files]
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
}

impl BenchArguments {
    /// A bench for so many people; its folder is named after the measurement.
    pub(super) fn prepare(&self, measurement: &str, users: u32) -> Result<Bench, Failure> {
        let (servers, herald, files) = self.places(measurement)?;
        Bench::prepare(servers, herald, files, users)
            .map_err(Failure::while_doing("what it is measured with"))
    }

    /// The servers, the engine, and a folder that is named after the measurement.
    pub(super) fn places(&self, measurement: &str) -> Result<(Servers, PathBuf, PathBuf), Failure> {
        let herald = match &self.herald {
            Some(path) => std::path::absolute(path),
            None => std::env::current_exe().map(|own| own.with_file_name("herald")),
        };
        let herald = herald.map_err(Failure::while_doing("the engine (--herald)"))?;
        let files = self.files.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("herald-{measurement}-{}", std::process::id()))
        });
        let files = std::path::absolute(files).map_err(Failure::while_doing("--files"))?;
        println!("logs in {}", files.display());
        let servers = Servers {
            database: self.database.clone(),
            broker: self.broker.clone(),
            broker_admin: self.broker_admin.clone(),
        };
        Ok((servers, herald, files))
    }

    /// An environment of its own for a measurement.
    pub(super) async fn environment(&self, measurement: &str) -> Result<Environment, Failure> {
        let (servers, herald, files) = self.places(measurement)?;
        let name = format!("{measurement}_{}", std::process::id());
        std::fs::create_dir_all(&files).map_err(Failure::while_doing("--files"))?;
        let plan = Plan {
            name: &name,
            template: "template0",
            further: "",
            program: &herald,
            folder: &files,
        };
        let made = Environment::make(&servers, plan).await;
        made.map_err(Failure::while_doing("an environment"))
    }
}

/// Removes the environment of a measurement, which says whether all was as it must be; `None` was ended by a signal.
pub(super) async fn conclude(
    environment: Environment,
    measured: Option<anyhow::Result<bool>>,
) -> Result<(), Failure> {
    let cleared = environment.remove().await;
    let measured = measured.ok_or_else(|| Failure::Failed("ended by a signal".to_owned()))?;
    let is_whole = measured.map_err(Failure::while_doing("measuring"))?;
    cleared.map_err(Failure::while_doing("cleaning up"))?;
    match is_whole {
        true => Ok(()),
        false => Err(Failure::Fault),
    }
}

/// Prints how far it is, for ever.
pub(super) async fn report(every: Duration, progress: &Progress, ledger: &Ledger) {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    loop {
        tick.tick().await;
        println!(
            "  published {:>8}  accepted {:>8}",
            progress.published(),
            ledger.accepted()
        );
    }
}

/// Writes a file of results.
pub(super) fn store(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let what = format!("writing {}", path.display());
    std::fs::write(path, bytes).map_err(Failure::while_doing(&what))
}
