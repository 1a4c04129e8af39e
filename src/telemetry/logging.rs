//! Log lines: to standard error, for people or for machines.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
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
    /// Another subscriber is in place.
    #[error("logging has been started before")]
    Started,
}

/// Starts logging for the whole process, lines to standard error: standard output belongs to
/// answers that a program may read.
///
/// # Errors
/// A filter that cannot be read, or a second start.
pub fn start(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let filter = read_filter(filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Pretty => lines.finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    started.map_err(|_| LoggingError::Started)
}

fn read_filter(filter: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::try_new(filter).map_err(|error| LoggingError::Filter {
        filter: filter.to_owned(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_explained() {
        let error = read_filter("info,herald=loud").unwrap_err();
        insta::assert_snapshot!(error, @r#"`info,herald=loud` is not a log filter: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5; for example `info,herald::broker=debug`"#);
    }
}
