//! What a person may choose from, as it is told.

use serde::Serialize;

use super::PersonChoices;
use crate::domain::Channel;
use crate::domain::preference::Scope;
use crate::templates::person_page::{PageChannel, PageQuiet, PageSwitch};

/// What there is to choose from, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownChoices {
    /// Whether anything comes at all.
    pub enabled: bool,
    /// The person's time zone, an IANA name.
    pub timezone: Option<String>,
    /// What comes, and where.
    pub channels: Vec<ShownChannelChoice>,
    /// When it is quiet: of everything, and of whatever else has its own hours.
    pub quiet_hours: Vec<ShownQuietHours>,
}

/// A channel, with what comes by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownChannelChoice {
    /// The channel.
    pub channel: Channel,
    /// Whether it is on.
    pub enabled: bool,
    /// Whether nothing comes, for a reason that is not the person's to change.
    pub stopped: bool,
    /// What comes by it.
    pub categories: Vec<ShownChoice>,
}

/// A category on a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownChoice {
    /// Its name.
    pub category: String,
    /// Whether it comes.
    pub enabled: bool,
    /// Whether it cannot be switched off.
    pub required: bool,
}

/// Quiet hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownQuietHours {
    /// A channel, or `all`.
    pub channel: &'static str,
    /// Of which category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The first quiet minute, `HH:MM`.
    pub start: Option<String>,
    /// The first minute after it.
    pub end: Option<String>,
    /// Days on which they begin.
    pub days: Vec<&'static str>,
    /// By which clock.
    pub timezone: String,
}

impl PersonChoices {
    /// What is told to whoever asks for it with a token.
    pub(in crate::ops::control) fn shown(&self) -> ShownChoices {
        let (wants, categories) = (self.wants(), self.categories(None));
        let channels = self.channels(None).into_iter();
        ShownChoices {
            enabled: wants.is_on(&Scope::All),
            timezone: self.recipient.timezone.clone(),
            channels: channels
                .map(|it| channel(self.channel(it, &categories)))
                .collect(),
            quiet_hours: wants
                .quiet()
                .iter()
                .map(|it| quiet(self.quiet(it)))
                .collect(),
        }
    }
}

fn channel(page: PageChannel) -> ShownChannelChoice {
    ShownChannelChoice {
        channel: page.all.channel,
        enabled: page.all.is_on,
        stopped: page.is_stopped,
        categories: page.categories.into_iter().filter_map(choice).collect(),
    }
}

fn choice(switch: PageSwitch) -> Option<ShownChoice> {
    Some(ShownChoice {
        category: switch.category?,
        enabled: switch.is_on,
        required: switch.is_required,
    })
}

fn quiet(page: PageQuiet) -> ShownQuietHours {
    ShownQuietHours {
        channel: page.channel.map_or("all", Channel::as_str),
        category: page.category,
        start: page.start,
        end: page.end,
        days: page.days,
        timezone: page.zone,
    }
}
