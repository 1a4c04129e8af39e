//! What a published load is made of.

use std::str::FromStr;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::lane::{Channel, Lane, Priority};

/// Things with weights: `email=5,sms=2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights<T>(Vec<(T, u32)>);

impl<T: Copy> Weights<T> {
    /// Only this one.
    #[must_use]
    pub fn only(one: T) -> Self {
        Self(vec![(one, 1)])
    }

    /// These, with their weights; the sum must be 1 or more, or the first of a mix stands in.
    #[must_use]
    pub fn of(weights: &std::collections::BTreeMap<T, u32>) -> Self {
        Self(
            weights
                .iter()
                .map(|(one, weight)| (*one, *weight))
                .collect(),
        )
    }

    /// The weighted things themselves.
    #[must_use]
    pub fn all(&self) -> &[(T, u32)] {
        &self.0
    }

    fn pick(&self, random: &mut SmallRng) -> Option<T> {
        let sum: u32 = self.0.iter().map(|(_, weight)| weight).sum();
        let mut drawn = random.random_range(0..sum.max(1));
        for (one, weight) in &self.0 {
            if drawn < *weight {
                return Some(*one);
            }
            drawn -= weight;
        }
        None
    }

    fn parse(text: &str, known: &[T], name: impl Fn(T) -> &'static str) -> Result<Self, String> {
        let names = || {
            known
                .iter()
                .map(|one| name(*one))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let mut weights = Vec::new();
        for part in text.split(',') {
            let (wanted, weight) = part.split_once('=').unwrap_or((part, "1"));
            let one = known
                .iter()
                .find(|one| name(**one) == wanted.trim())
                .ok_or_else(|| format!("{wanted:?} is not one of {}", names()))?;
            let weight = weight.trim().parse().map_err(|_| {
                format!("the weight of {wanted} must be a whole number, not {weight:?}")
            })?;
            weights.push((*one, weight));
        }
        let sum = weights
            .iter()
            .try_fold(0_u32, |sum, (_, weight)| sum.checked_add(*weight));
        match sum {
            Some(0) | None => Err(format!("the weights of {text:?} must add up to 1 or more")),
            Some(_) => Ok(Self(weights)),
        }
    }
}

impl FromStr for Weights<Channel> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, &Channel::ALL, Channel::name)
    }
}

impl FromStr for Weights<Priority> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, &Priority::ALL, Priority::name)
    }
}

/// The make-up of a load. Shares are 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// Which channels.
    pub channels: Weights<Channel>,
    /// Which priorities.
    pub priorities: Weights<Priority>,
    /// Share of messages that name a template instead of carrying their content.
    pub template_share: f64,
    /// Whether all mail carries the same content, as a campaign does: the marker is in its address.
    pub equal_content: bool,
    /// Share of messages whose `expires_at` has passed: none of them may be sent.
    pub expired_share: f64,
    /// Share of messages with a `send_at` ahead.
    pub scheduled_share: f64,
    /// How far ahead, in milliseconds.
    pub schedule_ahead_ms: u64,
    /// Share of messages that repeat an earlier one with its idempotency key.
    pub duplicate_share: f64,
    /// Size of an envelope in bytes, about; texts are filled up to it.
    pub envelope_bytes: usize,
    /// How many people to write to, from number 1.
    pub users: u32,
    /// How many tenants these people are spread over.
    pub tenants: u32,
}

impl Default for Mix {
    /// Mostly mail, mostly normal, half of it by template, about 700 bytes.
    fn default() -> Self {
        Self {
            channels: Weights(vec![
                (Channel::Email, 5),
                (Channel::Sms, 2),
                (Channel::Push, 2),
                (Channel::Chat, 1),
            ]),
            priorities: Weights(vec![
                (Priority::Urgent, 1),
                (Priority::High, 2),
                (Priority::Normal, 5),
                (Priority::Low, 2),
            ]),
            template_share: 0.5,
            equal_content: false,
            expired_share: 0.0,
            scheduled_share: 0.0,
            schedule_ahead_ms: 2_000,
            duplicate_share: 0.0,
            envelope_bytes: 700,
            users: 1_000,
            tenants: 1,
        }
    }
}

/// What was drawn for one message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draw {
    pub(super) lane: Lane,
    pub(super) person: u32,
    pub(super) templated: bool,
    pub(super) fate: Fate,
}

/// What is special about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Ordinary,
    Expired,
    Scheduled,
    Duplicate,
}

/// Draws messages by a mix: the same ones for the same seed.
#[derive(Debug)]
pub(super) struct Dice {
    mix: Mix,
    random: SmallRng,
}

impl Dice {
    pub(super) fn new(mix: Mix, seed: u64) -> Self {
        Self {
            mix,
            random: SmallRng::seed_from_u64(seed),
        }
    }

    pub(super) fn draw(&mut self) -> Draw {
        let random = &mut self.random;
        let lane = Lane {
            channel: self.mix.channels.pick(random).unwrap_or(Channel::Email),
            priority: self.mix.priorities.pick(random).unwrap_or(Priority::Normal),
        };
        let person = random.random_range(1..=self.mix.users.max(1));
        let templated = random.random::<f64>() < self.mix.template_share;
        Draw {
            lane,
            person,
            templated,
            fate: fate(&self.mix, random.random()),
        }
    }
}

fn fate(mix: &Mix, drawn: f64) -> Fate {
    let expired = mix.expired_share;
    let scheduled = expired + mix.scheduled_share;
    let duplicate = scheduled + mix.duplicate_share;
    match drawn {
        x if x < expired => Fate::Expired,
        x if x < scheduled => Fate::Scheduled,
        x if x < duplicate => Fate::Duplicate,
        _ => Fate::Ordinary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_and_their_mistakes_named() {
        let weights: Weights<Channel> = "email=3, in_app,push=0".parse().unwrap();
        assert_eq!(weights.0[1], (Channel::InApp, 1));
        for (text, named) in [
            ("mail=1", "email"),
            ("sms=x", "whole number"),
            ("sms=0", "add up"),
        ] {
            let error = text.parse::<Weights<Channel>>().unwrap_err();
            assert!(error.contains(named), "{error}");
        }
        assert!("urgent=1,low=9".parse::<Weights<Priority>>().is_ok());
    }

    #[test]
    fn a_seed_draws_the_same_load_in_the_asked_shares() {
        let mix = Mix {
            expired_share: 0.1,
            scheduled_share: 0.1,
            duplicate_share: 0.1,
            ..Mix::default()
        };
        let draw = |seed| {
            let mut dice = Dice::new(mix.clone(), seed);
            (0..2_000).map(|_| dice.draw()).collect::<Vec<_>>()
        };
        let load = draw(1);
        assert_eq!(load, draw(1));
        assert_ne!(load, draw(2));
        let count = |pick: &dyn Fn(&Draw) -> bool| load.iter().filter(|one| pick(one)).count();
        assert!((900..1_100).contains(&count(&|one| one.lane.channel == Channel::Email)));
        assert!((900..1_100).contains(&count(&|one| one.templated)));
        for fate in [Fate::Expired, Fate::Scheduled, Fate::Duplicate] {
            assert!((150..250).contains(&count(&|one| one.fate == fate)));
        }
    }
}
