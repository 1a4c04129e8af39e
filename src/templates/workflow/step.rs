//! What the machine of a run is told, and what it says.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::definition::Reached;
use crate::domain::{Channel, Priority, RunEnd};

/// What is known when a move is decided.
#[derive(Debug, Clone, Copy)]
pub struct StepFacts<'a> {
    /// What expressions and templates see: `event`, `data`, `recipient`, and `digest` if there is one.
    pub known: &'a Map<String, Value>,
    /// The person's zone; `None`: there is no such person.
    pub person: Option<&'a TimeZone>,
    /// What the notifications of earlier moves had for effects.
    pub reached: &'a HashSet<(usize, Reached)>,
    /// How many items the digest has that the run carries on.
    pub items: Option<u64>,
    /// What the throttle says that was asked.
    pub admitted: Option<bool>,
}

/// A line of a run's story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNote {
    /// Which move it is about, for people.
    pub step: String,
    /// What happened, in words.
    pub words: String,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum StepDecision {
    /// The next move is decided at once.
    GoOn {
        /// The next move.
        to: usize,
        /// What is to be said, if anything.
        note: Option<RunNote>,
    },
    /// The run waits.
    WaitUntil {
        /// Until then.
        at: Timestamp,
        /// The move that comes then.
        to: usize,
        /// What is to be said.
        note: RunNote,
    },
    /// A notification is accepted, and the next move is decided.
    Send(Box<SendOrder>),
    /// It is to be asked whether there is room, and the move decided again.
    Ask(ThrottleAsk),
    /// The run is put into a digest.
    Join(DigestAsk),
    /// The run ends.
    End {
        /// How.
        end: RunEnd,
        /// What is to be said.
        note: RunNote,
    },
}

/// A notification that is to be accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct SendOrder {
    /// The move.
    pub at: usize,
    /// The channel.
    pub channel: Channel,
    /// How urgent it is.
    pub priority: Priority,
    /// The category.
    pub category: Option<String>,
    /// The template.
    pub template: String,
    /// What the template sees.
    pub variables: Map<String, Value>,
    /// Where answers to an e-mail go.
    pub reply_to: Option<String>,
    /// What is to be said.
    pub note: RunNote,
}

/// What is asked of a throttle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottleAsk {
    /// What is counted together.
    pub scope: String,
    /// What is counted apart.
    pub key: String,
    /// So many may go on.
    pub at_most: u32,
    /// In this time, from the first on.
    pub per: std::time::Duration,
}

/// What a run asks of its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestAsk {
    /// The move.
    pub at: usize,
    /// Which digest of the workflow.
    pub slot: String,
    /// What it is about.
    pub key: String,
    /// When it closes if it is opened now, and no later than.
    pub closes_at: Timestamp,
    /// When it closes at the latest.
    pub closes_by: Timestamp,
    /// Whether each item moves the end.
    pub is_sliding: bool,
    /// It closes when so many have come.
    pub most: Option<u32>,
    /// Whether the first item goes on at once.
    pub first_at_once: bool,
    /// What is to be said.
    pub note: RunNote,
}
