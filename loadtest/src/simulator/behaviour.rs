//! The script of a simulator: how long it takes, and when it misbehaves.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fault::Fault;
use super::latency::Latency;

/// What a simulator does besides judging; TOML or JSON.
///
/// ```
/// let behaviour = loadtest::simulator::Behaviour::from_toml(r#"
///     seed = 42
///     latency = { kind = "log_normal", p50_ms = 20, p99_ms = 200 }
///
///     [[rules]]
///     fault = { kind = "status", status = 429, retry_after_seconds = 2 }
///     when = { first = 10 }
///
///     [[rules]]
///     fault = { kind = "hang" }
///     when = { probability = 0.01 }
///     recipient = "ana@*"
/// "#)?;
/// assert_eq!(behaviour.rules.len(), 2);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Seed of all random numbers; drawn and shown when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Answer time of everything that is answered.
    pub latency: Latency,
    /// Fault rules; the first that applies decides.
    pub rules: Vec<Rule>,
}

/// When to misbehave, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// Which of the matching requests; all of them when absent.
    #[serde(default)]
    pub when: When,
    /// Only for this recipient; a trailing `*` stands for any ending. A request for several fails
    /// whole when it is for one of them; where the provider says in a refusal whom it is about, the
    /// simulator does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Only for this notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_id: Option<Uuid>,
    /// Only at this endpoint: `send` (the default), `token` (FCM); for a mail server also
    /// `connect`, `auth`, `mail` and `rcpt`, where only `status`, `hang` and `reset` make sense.
    #[serde(default = "send", skip_serializing_if = "is_send")]
    pub endpoint: String,
    /// Whether the message counts as accepted by the provider all the same; absent, it does for
    /// `drop_answer`, `garbage`, `dribble`, `huge_body` and a good `latin1` line only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
}

/// Which of the requests that match a rule it strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Each of them.
    #[default]
    Always,
    /// The first so many.
    First(u64),
    /// All after the first so many.
    After(u64),
    /// Each so-manieth: 3 strikes the third, sixth, ninth.
    Every(u64),
    /// Each with this probability, 0 to 1.
    Probability(f64),
}

fn send() -> String {
    "send".to_owned()
}

fn is_send(endpoint: &str) -> bool {
    endpoint == "send"
}

impl Rule {
    /// A rule that strikes every request with `fault`.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            when: When::Always,
            recipient: None,
            notification_id: None,
            endpoint: send(),
            accepted: None,
        }
    }

    /// The same rule, for the requests that `when` picks.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// The same rule, for one recipient (a trailing `*` stands for any ending).
    #[must_use]
    pub fn recipient(mut self, recipient: impl Into<String>) -> Self {
        self.recipient = Some(recipient.into());
        self
    }

    /// The same rule, for one notification.
    #[must_use]
    pub fn notification(mut self, id: Uuid) -> Self {
        self.notification_id = Some(id);
        self
    }

    /// The same rule, at another endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    /// The same rule; the message counts as taken on by the provider, or not, whatever it answers: a
    /// gateway's 504 says nothing of what stands behind it.
    #[must_use]
    pub fn accepted(mut self, accepted: bool) -> Self {
        self.accepted = Some(accepted);
        self
    }

    fn matches(&self, call: &Call<'_>) -> bool {
        let names_nobody = self.recipient.is_none() && self.notification_id.is_none();
        self.endpoint == call.endpoint
            && (names_nobody || call.subjects.iter().any(|one| self.is_about(one)))
    }

    fn is_about(&self, (to, id): &(&str, Option<Uuid>)) -> bool {
        let is_wanted = |wanted: &String| fits(wanted, to);
        self.recipient.as_ref().is_none_or(is_wanted)
            && self
                .notification_id
                .is_none_or(|wanted| *id == Some(wanted))
    }

    /// The recipients that it names, if it names any.
    fn culprits(&self, call: &Call<'_>) -> Vec<String> {
        if self.recipient.is_none() && self.notification_id.is_none() {
            return vec![];
        }
        let named = call.subjects.iter().filter(|one| self.is_about(one));
        named.map(|(to, _)| (*to).to_owned()).collect()
    }
}

fn fits(wanted: &str, address: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => address.starts_with(beginning),
        None => address == wanted,
    }
}

impl Behaviour {
    /// Reads a TOML script. The error says what is wrong and where.
    ///
    /// # Errors
    /// When the text is not TOML, has an unknown key, or a number makes no sense.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let behaviour: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        behaviour.checked()
    }

    /// The behaviour itself, or what is wrong with its numbers.
    ///
    /// # Errors
    /// When a probability is outside 0 to 1, `every` is 0, or a latency is impossible.
    pub fn checked(self) -> Result<Self, String> {
        if let Some(mistake) = self.latency.mistake() {
            return Err(mistake);
        }
        for (number, rule) in self.rules.iter().enumerate() {
            let wrong = match rule.when {
                When::Every(every) => every == 0,
                When::Probability(share) => !(0.0..=1.0).contains(&share),
                _ => false,
            };
            if wrong {
                return Err(format!(
                    "rule {number}: when = {:?} makes no sense; a probability is 0 to 1, every is 1 or more",
                    rule.when
                ));
            }
        }
        Ok(self)
    }

    /// Always the same fault for every message.
    #[must_use]
    pub fn failing(fault: Fault) -> Self {
        Self::default().rule(Rule::always(fault))
    }

    /// The same behaviour with one more rule.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// The same behaviour with another answer time.
    #[must_use]
    pub fn latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// Whether there is nothing to decide.
    pub(crate) fn is_plain(&self) -> bool {
        self.rules.is_empty() && self.latency == Latency::None
    }
}

/// One request, as far as a script looks at it.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) subjects: Vec<(&'a str, Option<Uuid>)>,
}

/// What the script decided for one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Decision {
    pub(crate) wait: Duration,
    pub(crate) fault: Option<Fault>,
    /// The recipients because of whom, when the rule is about some.
    pub(crate) culprits: Vec<String>,
    /// Whether the message goes into the ledger.
    pub(crate) accepted: bool,
}

/// A behaviour at work: the random numbers and what each rule has seen.
#[derive(Debug)]
pub(crate) struct Script {
    behaviour: Behaviour,
    seed: u64,
    random: SmallRng,
    seen: Vec<u64>,
}

impl Script {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        let seed = behaviour.seed.unwrap_or_else(rand::random);
        Self {
            seen: vec![0; behaviour.rules.len()],
            random: SmallRng::seed_from_u64(seed),
            behaviour,
            seed,
        }
    }

    pub(crate) fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn decide(&mut self, call: &Call<'_>) -> Decision {
        let wait = self.behaviour.latency.draw(&mut self.random);
        for (rule, seen) in self.behaviour.rules.iter().zip(&mut self.seen) {
            if !rule.matches(call) {
                continue;
            }
            *seen += 1;
            if strikes(rule.when, *seen, &mut self.random) {
                return Decision {
                    wait,
                    accepted: rule
                        .accepted
                        .unwrap_or_else(|| rule.fault.accepts_by_default()),
                    fault: Some(rule.fault.clone()),
                    culprits: rule.culprits(call),
                };
            }
        }
        Decision {
            wait,
            accepted: true,
            ..Decision::default()
        }
    }
}

fn strikes(when: When, seen: u64, random: &mut SmallRng) -> bool {
    match when {
        When::Always => true,
        When::First(count) => seen <= count,
        When::After(count) => seen > count,
        When::Every(every) => every > 0 && seen.is_multiple_of(every),
        When::Probability(share) => random.random::<f64>() < share,
    }
}

#[cfg(test)]
mod tests;
