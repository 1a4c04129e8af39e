//! Engine nodes as an operator would run them: the program `herald` with its settings, and processes
//! of it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::http;
use super::ports::free_port;
use super::process::{Log, Process};

/// A line of its log once it takes messages.
pub const CONSUMING: &str = "consuming from RabbitMQ";
/// A line of its log once every part of it was started.
pub const RUNNING: &str = "herald is running";
/// Seals providers' secrets in databases that nobody keeps.
const KEY: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

/// The engine's program, where it works, and what all its nodes have in common.
#[derive(Clone, Debug)]
pub struct Installation {
    program: PathBuf,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
}

/// A running node; dropped, it is killed.
#[derive(Debug)]
pub struct Engine {
    name: String,
    http: String,
    process: Process,
    started: Instant,
}

impl Deref for Engine {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Installation {
    /// The program for a database and a virtual host; it works in `folder`, where logs and files go.
    #[must_use]
    pub fn new(program: &Path, folder: &Path, database: &str, broker: &str) -> Self {
        let mut installation = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            environment: BTreeMap::new(),
        };
        installation.set("HERALD__DATABASE__URL", database);
        installation.set("HERALD__BROKER__URL", broker);
        installation.set("HERALD__SECRETS__KEY", KEY);
        installation
    }

    /// With short waits, for tests and rounds that last for seconds.
    #[must_use]
    pub fn quick(mut self) -> Self {
        for (variable, value) in [
            ("HERALD__DATABASE__POOL_SIZE", "6"),
            ("HERALD__BROKER__RECONNECT_MAX", "500ms"),
            ("HERALD__ENGINE__IO_THREADS", "2"),
            ("HERALD__ENGINE__SCHEDULER_POLL", "50ms"),
            ("HERALD__ENGINE__RELOAD_INTERVAL", "200ms"),
            ("HERALD__RETRY__DEFAULT__BASE", "50ms"),
            ("HERALD__RETRY__DEFAULT__MAX", "200ms"),
            ("HERALD__LOG__FILTER", "warn,herald=info"),
        ] {
            self.set(variable, value);
        }
        self
    }

    /// Changes a setting of all nodes that are started from now on.
    pub fn set(&mut self, variable: &str, value: impl Into<String>) {
        self.environment.insert(variable.to_owned(), value.into());
    }

    /// All settings, as variables.
    #[must_use]
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Where it works.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The `herald` that was built beside this program.
    ///
    /// # Errors
    /// When there is none.
    pub fn beside_this_program() -> Result<PathBuf> {
        let this = std::env::current_exe().context("this program's place")?;
        let herald = this.with_file_name("herald");
        ensure!(
            herald.is_file(),
            "there is no engine at {}: cargo build --release --bin herald --bin loadtest builds both, \
             or name one with --herald",
            herald.display()
        );
        Ok(herald)
    }

    /// The program with arguments, and with no variable of ours but these settings.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(&self.program, &self.folder);
        command.args(arguments).envs(&self.environment);
        command
    }

    /// Runs the program to its end; answers with what it printed.
    ///
    /// # Errors
    /// When it cannot be started, or fails: with what it said.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let shown = format!("{} {}", self.program.display(), arguments.join(" "));
        let mut command = tokio::process::Command::from(self.command(arguments));
        command
            .kill_on_drop(true)
            .stdin(std::process::Stdio::null());
        let output = command.output().await;
        let output = output.with_context(|| format!("{shown}: is it built?"))?;
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{shown}: {}\n{}",
            output.status,
            words.trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Makes the tables.
    ///
    /// # Errors
    /// With what `herald migrate` said when it failed.
    pub async fn migrate(&self) -> Result<()> {
        self.run(&["migrate"]).await.map(drop)
    }

    /// Applies people, templates and accounts, which a file of this name keeps.
    ///
    /// # Errors
    /// With what `herald apply` said when it failed.
    pub async fn apply(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        let path = path.to_string_lossy();
        self.run(&["apply", &path]).await.map(drop)
    }

    /// A new API key of a preset or of scopes, that of an operator.
    ///
    /// # Errors
    /// With what `herald keys create` said when it failed.
    pub async fn key(&self, scopes: &str) -> Result<String> {
        let create = [
            "--json", "keys", "create", "--name", "loadtest", "--scopes", scopes,
        ];
        let made: serde_json::Value = serde_json::from_str(&self.run(&create).await?)?;
        let key = made.get("key").and_then(serde_json::Value::as_str);
        key.map(ToOwned::to_owned).context("no key was printed")
    }

    /// Starts a node; its log is `NAME.log`, or `NAME-2.log` and so on when that was there before.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, name: &str) -> Result<Engine> {
        let log = Log::File(self.free_log(name));
        Engine::start(self.command(&["serve"]), name, log)
    }

    fn free_log(&self, name: &str) -> PathBuf {
        let number = |life: u32| match life {
            1 => self.folder.join(format!("{name}.log")),
            life => self.folder.join(format!("{name}-{life}.log")),
        };
        let free = (1..).map(number).find(|path| !path.exists());
        free.unwrap_or_else(|| number(1))
    }
}

impl Engine {
    /// Starts `herald serve` under a name, with a port of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, name: &str, log: Log) -> Result<Self> {
        let http = format!("127.0.0.1:{}", free_port()?);
        command
            .env("HERALD__ENGINE__NODE_NAME", name)
            .env("HERALD__HTTP__BIND", &http);
        let started = Instant::now();
        Ok(Self {
            name: name.to_owned(),
            http,
            process: Process::start(command, log)
                .with_context(|| format!("the engine node {name}"))?,
            started,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When its process was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// A path of its HTTP interface.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// Waits until it takes messages.
    ///
    /// # Errors
    /// When it ends instead, or does not in time.
    pub async fn consumes(&self) -> Result<()> {
        self.says(CONSUMING).await?;
        self.says(RUNNING).await.map(drop)
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends instead, or is not ready in time.
    pub async fn wait_until_ready(&self) -> Result<()> {
        self.ready(&self.url("/readyz")).await
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        http::is_good(&self.url("/readyz")).await
    }

    /// What `/readyz` says of a part of it that is not well; `None` when it is.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn trouble_of(&self, part: &str) -> Result<Option<String>> {
        let answer = http::get(&self.url("/readyz")).await?;
        let body: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let why = body.pointer(&format!("/parts/{part}"));
        let why = why.and_then(serde_json::Value::as_str);
        Ok(why.filter(|why| *why != "ok").map(ToOwned::to_owned))
    }

    /// The sum of a metric in `/metrics`, over the series of which some label is this; over all series
    /// without a label.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn sum(&self, metric: &str, label: &str) -> Result<f64> {
        let answer = http::get(&self.url("/metrics")).await?;
        let label = (!label.is_empty()).then(|| format!("=\"{label}\""));
        let text = answer.text();
        let values = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let labels = series.strip_prefix(metric)?.strip_prefix('{')?;
            let value: f64 = value.parse().ok()?;
            let wanted = label.as_ref().is_none_or(|label| labels.contains(label));
            wanted.then_some(value)
        });
        Ok(values.sum())
    }
}

/// A program in a folder, with none of this program's own variables for the engine, and no
/// config/<profile>.toml of wherever this program was called from.
pub(crate) fn bare(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HERALD_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}
