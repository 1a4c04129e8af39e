//! Settings of the log.

use super::reader::Reader;

/// What is logged and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// A level, or levels by module.
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// For machines.
    Json,
}

impl Log {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let format = |text: &str| match text {
            "pretty" => Some(LogFormat::Pretty),
            "json" => Some(LogFormat::Json),
            _ => None,
        };
        Self {
            format: reader.parsed("log.format", "pretty, json", format),
            filter: reader.text("log.filter"),
        }
    }
}
