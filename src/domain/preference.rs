//! What a person wants to receive.

use super::Channel;

/// A person's wish for one channel, or for one category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// What the wish is about.
    pub scope: Scope,
    /// Whether anything may be sent at all.
    pub enabled: bool,
    /// Most notifications a local day.
    pub frequency_cap: Option<u32>,
    /// Time of silence.
    pub quiet_hours: Option<QuietHours>,
}

/// What a preference is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A channel.
    Channel(Channel),
    /// A category of messages, over all channels.
    Category(String),
}

/// A window of local time in which nothing may be sent; the start belongs to it, the end does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// First minute of silence, local time.
    pub start: jiff::civil::Time,
    /// First minute after it; before `start` when the window spans midnight.
    pub end: jiff::civil::Time,
    /// Days on which a window starts; empty means every day.
    pub days: Vec<jiff::civil::Weekday>,
    /// IANA time zone name.
    pub timezone: String,
}

impl Preference {
    /// Whether this wish is about the channel.
    #[must_use]
    pub fn is_for_channel(&self, channel: Channel) -> bool {
        self.scope == Scope::Channel(channel)
    }

    /// Whether this wish is about the category.
    #[must_use]
    pub fn is_for_category(&self, category: &str) -> bool {
        matches!(&self.scope, Scope::Category(name) if name == category)
    }
}
