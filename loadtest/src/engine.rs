//! Engine nodes as children of this program: the `herald` of the same release folder, as an operator
//! would run it, on the ground of a measurement.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;
use tokio::time::Instant;

use crate::child::{Child, ChildError, Readiness};
use crate::ground::Ground;
use crate::ports::free_port;

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
    port: u16,
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
            (
                "HERALD__BROKER__URL".to_owned(),
                ground.broker_url().to_owned(),
            ),
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

    async fn run(&self, arguments: &[&OsStr]) -> Result<(), String> {
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

    /// Starts a node; its log is `NAME.log`, or `NAME-2.log` when it was there before.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, name: &str) -> Result<Node, String> {
        let named = |error: io::Error| format!("the engine node {name}: {error}");
        let port = free_port().map_err(named)?;
        let mut command = self.command();
        command
            .arg("serve")
            .env("HERALD__HTTP__BIND", format!("127.0.0.1:{port}"))
            .env("HERALD__ENGINE__NODE_NAME", name);
        let started = Instant::now();
        let child = Child::start(command, &self.log_of(name)).map_err(told)?;
        Ok(Node {
            name: name.to_owned(),
            child,
            port,
            started,
        })
    }

    fn log_of(&self, name: &str) -> PathBuf {
        let number = |life: u32| match life {
            1 => self.folder.join(format!("{name}.log")),
            life => self.folder.join(format!("{name}-{life}.log")),
        };
        let free = (1..).map(number).find(|path| !path.exists());
        free.unwrap_or_else(|| number(1))
    }

    fn command(&self) -> Command {
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        let mut command = Command::from(herald(&self.program, &self.folder, environment));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// The engine's program in a folder, with these variables and none of this program's own for it.
pub(crate) fn herald(
    program: &Path,
    folder: &Path,
    environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
) -> std::process::Command {
    let mut command = std::process::Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HERALD_") {
            command.env_remove(name);
        }
    }
    // No config/<profile>.toml of wherever this program was called from.
    command.envs(environment).current_dir(folder);
    command
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
        self.child.pid()
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
    pub async fn wait_until_ready(&mut self) -> Result<(), String> {
        let probe = Readiness::Probe(format!("{}/readyz", self.url()));
        self.child.ready(&probe).await.map_err(told)
    }

    /// How it ended by itself, if it did: with the end of its log.
    pub fn ended(&mut self) -> Option<String> {
        self.child.must_run().err().map(told)
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// When it cannot be asked, ends badly, or does not end in time; then it is killed.
    pub async fn stop(self) -> Result<(), String> {
        self.child.stop().await.map_err(told)
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    pub async fn kill(self) {
        self.child.kill().await;
    }
}

fn told(error: ChildError) -> String {
    error.to_string()
}
