//! The PostgreSQL and the RabbitMQ that are killed: started by `script/servers` in a folder of their
//! own, so that nobody else's are ever touched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::harness::database::DatabaseServer;
use crate::harness::{environment, process, usage};

/// The variable by which `script/servers` keeps another pair of servers.
const FOLDER: &str = "HERALD_SERVERS_FOLDER";
/// With one of these the script would take somebody's running server.
const FOREIGN: [&str; 2] = ["HERALD__DATABASE__URL", "HERALD__BROKER__URL"];
/// RabbitMQ counts the messages of a quorum queue anew every five seconds, unless it is told before
/// the queue is made: what is acknowledged during a fault must be seen at once.
const COUNT_OFTEN: &str = "application:set_env(rabbit, quorum_tick_interval, 200).";
/// Counts are that old at most, with some room.
pub(super) const COUNTED: Duration = Duration::from_millis(800);
const END: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Postgresql,
    Rabbitmq,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::Postgresql => "postgresql",
            Self::Rabbitmq => "rabbitmq",
        }
    }
}

/// Both servers; dropped, they are stopped and their folder is removed.
#[derive(Debug)]
pub(super) struct Servers {
    script: PathBuf,
    folder: PathBuf,
    pub(super) urls: environment::Servers,
}

impl Servers {
    /// Starts both in a new folder below the system's temporary one.
    pub(super) async fn start(script: &Path) -> Result<Self> {
        let script = script.canonicalize().with_context(|| {
            let shown = script.display();
            format!("{shown}: run this in a checkout, or name its script/servers with --servers")
        })?;
        let folder =
            std::env::temp_dir().join(format!("herald-chaos-{:08x}", rand::random::<u32>()));
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut servers = Self {
            script,
            folder: folder.canonicalize()?,
            urls: environment::Servers {
                database: String::new(),
                broker: String::new(),
                broker_admin: String::new(),
            },
        };
        servers.script(&["start"]).await?;
        let environment = servers.script(&["env"]).await?;
        let value = |name: &str| {
            let beginning = format!("export {name}='");
            let line = environment
                .lines()
                .find_map(|line| line.strip_prefix(&beginning)?.strip_suffix('\''));
            let found = line.map(ToOwned::to_owned);
            found.with_context(|| format!("`script/servers env` does not print {name}"))
        };
        servers.urls.database = value("HERALD_TEST_DATABASE_URL")?;
        servers.urls.broker = value("HERALD_TEST_BROKER_URL")?;
        servers.urls.broker_admin = value("HERALD_TEST_BROKER_ADMIN")?;
        servers.rabbitmqctl(&["eval", COUNT_OFTEN]).await?;
        Ok(servers)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn database(&self) -> Result<DatabaseServer> {
        DatabaseServer::new(&self.urls.database)
    }

    /// Starts a server that was killed; returns when it answers.
    pub(super) async fn boot(&self, server: Server) -> Result<()> {
        self.script(&["start", server.name()]).await?;
        if server == Server::Rabbitmq {
            self.rabbitmqctl(&["eval", COUNT_OFTEN]).await?;
        }
        Ok(())
    }

    /// SIGKILL to the server and all its processes, as when its machine dies.
    pub(super) async fn kill(&self, server: Server) -> Result<()> {
        let all = self.processes(server).await?;
        process::signal("KILL", &all)?;
        gone(&all).await
    }

    /// SIGSTOP to the server and all its processes.
    pub(super) async fn pause(&self, server: Server) -> Result<Paused> {
        let processes = self.processes(server).await?;
        process::signal("STOP", &processes)?;
        Ok(Paused { processes })
    }

    /// A command for the broker's own tool.
    pub(super) async fn rabbitmqctl(&self, arguments: &[&str]) -> Result<String> {
        self.script(&[&["rabbitmqctl"], arguments].concat()).await
    }

    async fn processes(&self, server: Server) -> Result<Vec<u32>> {
        let status = self.script(&["status", server.name()]).await?;
        let id = status
            .split_once("process ")
            .and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
        let Some(id) = id else {
            bail!("where is it? {status}");
        };
        must_work_in(id, &self.folder)?;
        usage::with_descendants(id)
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(&self.script);
        command
            .args(arguments)
            .env(FOLDER, &self.folder)
            .stdin(std::process::Stdio::null());
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
    }

    async fn script(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::from(self.command(arguments)).output().await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "script/servers {}: {}",
            arguments.join(" "),
            errors.trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let stopped = self
            .command(&["stop"])
            .stderr(std::process::Stdio::null())
            .status();
        if stopped.is_ok_and(|status| status.success()) {
            // What cannot be removed lies in the system's temporary folder, which forgets it.
            let _ = std::fs::remove_dir_all(&self.folder);
        } else {
            eprintln!(
                "the servers in {} could not be stopped",
                self.folder.display()
            );
        }
    }
}

/// A server that stands still; dropped, it goes on.
#[derive(Debug)]
pub(super) struct Paused {
    processes: Vec<u32>,
}

impl Paused {
    pub(super) fn resume(&self) -> Result<()> {
        process::signal("CONT", &self.processes).map(drop)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        // A second time does no harm; a server that stays stopped could not even be ended.
        let _ = self.resume();
    }
}

/// Refuses a process that does not work in this folder: nobody else's server is ever signalled.
fn must_work_in(process: u32, folder: &Path) -> Result<()> {
    let line = command_line(process).with_context(|| format!("process {process} is not there"))?;
    let folder = folder.to_string_lossy();
    ensure!(
        line.contains(folder.as_ref()),
        "process {process} is not a server of {folder}: {line}"
    );
    Ok(())
}

fn command_line(process: u32) -> Option<String> {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&line).replace('\0', " "))
}

/// Waits until none of the processes is left. One that nobody collects stays listed as a zombie,
/// without a command line.
async fn gone(processes: &[u32]) -> Result<()> {
    let deadline = Instant::now() + END;
    let lives = |process: &u32| command_line(*process).is_some_and(|line| !line.is_empty());
    while processes.iter().any(lives) {
        ensure!(
            Instant::now() < deadline,
            "processes {processes:?} do not end"
        );
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_does_not_work_in_the_folder_is_refused() {
        let this = std::process::id();
        assert!(must_work_in(this, Path::new("/nowhere")).is_err());
        assert!(must_work_in(u32::MAX, Path::new("/")).is_err());
        must_work_in(this, Path::new("loadtest")).unwrap();
    }
}
