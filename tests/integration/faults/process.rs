//! Programs of the tests: started, watched line by line, ended with a signal.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::stage::PATIENCE;

/// A line of the engine's log once it takes messages.
pub(crate) const CONSUMING: &str = "consuming from RabbitMQ";
/// A line of the engine's log once every part of it was started.
pub(crate) const RUNNING: &str = "herald is running";

/// A running program; dropped, it is killed.
pub(crate) struct Process {
    child: Arc<Mutex<Child>>,
    id: u32,
    lines: watch::Receiver<Vec<String>>,
}

/// Which of a program's outputs is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    Output,
    Errors,
}

impl Process {
    pub(crate) fn start(mut command: Command, watched: Watched) -> Self {
        let pipe_if = |wanted| match watched == wanted {
            true => Stdio::piped(),
            false => Stdio::null(),
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(pipe_if(Watched::Output))
            .stderr(pipe_if(Watched::Errors))
            .spawn()
            .unwrap();
        let lines = match watched {
            Watched::Output => collect(child.stdout.take().unwrap()),
            Watched::Errors => collect(child.stderr.take().unwrap()),
        };
        Self {
            id: child.id(),
            child: Arc::new(Mutex::new(child)),
            lines,
        }
    }

    /// A program whose errors go there; its output, which an engine leaves empty, tells when it ends.
    pub(crate) fn with_errors(mut command: Command, errors: impl Into<Stdio>) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let lines = collect(child.stdout.take().unwrap());
        Self {
            id: child.id(),
            child: Arc::new(Mutex::new(child)),
            lines,
        }
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Everything that it has written so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// An engine, not necessarily up.
    pub(crate) fn starting(mut command: Command) -> Self {
        command.env("HERALD__LOG__FORMAT", "json");
        Self::start(command, Watched::Errors)
    }

    /// An engine, once it takes messages.
    pub(crate) async fn engine(command: Command) -> Self {
        let engine = Self::starting(command);
        engine.says(CONSUMING).await;
        engine.says(RUNNING).await;
        engine
    }

    /// Waits until it has written a line that contains this.
    pub(crate) async fn says(&self, text: &str) -> String {
        self.says_times(text, 1).await
    }

    /// Waits until it has written so many lines that contain this; returns the last of them.
    pub(crate) async fn says_times(&self, text: &str, times: usize) -> String {
        let mut lines = self.lines.clone();
        let last = |lines: &[String]| {
            let mut said = lines.iter().filter(|line| line.contains(text));
            said.nth(times - 1).cloned()
        };
        let found = tokio::time::timeout(PATIENCE, lines.wait_for(|lines| last(lines).is_some()));
        if let Ok(Ok(lines)) = found.await {
            return last(&lines).unwrap();
        }
        panic!(
            "it never said {text:?} {times} times but {:#?}",
            self.lines.borrow()
        );
    }

    /// The number of the engine's run.
    pub(crate) async fn run(&self) -> i64 {
        let line: serde_json::Value = serde_json::from_str(&self.says(RUNNING).await).unwrap();
        line["run"].as_i64().unwrap()
    }

    /// SIGKILL; returns when it is dead.
    pub(crate) async fn kill(&self) {
        self.signal("KILL");
        self.ended(PATIENCE).await;
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.id.to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success(), "SIG{name} could not be sent");
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self, limit: Duration) -> ExitStatus {
        let ended = self.ends_within(limit).await;
        ended.unwrap_or_else(|| panic!("it does not end: {:#?}", self.lines.borrow()))
    }

    /// Waits for its end, but no longer than this.
    pub(crate) async fn ends_within(&self, limit: Duration) -> Option<ExitStatus> {
        let mut lines = self.lines.clone();
        // Its end closes what it writes to, which ends the reading thread and with it the channel.
        let closed = async { while lines.changed().await.is_ok() {} };
        tokio::time::timeout(limit, closed).await.ok()?;
        Some(self.child.lock().unwrap().wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(|error| error.into_inner());
        // It may have ended before.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Reads to the end on a thread of its own, so that the program never waits for its reader.
fn collect(pipe: impl Read + Send + 'static) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(vec![]);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Shown with a test that fails.
            eprintln!("{line}");
            sender.send_modify(|lines| lines.push(line));
        }
    });
    receiver
}
