//! The load as a sequence of ready messages, with what each must lead to.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat};

use super::envelope::{Content, Envelope, Source, Template, campaign_address};
use super::mix::{Dice, Draw, Fate, Mix};
use crate::lane::{Channel, Lane};
use crate::marker::Marker;
use crate::population::Person;

/// How long ago an expired message expired, in microseconds.
const EXPIRED_BEFORE_MICROS: u64 = 60_000_000;

/// A message ready to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Number in the marker. A repeated message has that of the first.
    pub sequence: u64,
    /// Where it belongs.
    pub lane: Lane,
    /// The envelope as JSON.
    pub body: Vec<u8>,
    /// Provider acceptances that it must lead to: devices for push, 0 for an expired, a repeated
    /// or an in-app one, else 1.
    pub acceptances: u32,
}

/// Makes the messages of a load one after the other; the same seed makes the same ones, but for
/// times and the run's name in the idempotency keys.
#[derive(Debug)]
pub struct Plan {
    dice: Dice,
    run: String,
    envelope_bytes: usize,
    tenants: u32,
    schedule_ahead_micros: u64,
    equal_content: bool,
    first: u64,
    next: u64,
    last: Option<Draft>,
    overhead: HashMap<(Channel, bool), usize>,
}

impl Plan {
    /// `run` keeps the idempotency keys of different runs apart, which a database may remember.
    #[must_use]
    pub fn new(mix: Mix, seed: u64, run: impl Into<String>) -> Self {
        Self {
            run: run.into(),
            envelope_bytes: mix.envelope_bytes,
            tenants: mix.tenants,
            schedule_ahead_micros: mix.schedule_ahead_ms * 1_000,
            equal_content: mix.equal_content,
            dice: Dice::new(mix, seed),
            first: 0,
            next: 0,
            last: None,
            overhead: HashMap::new(),
        }
    }

    /// The same load with sequences from `first` on, so that a ledger can tell runs apart.
    #[must_use]
    pub fn starting_at(mut self, first: u64) -> Self {
        self.first = first;
        self.next = first;
        self
    }

    /// The first sequence.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The next message, meant to be published at `intended_micros` since the Unix epoch.
    pub fn draft(&mut self, intended_micros: u64) -> Draft {
        let draw = self.dice.draw();
        if draw.fate == Fate::Duplicate
            && let Some(last) = &self.last
        {
            return Draft {
                acceptances: 0,
                ..last.clone()
            };
        }
        let draft = self.make(&draw, intended_micros);
        self.next += 1;
        if draw.fate != Fate::Expired {
            self.last = Some(draft.clone());
        }
        draft
    }

    fn make(&mut self, draw: &Draw, intended_micros: u64) -> Draft {
        let kind = (draw.lane.channel, draw.templated);
        let overhead = match self.overhead.get(&kind) {
            Some(known) => *known,
            None => {
                let bare = self.envelope(draw, intended_micros, 0).len();
                self.overhead.insert(kind, bare);
                bare
            }
        };
        let filling = self.envelope_bytes.saturating_sub(overhead);
        Draft {
            sequence: self.next,
            lane: draw.lane,
            acceptances: acceptances(draw),
            body: self.envelope(draw, intended_micros, filling),
        }
    }

    fn envelope(&self, draw: &Draw, intended_micros: u64, filling: usize) -> Vec<u8> {
        let channel = draw.lane.channel;
        let person = Person {
            number: draw.person,
        };
        let due_micros = intended_micros + self.schedule_ahead_micros;
        let scheduled = draw.fate == Fate::Scheduled;
        // The latency of a scheduled message counts from the instant it was asked for.
        let counts_from = if scheduled {
            due_micros
        } else {
            intended_micros
        };
        let marker = Marker::new(self.next, counts_from);
        let key = format!("{}-{}", self.run, self.next);
        let order = format!("A-{}", self.next);
        let is_campaign = self.equal_content && channel == Channel::Email && !draw.templated;
        let content = || {
            if is_campaign {
                Content::campaign(filling)
            } else {
                Content::new(channel, &order, marker, filling)
            }
        };
        let to = match channel {
            Channel::Email if is_campaign => Some(campaign_address(marker)),
            Channel::Chat => Some(person.chat()),
            _ => None,
        };
        let envelope = Envelope {
            version: 1,
            tenant_id: person.tenant(self.tenants),
            user_id: person.id(),
            channel: channel.name(),
            priority: draw.lane.priority.name(),
            category: "orders",
            idempotency_key: &key,
            template: draw
                .templated
                .then(|| Template::new(channel, person, &order, marker, filling)),
            content: (!draw.templated).then(content),
            to,
            send_at: scheduled.then(|| rfc3339(due_micros)),
            expires_at: (draw.fate == Fate::Expired)
                .then(|| rfc3339(intended_micros.saturating_sub(EXPIRED_BEFORE_MICROS))),
            source: Source {
                kind: "order",
                id: &order,
            },
        };
        // String keys and plain values only, so this always serialises.
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
}

fn acceptances(draw: &Draw) -> u32 {
    match (draw.fate, draw.lane.channel) {
        (Fate::Expired, _) | (_, Channel::InApp) => 0,
        (_, Channel::Push) => Person {
            number: draw.person,
        }
        .device_count(),
        _ => 1,
    }
}

fn rfc3339(micros: u64) -> String {
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    DateTime::from_timestamp_micros(micros)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::marker::now_micros;
    use crate::publisher::Weights;

    fn drafts(mix: Mix, count: usize) -> Vec<Draft> {
        let mut plan = Plan::new(mix, 3, "run");
        (0..count).map(|_| plan.draft(now_micros())).collect()
    }

    #[test]
    fn an_envelope_has_the_contracts_shape_and_the_asked_size() {
        for draft in drafts(Mix::default(), 200) {
            let envelope: Value = serde_json::from_slice(&draft.body).unwrap();
            assert_eq!(envelope["version"], 1);
            assert_eq!(envelope["channel"], draft.lane.channel.name());
            assert_eq!(envelope["priority"], draft.lane.priority.name());
            assert_eq!(
                envelope["idempotency_key"],
                format!("run-{}", draft.sequence)
            );
            assert!(envelope["template"].is_object() != envelope["content"].is_object());
            assert_eq!(
                envelope["to"].is_string(),
                draft.lane.channel == Channel::Chat
            );
            assert!(
                (660..740).contains(&draft.body.len()),
                "{}",
                draft.body.len()
            );
            let marker = Marker::find(&draft.body).unwrap();
            assert_eq!(marker.sequence, draft.sequence);
        }
    }

    #[test]
    fn the_mail_of_a_campaign_differs_only_in_its_address_where_the_marker_is() {
        let campaign = Mix {
            channels: Weights::only(Channel::Email),
            template_share: 0.0,
            equal_content: true,
            ..Mix::default()
        };
        let mut contents = std::collections::HashSet::new();
        for draft in drafts(campaign, 20) {
            let envelope: Value = serde_json::from_slice(&draft.body).unwrap();
            let to = envelope["to"].as_str().unwrap();
            assert_eq!(
                Marker::find(to.as_bytes()).unwrap().sequence,
                draft.sequence
            );
            contents.insert(envelope["content"].to_string());
            assert!((660..740).contains(&draft.body.len()));
        }
        assert_eq!(contents.len(), 1, "{contents:?}");
    }

    #[test]
    fn fates_are_what_they_say() {
        let expired = Mix {
            expired_share: 1.0,
            ..Mix::default()
        };
        let draft = &drafts(expired, 1)[0];
        let envelope: Value = serde_json::from_slice(&draft.body).unwrap();
        let expires: DateTime<chrono::Utc> =
            envelope["expires_at"].as_str().unwrap().parse().unwrap();
        assert!(expires < chrono::Utc::now());
        assert_eq!(draft.acceptances, 0);
        let scheduled = Mix {
            scheduled_share: 1.0,
            ..Mix::default()
        };
        let draft = &drafts(scheduled, 1)[0];
        let envelope: Value = serde_json::from_slice(&draft.body).unwrap();
        assert!(envelope["send_at"].is_string());
        assert!(Marker::find(&draft.body).unwrap().published_micros > now_micros() + 1_000_000);
    }

    #[test]
    fn a_duplicate_repeats_an_earlier_message_to_the_letter() {
        let mix = Mix {
            duplicate_share: 0.5,
            ..Mix::default()
        };
        let drafts = drafts(mix, 50);
        let repeated = drafts.iter().filter(|draft| {
            draft.acceptances == 0
                && drafts
                    .iter()
                    .any(|first| first.acceptances > 0 && first.body == draft.body)
        });
        assert!(repeated.count() > 15);
    }

    #[test]
    fn push_expects_each_device() {
        let mix = Mix {
            channels: "push".parse().unwrap(),
            users: 16,
            ..Mix::default()
        };
        let most = drafts(mix, 200).iter().map(|draft| draft.acceptances).max();
        assert_eq!(most, Some(3));
    }

    #[test]
    fn a_load_may_start_at_any_sequence() {
        let mut plan = Plan::new(Mix::default(), 3, "run").starting_at(1 << 40);
        assert_eq!(plan.draft(1).sequence, 1 << 40);
        assert_eq!(plan.draft(1).sequence, (1 << 40) + 1);
        assert_eq!(plan.first(), 1 << 40);
    }
}
