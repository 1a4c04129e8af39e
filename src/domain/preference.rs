//! What a person wants to receive.

use super::{Channel, Zone};

/// A preference of a person, or of a tenant for all its people, about some of what may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// What the preference is about.
    pub scope: Scope,
    /// Whether anything may be sent at all; `None` leaves it to the tenant's default, else it may.
    pub enabled: Option<bool>,
    /// Most notifications a local day.
    pub frequency_cap: Setting<u32>,
    /// Time of silence.
    pub quiet_hours: Setting<QuietHours>,
    /// The zone whose clock and calendar the preference goes by; `None` is the person's own, else UTC.
    pub zone: Option<Zone>,
}

/// What a preference says of one thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// Nothing: the tenant's default for the same scope holds, if there is one.
    #[default]
    Inherit,
    /// That there is none, whatever the default says.
    None,
    /// This.
    Value(T),
}

impl<T> Setting<T> {
    /// The same by reference.
    pub const fn as_ref(&self) -> Setting<&T> {
        match self {
            Self::Inherit => Setting::Inherit,
            Self::None => Setting::None,
            Self::Value(value) => Setting::Value(value),
        }
    }

    /// What holds where this is asked first, and the other one when this says nothing.
    #[must_use]
    pub fn or(self, default: Self) -> Self {
        match self {
            Self::Inherit => default,
            said => said,
        }
    }

    /// The value that holds in the end.
    #[must_use]
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Inherit | Self::None => None,
        }
    }
}

/// What a preference is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    All,
    /// A channel.
    Channel(Channel),
    /// A category of messages, over all channels.
    Category(String),
    /// A category of messages on one channel.
    ChannelCategory(Channel, String),
}

/// A window of local time in which nothing may be sent; the start belongs to it, the end does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// First minute of silence, local time.
    pub start: jiff::civil::Time,
    /// First minute after it; before `start` when the window spans midnight, equal to it when the
    /// window lasts until the same time of the next day.
    pub end: jiff::civil::Time,
    /// Days on which a window starts; empty means every day.
    pub days: Vec<jiff::civil::Weekday>,
}

impl Scope {
    /// A scope from its two parts, as rows hold them.
    #[must_use]
    pub fn of(channel: Option<Channel>, category: Option<String>) -> Self {
        match (channel, category) {
            (None, None) => Self::All,
            (Some(channel), None) => Self::Channel(channel),
            (None, Some(category)) => Self::Category(category),
            (Some(channel), Some(category)) => Self::ChannelCategory(channel, category),
        }
    }

    /// The channel that it is limited to.
    #[must_use]
    pub const fn channel(&self) -> Option<Channel> {
        match self {
            Self::Channel(channel) | Self::ChannelCategory(channel, _) => Some(*channel),
            Self::All | Self::Category(_) => None,
        }
    }

    /// The category that it is limited to.
    #[must_use]
    pub fn category(&self) -> Option<&str> {
        match self {
            Self::Category(category) | Self::ChannelCategory(_, category) => Some(category),
            Self::All | Self::Channel(_) => None,
        }
    }

    /// Whether a message of this channel and category is meant.
    #[must_use]
    pub fn covers(&self, channel: Channel, category: Option<&str>) -> bool {
        self.channel().is_none_or(|own| own == channel)
            && self.category().is_none_or(|own| category == Some(own))
    }
}

/// `channel/category`, with `*` for what is not limited: the counter's name in `frequency_counts`.
impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let channel = self.channel().map_or("*", Channel::as_str);
        write!(f, "{channel}/{}", self.category().unwrap_or("*"))
    }
}

impl serde::Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
