//! A program that is started here: read line by line, ended with a signal, killed when it is dropped.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::http;
use crate::ledger::locked;

/// Longest wait for a line, for readiness, for a death.
const LIMIT: Duration = Duration::from_secs(60);
/// An engine's own deadline, and what ending takes beyond it at most.
const END: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(20);
/// How much of what it wrote is shown when it fails.
const LAST_LINES: usize = 5;

/// Where a program's lines go, besides being read here.
#[derive(Clone, Debug)]
pub enum Log {
    /// Shown, with a test that fails.
    Shown,
    /// To the end of a file.
    File(PathBuf),
}

/// A running program.
#[derive(Debug)]
pub struct Process {
    program: String,
    log: Log,
    child: Mutex<Child>,
    id: u32,
    lines: watch::Receiver<Vec<String>>,
}

impl Process {
    /// Starts a program, and reads what it writes.
    ///
    /// # Errors
    /// When it cannot be started, or its log cannot be opened.
    pub fn start(command: Command, log: Log) -> Result<Self> {
        Self::with_errors(command, log, Stdio::piped())
    }

    /// Starts a program whose errors go elsewhere.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn with_errors(mut command: Command, log: Log, errors: impl Into<Stdio>) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let sink = || match &log {
            Log::Shown => Ok(None),
            Log::File(path) => {
                let file = File::options().create(true).append(true).open(path);
                file.map(Some).with_context(|| path.display().to_string())
            }
        };
        let (output_sink, errors_sink) = (sink()?, sink()?);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("{program} cannot be started: is it built?"))?;
        let (sender, lines) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        if let Some(output) = child.stdout.take() {
            collect(output, output_sink, Arc::clone(&sender));
        }
        if let Some(errors) = child.stderr.take() {
            collect(errors, errors_sink, sender);
        }
        Ok(Self {
            program,
            log,
            id: child.id(),
            child: Mutex::new(child),
            lines,
        })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Everything that it has written so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// How many of its lines contain this so far.
    #[must_use]
    pub fn said(&self, text: &str) -> usize {
        let lines = self.lines.borrow();
        lines.iter().filter(|line| line.contains(text)).count()
    }

    /// Waits until it has written a line that contains this, and returns it.
    ///
    /// # Errors
    /// When it ends before, or does not in time.
    pub async fn says(&self, text: &str) -> Result<String> {
        self.says_times(text, 1).await
    }

    /// Waits until it has written so many lines that contain this; returns the last of them.
    ///
    /// # Errors
    /// When it ends before, or does not in time.
    pub async fn says_times(&self, text: &str, times: usize) -> Result<String> {
        let mut lines = self.lines.clone();
        let last = |lines: &[String]| {
            let mut said = lines.iter().filter(|line| line.contains(text));
            said.nth(times.saturating_sub(1)).cloned()
        };
        let waited = timeout(LIMIT, lines.wait_for(|lines| last(lines).is_some())).await;
        drop(waited);
        let found = last(&self.lines.borrow());
        found.with_context(|| self.failed(&format!("it never said {text:?} {times} times")))
    }

    /// Waits until a probe of it answers 200.
    ///
    /// # Errors
    /// When it ends before, or does not in time.
    pub async fn ready(&self, url: &str) -> Result<()> {
        let looked = async {
            while !http::is_good(url).await {
                self.must_run()?;
                sleep(LOOK).await;
            }
            Ok(())
        };
        let ready = timeout(LIMIT, looked).await;
        ready.unwrap_or_else(|_| bail!(self.failed("it is not ready in time")))
    }

    /// An error when it has ended.
    ///
    /// # Errors
    /// With how it ended, and its last words.
    pub fn must_run(&self) -> Result<()> {
        match locked(&self.child).try_wait()? {
            None => Ok(()),
            Some(status) => bail!(self.failed(&format!("it ended ({status})"))),
        }
    }

    /// Sends a signal by its name; that it has ended meanwhile is no error.
    ///
    /// # Errors
    /// When there is no `kill`, or it cannot send it.
    pub fn signal(&self, name: &str) -> Result<()> {
        if locked(&self.child).try_wait()?.is_some() {
            return Ok(());
        }
        ensure!(
            signal(name, &[self.id])?,
            self.failed(&format!("SIG{name} cannot be sent"))
        );
        Ok(())
    }

    /// SIGKILL; returns when it is dead.
    ///
    /// # Errors
    /// When it does not die.
    pub async fn kill(&self) -> Result<()> {
        // It may have ended before.
        let _ = locked(&self.child).kill();
        self.ended(LIMIT).await.map(drop)
    }

    /// SIGTERM; returns when it has ended in good order.
    ///
    /// # Errors
    /// When it ends badly, or does not in time.
    pub async fn stop(&self) -> Result<()> {
        self.signal("TERM")?;
        self.finish(END).await
    }

    /// Waits for its own end, which must be a good one.
    ///
    /// # Errors
    /// When it ends badly, or does not in time.
    pub async fn finish(&self, limit: Duration) -> Result<()> {
        let status = self.ended(limit).await?;
        ensure!(
            status.success(),
            self.failed(&format!("it ended ({status})"))
        );
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&self, limit: Duration) -> Result<ExitStatus> {
        let ended = self.ends_within(limit).await;
        ended.with_context(|| self.failed(&format!("it does not end within {limit:?}")))
    }

    /// Waits for its end, but no longer than this.
    pub async fn ends_within(&self, limit: Duration) -> Option<ExitStatus> {
        let mut lines = self.lines.clone();
        // Its end closes what it writes to, which ends the reading threads and with them the channel.
        let closed = async { while lines.changed().await.is_ok() {} };
        timeout(limit, closed).await.ok()?;
        locked(&self.child).wait().ok()
    }

    fn failed(&self, what: &str) -> String {
        let lines = self.lines.borrow();
        let last = lines.len().saturating_sub(LAST_LINES);
        let tail = lines.get(last..).unwrap_or_default().join("\n  ");
        let log = match &self.log {
            Log::Shown => String::new(),
            Log::File(path) => format!(" (its log: {})", path.display()),
        };
        format!("{}: {what}{log}\n  {tail}", self.program)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = locked(&self.child);
        // It may have ended before.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Reads to the end on a thread of its own, so that the program never waits for its reader.
fn collect(
    pipe: impl Read + Send + 'static,
    mut sink: Option<File>,
    lines: Arc<watch::Sender<Vec<String>>>,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            match &mut sink {
                // What cannot be kept is read all the same.
                Some(file) => drop(writeln!(file, "{line}")),
                None => eprintln!("{line}"),
            }
            lines.send_modify(|lines| lines.push(line));
        }
    });
}

/// Sends a signal by its name to processes; says whether all of them got it.
///
/// # Errors
/// When there is no `kill`.
pub fn signal(name: &str, processes: &[u32]) -> Result<bool> {
    if processes.is_empty() {
        return Ok(true);
    }
    let status = Command::new("kill")
        .args(["-s", name])
        .args(processes.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status()
        .context("cannot run `kill`, which procps or util-linux brings")?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command, Log::Shown).unwrap()
    }

    #[tokio::test]
    async fn a_program_is_read_and_ended() {
        let program = shell("echo one; echo two >&2; exec sleep 60");
        // Two pipes, of which either may be read first.
        program.says("one").await.unwrap();
        program.says("two").await.unwrap();
        assert_eq!(program.said("one"), 1);
        program.must_run().unwrap();
        assert_eq!(program.ends_within(Duration::ZERO).await, None);
        let error = program.stop().await.unwrap_err().to_string();
        assert!(error.contains("it ended (signal: 15"), "{error}");
        assert!(program.must_run().is_err());
    }

    #[tokio::test]
    async fn what_never_came_is_said_with_the_last_words() {
        let program = shell("echo almost");
        let error = program.says("nearly").await.unwrap_err().to_string();
        assert!(
            error.contains("\"nearly\"") && error.contains("almost"),
            "{error}"
        );
        program.finish(LIMIT).await.unwrap();
        program.kill().await.unwrap();
    }
}
