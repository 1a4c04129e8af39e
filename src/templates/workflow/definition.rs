//! What a workflow says, once it is read.
//!
//! Its steps are laid out as moves: a route is a move for each channel with the pauses between them, a wait is a
//! pause and a look. A run counts in moves.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::calendar::CalendarRule;
use super::pattern::TypePattern;
use crate::domain::{Channel, Priority};
use crate::templates::Expression;

/// A workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Its name, unique within the tenant.
    pub name: String,
    /// Of which events it tells.
    pub on: TypePattern,
    /// Only of those for which this is true.
    pub when: Option<Expression>,
    /// Whom it tells.
    pub recipients: Vec<RecipientRule>,
    /// Whom it does not tell, though they are among the recipients.
    pub exclude: Vec<Expression>,
    /// What ends its runs.
    pub cancel_on: Option<CancelRule>,
    /// What a run is about.
    pub key: Option<Expression>,
    /// What its notifications are about.
    pub source: Option<SourceRule>,
    /// The category of its notifications, where a step names no other.
    pub category: Option<String>,
    /// What is done, in this order.
    pub moves: Vec<Move>,
}

/// Whom a workflow tells.
#[derive(Debug, Clone, PartialEq)]
pub enum RecipientRule {
    /// A user id, or a list of them.
    People(Expression),
    /// Those who subscribe to a topic, whose name is put together of these.
    Topic(Vec<TopicPart>),
}

/// A part of a topic's name.
#[derive(Debug, Clone, PartialEq)]
pub enum TopicPart {
    /// A text.
    Text(String),
    /// What an expression makes.
    Value(Expression),
}

/// Which events end runs.
#[derive(Debug, Clone, PartialEq)]
pub struct CancelRule {
    /// Of this type.
    pub kind: TypePattern,
    /// Runs that are about what this makes of that event.
    pub key: Expression,
}

/// What notifications are about.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRule {
    /// For example `ticket`.
    pub kind: String,
    /// Its id there.
    pub id: Expression,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// Which step it is of, for people: `2`, or `2.1` within a route.
    pub label: String,
    /// The step's name, if it has one.
    pub name: Option<String>,
    /// What is done.
    pub deed: Deed,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// A notification is sent.
    Send(SendRule),
    /// Nothing, for this long.
    Pause(Duration),
    /// The run ends if a notification before had this effect.
    EndIf(Reach),
    /// Nothing, until a moment.
    Delay(DelayRule),
    /// What comes is gathered.
    Digest(DigestRule),
    /// More than so many end here.
    Throttle(ThrottleRule),
    /// The run ends unless this is true.
    Unless(Expression),
    /// So many moves are left out unless this is true.
    SkipUnless(Expression, usize),
    /// The run ends.
    Stop,
}

/// What a notification may have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reached {
    /// It was seen.
    Seen,
    /// It was read.
    Read,
    /// It arrived.
    Delivered,
    /// Something in it was clicked.
    Clicked,
}

impl Reached {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Seen, Self::Read, Self::Delivered, Self::Clicked];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Read => "read",
            Self::Delivered => "delivered",
            Self::Clicked => "clicked",
        }
    }

    /// Whether a message of a channel can have this effect, as far as anybody is ever told.
    #[must_use]
    pub const fn is_of(self, channel: Channel) -> bool {
        match self {
            Self::Delivered => !matches!(channel, Channel::Chat | Channel::Push),
            Self::Seen | Self::Read | Self::Clicked => {
                matches!(channel, Channel::InApp | Channel::Email)
            }
        }
    }
}

/// An effect of one of some moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The effect.
    pub effect: Reached,
    /// The moves whose notifications count.
    pub of: Vec<usize>,
}

/// A notification.
#[derive(Debug, Clone, PartialEq)]
pub struct SendRule {
    /// The channel.
    pub channel: Channel,
    /// How urgent it is.
    pub priority: Priority,
    /// Its category.
    pub category: Option<String>,
    /// The template.
    pub template: String,
    /// Variables beside those that each template sees.
    pub variables: Vec<(String, Expression)>,
    /// Where answers to an e-mail go.
    pub reply_to: Option<Expression>,
    /// It is left out if this has happened.
    pub unless: Option<Reach>,
}

/// A moment.
#[derive(Debug, Clone, PartialEq)]
pub enum DelayRule {
    /// When an expression says so.
    Until(Expression),
    /// When the person's clock next shows this.
    At(Time, Option<TimeZone>),
}

/// How a digest gathers.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestRule {
    /// By what it is known over versions of its workflow: the how-manieth digest it is, or its step's name.
    pub slot: String,
    /// When it closes.
    pub window: DigestWindow,
    /// What it is about; without it all that comes for a person is one.
    pub key: Option<Expression>,
    /// So many items are kept; all are counted.
    pub keeps: u32,
    /// It closes when so many have come.
    pub most: Option<u32>,
    /// It is told only if so many have come.
    pub least: u32,
    /// The first goes on at once, and what follows is gathered.
    pub first_at_once: bool,
}

/// When a digest closes.
#[derive(Debug, Clone, PartialEq)]
pub enum DigestWindow {
    /// So long after its first item.
    Fixed(Duration),
    /// So long after its last item, and at most so long after its first.
    Sliding(Duration, Duration),
    /// By the calendar: of the person, unless a zone is named.
    Calendar(CalendarRule, Option<TimeZone>),
}

/// How many may go on.
#[derive(Debug, Clone, PartialEq)]
pub struct ThrottleRule {
    /// So many.
    pub at_most: u32,
    /// In this time, from the first on.
    pub per: Duration,
    /// What is counted apart.
    pub key: Option<Expression>,
    /// What is counted together.
    pub scope: ThrottleScope,
}

/// What a throttle counts together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThrottleScope {
    /// The runs of this workflow that come to this throttle: it is known by its name, or by its number among them, so that
    /// it counts on when the next version has another step before it.
    Workflow(String),
    /// Those of all workflows whose throttles name this, and count over the same time.
    Category(String),
}

impl Workflow {
    /// Every template that it sends, with the place of its step (from 0).
    pub fn sends(&self) -> impl Iterator<Item = (usize, &Move, &SendRule)> {
        self.moves
            .iter()
            .enumerate()
            .filter_map(|(at, it)| match &it.deed {
                Deed::Send(rule) => Some((at, it, rule)),
                _ => None,
            })
    }

    /// The move behind the digest of a slot.
    #[must_use]
    pub fn after_digest(&self, slot: &str) -> Option<usize> {
        let is_it = |it: &Move| matches!(&it.deed, Deed::Digest(rule) if rule.slot == slot);
        self.moves.iter().position(is_it).map(|at| at + 1)
    }
}

impl Move {
    /// By what it is known in other versions of its workflow, if it sends something: its step's name with the channel,
    /// else the template with it. Several may have the same.
    #[must_use]
    pub fn mark(&self) -> Option<String> {
        let Deed::Send(rule) = &self.deed else {
            return None;
        };
        let known_by = self.name.as_deref().unwrap_or(&rule.template);
        Some(format!("{} {known_by}", rule.channel))
    }

    /// How people call it.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("step {} ({name})", self.label),
            None => format!("step {}", self.label),
        }
    }
}
