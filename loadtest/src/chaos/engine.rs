//! The engine as a process: started, watched line by line, ended with a signal.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::process;
use crate::client;

/// Longest wait for a line of its log.
const PATIENCE: Duration = Duration::from_secs(60);
/// A line of its log once it takes messages.
pub(super) const CONSUMING: &str = "consuming from RabbitMQ";
/// A line of its log once every part of it was started.
pub(super) const RUNNING: &str = "herald is running";

/// A running engine; dropped, it is killed.
#[derive(Debug)]
pub(super) struct Engine {
    child: Child,
    process: u32,
    node: &'static str,
    http: String,
    lines: watch::Receiver<Vec<String>>,
}

impl Engine {
    /// Starts a program, whose log is also kept in a file; returns once it takes messages.
    pub(super) async fn start(
        command: std::process::Command,
        node: &'static str,
        http: &str,
        log: &Path,
    ) -> Result<Self> {
        let engine = Self::starting(command, node, http, log)?;
        engine.says(CONSUMING).await?;
        engine.says(RUNNING).await?;
        Ok(engine)
    }

    fn starting(
        command: std::process::Command,
        node: &'static str,
        http: &str,
        log: &Path,
    ) -> Result<Self> {
        let shown = command.get_program().to_string_lossy().into_owned();
        let mut command = Command::from(command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("{shown}: build it, or name one with --engine"))?;
        let process = child.id().context("the engine has no process id")?;
        let errors = child.stderr.take().context("the engine's log")?;
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| log.display().to_string())?;
        let (sender, lines) = watch::channel(Vec::new());
        tokio::spawn(collect(errors, file, sender));
        Ok(Self {
            child,
            process,
            node,
            http: http.to_owned(),
            lines,
        })
    }

    /// Waits until it has written a line that contains this, and returns it.
    pub(super) async fn says(&self, text: &str) -> Result<String> {
        self.says_times(text, 1).await
    }

    /// Waits until it has written so many lines that contain this; returns the last of them.
    pub(super) async fn says_times(&self, text: &str, times: usize) -> Result<String> {
        let mut lines = self.lines.clone();
        let last = |lines: &[String]| {
            let mut said = lines.iter().filter(|line| line.contains(text));
            said.nth(times.saturating_sub(1)).cloned()
        };
        let found = timeout(PATIENCE, lines.wait_for(|lines| last(lines).is_some())).await;
        if let Ok(Ok(lines)) = found
            && let Some(line) = last(&lines)
        {
            return Ok(line);
        }
        let said = self.lines.borrow().last().cloned().unwrap_or_default();
        bail!("the engine never said {text:?} {times} times; its last line: {said}");
    }

    /// How many lines of its log contain this so far.
    pub(super) fn said(&self, text: &str) -> usize {
        let lines = self.lines.borrow();
        lines.iter().filter(|line| line.contains(text)).count()
    }

    /// The name of its node.
    pub(super) fn node(&self) -> &'static str {
        self.node
    }

    /// Whether it says that it is ready.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = client::get(&format!("http://{}/readyz", self.http)).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// The sum of a metric in `/metrics`, over the series of which some label is this.
    pub(super) async fn sum(&self, metric: &str, label: &str) -> Result<f64> {
        let answer = client::get(&format!("http://{}/metrics", self.http)).await?;
        let label = format!("=\"{label}\"");
        let text = answer.text();
        let values = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let labels = series.strip_prefix(metric)?.strip_prefix('{')?;
            let value: f64 = value.parse().ok()?;
            labels.contains(&label).then_some(value)
        });
        Ok(values.sum())
    }

    pub(super) async fn signal(&self, name: &str) -> Result<()> {
        process::signal(name, &[self.process]).await
    }

    /// SIGKILL; returns when it is dead.
    pub(super) async fn kill(&mut self) -> Result<()> {
        self.signal("KILL").await?;
        self.ended(PATIENCE).await.map(drop)
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        let ended = timeout(limit, self.child.wait()).await;
        let ended = ended.with_context(|| format!("the engine did not end within {limit:?}"))?;
        Ok(ended?)
    }
}

/// Reads to the end, so that the engine never waits for its reader.
async fn collect(
    log: impl AsyncRead + Unpin,
    mut file: File,
    lines: watch::Sender<Vec<String>>,
) -> Result<()> {
    let mut log = BufReader::new(log).lines();
    while let Some(line) = log.next_line().await? {
        writeln!(file, "{line}")?;
        lines.send_modify(|lines| lines.push(line));
    }
    Ok(())
}
