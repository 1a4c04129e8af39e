//! A process that this program starts: from its start to its end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child as Process, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::client;

const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(20);
/// How much of a log is shown when its program fails.
const LAST_LINES: usize = 5;

/// Why a process is of no use.
#[derive(Debug, thiserror::Error)]
#[error("{program}: {what}")]
pub struct ChildError {
    /// What was started.
    pub program: String,
    /// What is wrong with it, with its last words.
    pub what: String,
}

/// How a process says that it works.
#[derive(Clone, Debug)]
pub(crate) enum Readiness {
    /// It prints a line `ready`.
    Line,
    /// It answers 200 here.
    Probe(String),
}

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    program: String,
    log: PathBuf,
    process: Process,
}

impl Child {
    /// Starts a process that writes its output to `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self, ChildError> {
        let program = command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        let file = |error| ChildError {
            program: program.clone(),
            what: format!("its log {}: {error}", log.display()),
        };
        let output = File::create(log).map_err(file)?;
        let errors = output.try_clone().map_err(file)?;
        let process = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| ChildError {
                program: program.clone(),
                what: format!("it cannot be started: {error}"),
            })?;
        Ok(Self {
            program,
            log: log.to_owned(),
            process,
        })
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// Waits until it works.
    pub(crate) async fn ready(&mut self, readiness: &Readiness) -> Result<(), ChildError> {
        let deadline = Instant::now() + START;
        loop {
            let works = match readiness {
                Readiness::Line => self.words().lines().any(|line| line == "ready"),
                Readiness::Probe(url) => {
                    matches!(client::get(url).await, Ok(answer) if answer.status == 200)
                }
            };
            if works {
                return Ok(());
            }
            self.must_run()?;
            if Instant::now() >= deadline {
                let what = format!("not ready after {} s", START.as_secs());
                return Err(self.failed(&what));
            }
            sleep(LOOK).await;
        }
    }

    /// An error when it has ended.
    pub(crate) fn must_run(&mut self) -> Result<(), ChildError> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failed(&format!("it ended ({status})"))),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        // It fails only when the process has ended already.
        let _ = self.process.kill().await;
    }

    /// Asks it to end and waits for that.
    pub(crate) async fn stop(mut self) -> Result<(), ChildError> {
        let id = self.pid().to_string();
        let asked = Command::new("kill")
            .args(["-s", "TERM", &id])
            .status()
            .await;
        if !asked.is_ok_and(|status| status.success()) {
            return Err(self.failed("it cannot be asked to end (kill)"));
        }
        match timeout(END, self.process.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.failed(&format!("it ended ({status})"))),
            Ok(Err(error)) => Err(self.failed(&error.to_string())),
            Err(_) => Err(self.failed(&format!("it did not end within {} s", END.as_secs()))),
        }
    }

    /// Waits for its own end, which must be a good one.
    pub(crate) async fn finish(mut self) -> Result<(), ChildError> {
        match self.process.wait().await {
            Ok(status) if ExitStatus::success(&status) => Ok(()),
            Ok(status) => Err(self.failed(&format!("it ended ({status})"))),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    fn failed(&self, what: &str) -> ChildError {
        let words = self.words();
        let lines: Vec<&str> = words.lines().collect();
        let last = lines.len().saturating_sub(LAST_LINES);
        let tail = lines.get(last..).unwrap_or_default().join("\n  ");
        ChildError {
            program: self.program.clone(),
            what: format!("{what}; its log {}:\n  {tail}", self.log.display()),
        }
    }

    fn words(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
