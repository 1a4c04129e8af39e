//! Settings of the operators' pages.

use std::time::Duration;

use super::reader::Reader;

/// Whether there is a console, and how long people are signed in.
#[derive(Debug, Clone)]
pub struct ConsoleConfig {
    /// Whether it is served.
    pub enabled: bool,
    /// Time without a request after which a session ends.
    pub idle_timeout: Duration,
    /// Time after which a session ends, whatever happens.
    pub session_timeout: Duration,
}

impl ConsoleConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let minutes = |most: u64| Duration::from_secs(60)..=Duration::from_secs(most * 60);
        Self {
            enabled: reader.flag("console.enabled"),
            idle_timeout: reader.duration("console.idle_timeout", minutes(24 * 60)),
            session_timeout: reader.duration("console.session_timeout", minutes(168 * 60)),
        }
    }
}
