//! Log lines: to standard error, for people or for machines.
//!
//! Nobody waits for them (`lines`), and nothing else of this process writes to standard
//! error once logging has started: a panic is a log line too.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::util::SubscriberInitExt;

use super::lines::LogQueue;

/// Longest wait for lines to be written before the process ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where the lines of this process go.
static LINES: OnceLock<LogQueue> = OnceLock::new();

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFormat {
    /// For a person at a terminal.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not one.
    #[error("`{filter}` is not a log filter: {problem}; for example `info,herald::broker=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Standard error cannot be written to from a thread of its own.
    #[error("logging cannot start: {0}")]
    Output(#[from] std::io::Error),
    /// Another subscriber is in place.
    #[error("logging has been started before")]
    Started,
}

/// Starts logging for the whole process, lines to standard error: standard output belongs to
/// answers that a program may read.
///
/// # Errors
/// A filter that cannot be read, no thread or file to write with, or a second start.
pub fn start(format: LineFormat, filter: &str) -> Result<(), LoggingError> {
    let filter = read_filter(filter)?;
    // A file of our own for it: the library's is locked while it is written to, and whoever else
    // wanted it would wait.
    let out = File::from(std::io::stderr().as_fd().try_clone_to_owned()?);
    let lines = LogQueue::to(out, tell_lost)?;
    let write = lines.clone();
    let mut events = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(move || write.clone());
    if !std::io::stderr().is_terminal() {
        events = events.with_ansi(false);
    }
    let started = match format {
        LineFormat::Pretty => events.finish().try_init(),
        LineFormat::Json => events.json().flatten_event(true).finish().try_init(),
    };
    started.map_err(|_| LoggingError::Started)?;
    let _ = LINES.set(lines);
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Lines that this process could not write since its start.
#[must_use]
pub fn lost() -> u64 {
    LINES.get().map_or(0, LogQueue::lost)
}

/// Says something on standard error that is no event: why a command failed, what it is doing. Waits for
/// it to be written, but not for long once logging has started; whether anybody hears it counts for
/// nothing.
pub fn say(text: &str) {
    match LINES.get() {
        Some(lines) => {
            lines.put(format!("{text}\n").into_bytes());
            lines.flush(LAST_WORDS);
        }
        None => {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }
}

/// Waits for what was logged to be written, but not for long: before the process ends.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(LAST_WORDS);
    }
}

/// lapin logs each message that the broker returns whole, content and addresses included. Whoever publishes is told of
/// it as well, and says so without them.
const NEVER_LOGGED: &str = concat!("lapin", "::returned_messages=off");

fn tell_lost(lost: u64) {
    tracing::warn!(
        lost,
        "log lines were lost; standard error did not accept them"
    );
}

/// In place of the library's own words, which would wait for standard error.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        panic = panic.payload_as_str().unwrap_or("a panic without words"),
        at = panic.location().map(ToString::to_string),
        thread = std::thread::current().name(),
        backtrace,
        "a panic"
    );
}

fn read_filter(filter: &str) -> Result<EnvFilter, LoggingError> {
    let problem = |problem: String| LoggingError::Filter {
        filter: filter.to_owned(),
        problem,
    };
    let read = EnvFilter::try_new(filter).map_err(|error| problem(error.to_string()))?;
    let never = NEVER_LOGGED.parse::<Directive>();
    Ok(read.add_directive(never.map_err(|error| problem(error.to_string()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_explained() {
        let error = read_filter("info,herald=loud").unwrap_err();
        insta::assert_snapshot!(error, @r#"`info,herald=loud` is not a log filter: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5; for example `info,herald::broker=debug`"#);
    }

    #[test]
    fn what_holds_contents_is_logged_at_no_level() {
        let asked = NEVER_LOGGED.replace("off", "warn");
        for filter in ["info", "trace", "lapin=debug", &asked] {
            let read = read_filter(filter).unwrap().to_string();
            assert!(read.contains(NEVER_LOGGED), "{filter}: {read}");
            assert!(!read.contains("returned_messages=warn"), "{read}");
        }
    }
}
