//! What the operator says for everybody.

use std::time::Duration;

use super::Channel;

/// The rules of the house: they hold for every tenant and every person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalPolicy {
    /// Whether urgent notifications are sent in quiet hours.
    pub urgent_passes_quiet_hours: bool,
    /// Whether urgent notifications are neither stopped by a daily cap nor counted.
    pub urgent_passes_caps: bool,
    /// How long the release takes of what waited for the end of quiet hours, or for the next day.
    pub release_spread: Duration,
    /// Channels on which the next provider is asked at once after an unknown outcome, unless the
    /// category says otherwise: rather twice than late.
    pub fail_over_unknown: Vec<Channel>,
    /// Channels on which another account is asked when one tells late that a message did not arrive, for a
    /// reason of its own.
    pub fail_over_undelivered: Vec<Channel>,
    /// From how many bounces on, within [`Self::soft_bounce_window`], an address is taken to be dead whose mailbox
    /// could not take mail.
    pub soft_bounces: u32,
    /// The time in which soft bounces are counted.
    pub soft_bounce_window: Duration,
}

/// As `config/default.toml` has them; a test of the settings compares the two.
impl Default for GlobalPolicy {
    fn default() -> Self {
        Self {
            urgent_passes_quiet_hours: true,
            urgent_passes_caps: true,
            release_spread: Duration::from_secs(15 * 60),
            fail_over_unknown: vec![],
            fail_over_undelivered: vec![Channel::Email, Channel::Sms],
            soft_bounces: 5,
            soft_bounce_window: Duration::from_secs(30 * 24 * 3_600),
        }
    }
}
