//! Engine nodes as children of this program: the `herald` of the same release folder, as an operator
//! would run it, on the ground of a measurement.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::client;
use crate::ground::Ground;

const READY_EVERY: Duration = Duration::from_millis(20);
/// Longer than the engine's own deadline for an orderly end.
const STOP_PATIENCE: Duration = Duration::from_secs(40);
/// How much of a log is shown when its writer has ended.
const LAST_LINES: usize = 8;

/// The engine's program and what all its nodes have in common.
#[derive(Debug)]
pub struct Installation {
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    name: String,
    child: Child,
    pid: u32,
    port: u16,
    log: PathBuf,
    started: Instant,
}

impl Installation {
    /// The program `herald` for a ground; logs and files go to `folder`. The variables given win
    /// over everything else, and nothing of this program's own HERALD variables reaches a node.
    #[must_use]
    pub fn new(
        program: PathBuf,
        folder: PathBuf,
        ground: &Ground,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let key: [u8; 32] = rand::random();
        let mut environment = vec![
            ("HERALD__DATABASE__URL".to_owned(), ground.database_url()),
            ("HERALD__BROKER__URL".to_owned(), ground.broker_url()),
            ("HERALD__SECRETS__KEY".to_owned(), STANDARD.encode(key)),
        ];
        environment.extend(settings);
        Self {
            program,
            folder,
            environment,
        }
    }

    /// The `herald` that was built beside this program.
    ///
    /// # Errors
    /// When there is none.
    pub fn beside_this_program() -> Result<PathBuf, String> {
        let this =
            std::env::current_exe().map_err(|error| format!("this program's place: {error}"))?;
        let herald = this.with_file_name("herald");
        if herald.is_file() {
            return Ok(herald);
        }
        Err(format!(
            "there is no engine at {}: cargo build --release --bin herald --bin loadtest builds both, \
             or name one with --herald",
            herald.display()
        ))
    }

    /// Makes the tables.
    ///
    /// # Errors
    /// With what `herald migrate` said when it failed.
    pub async fn migrate(&self) -> Result<(), String> {
        self.run(&["migrate".as_ref()]).await
    }

    /// Applies a file of people, templates and accounts.
    ///
    /// # Errors
    /// With what `herald apply` said when it failed.
    pub async fn apply(&self, file: &Path) -> Result<(), String> {
        self.run(&["apply".as_ref(), file.as_os_str()]).await
    }

    async fn run(&self, arguments: &[&std::ffi::OsStr]) -> Result<(), String> {
        let shown = || {
            format!(
                "{} {}",
                self.program.display(),
                arguments.join(" ".as_ref()).display()
            )
        };
        let ended = self.command().args(arguments).output().await;
        let output = ended.map_err(|error| format!("{}: {error}", shown()))?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}: {}\n{}", shown(), output.status, words.trim()))
    }

    /// Starts a node; its log is `NAME.log` and is continued when the node was there before.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, name: &str) -> Result<Node, String> {
        let log = self.folder.join(format!("{name}.log"));
        let named = |error: io::Error| format!("the engine node {name}: {error}");
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(named)?;
        let port = free_port().map_err(named)?;
        let child = self
            .command()
            .arg("serve")
            .env("HERALD__HTTP__BIND", format!("127.0.0.1:{port}"))
            .env("HERALD__ENGINE__NODE_NAME", name)
            .stdout(output.try_clone().map_err(named)?)
            .stderr(output)
            .spawn()
            .map_err(named)?;
        let pid = child
            .id()
            .ok_or_else(|| format!("the engine node {name} ended at once"))?;
        Ok(Node {
            name: name.to_owned(),
            child,
            pid,
            port,
            log,
            started: Instant::now(),
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HERALD_") {
                command.env_remove(name);
            }
        }
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // No config/<profile>.toml of wherever this program was called from.
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// Free at this moment: the engine must be told a port that others can be told as well.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

impl Node {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// When its process was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Its HTTP address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends instead, or is not ready in time; with the end of its log.
    pub async fn wait_until_ready(&mut self, limit: Duration) -> Result<(), String> {
        let url = format!("{}/readyz", self.url());
        let deadline = Instant::now() + limit;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.obituary(&format!("has ended ({status})")));
            }
            let asked = timeout(limit, client::get(&url)).await;
            if matches!(asked, Ok(Ok(answer)) if answer.status == 200) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let late = format!("is not ready after {} s", limit.as_secs());
                return Err(self.obituary(&late));
            }
            sleep(READY_EVERY).await;
        }
    }

    /// How it ended by itself, if it did: with the end of its log.
    pub fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(Some(status)) => Some(self.obituary(&format!("has ended ({status})"))),
            _ => None,
        }
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// When it cannot be asked, or does not end in time; then it is killed.
    pub async fn stop(mut self) -> Result<ExitStatus, String> {
        let asked = Command::new("kill")
            .args(["-TERM", &self.pid.to_string()])
            .status()
            .await;
        asked.map_err(|error| format!("asking node {} to end (kill -TERM): {error}", self.name))?;
        match timeout(STOP_PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(error)) => Err(format!("the end of node {}: {error}", self.name)),
            Err(_) => {
                let late = format!("does not end within {} s", STOP_PATIENCE.as_secs());
                let said = self.obituary(&late);
                self.kill().await;
                Err(said)
            }
        }
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    pub async fn kill(mut self) {
        // It fails only when the process has ended already.
        let _ = self.child.kill().await;
    }

    fn obituary(&self, what: &str) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(LAST_LINES)..)
            .unwrap_or_default();
        format!(
            "the engine node {} {what}; its log {} ends with\n{}",
            self.name,
            self.log.display(),
            last.join("\n")
        )
    }
}
