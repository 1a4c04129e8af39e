//! The one entry: every rule asked in order, the first that objects decides.

use jiff::{SignedDuration, Timestamp};

use super::facts::{Decision, Facts};
use super::routing::{self, Route};
use super::{address, expiry, frequency_cap, preference, quiet_hours, schedule, suppression};
use crate::domain::{Channel, Reason, Rule, Target};

/// Decides on a notification: every [`Rule`] in order, the first that objects decides.
///
/// One that a device accepted in an earlier pass is never cancelled or failed for the others.
#[must_use]
pub fn decide(facts: &Facts<'_>) -> Decision {
    let mut case = DecisionCase::new(facts);
    let objection = Rule::ALL.iter().find_map(|rule| case.ask(*rule));
    case.close(objection)
}

/// A decision under way: what the rules that were asked have found.
#[derive(Debug)]
pub(super) struct DecisionCase<'a> {
    facts: &'a Facts<'a>,
    /// Where to; found by the address rule.
    pub(super) targets: Vec<Target>,
    /// Through whom; found by the routing rule.
    pub(super) route: Route,
}

impl<'a> DecisionCase<'a> {
    pub(super) fn new(facts: &'a Facts<'a>) -> Self {
        Self {
            facts,
            targets: vec![],
            route: Route::default(),
        }
    }

    /// What a rule has against sending now. To be asked in the order of [`Rule::ALL`].
    pub(super) fn ask(&mut self, rule: Rule) -> Option<Decision> {
        let Facts {
            notification,
            recipient,
            rules,
            now,
            ..
        } = *self.facts;
        match rule {
            Rule::Expiry => expiry::expired(notification, now).map(Decision::Cancel),
            Rule::Preference => preference::switched_off(notification, recipient, rules)
                .map(|(reason, _)| Decision::Cancel(reason)),
            Rule::Schedule => schedule::not_before(notification, now)
                .map(|until| expiry::defer(notification, Reason::Scheduled, until)),
            Rule::Address => self.ask_address(),
            Rule::Suppression => {
                let channel = notification.lane.channel;
                let suppressed = self.facts.suppressed;
                suppression::leave_out(channel, &mut self.targets, suppressed)
                    .then_some(Decision::Cancel(Reason::Suppressed))
            }
            Rule::QuietHours => quiet_hours::object(self.facts),
            Rule::Routing => self.ask_routing(),
            Rule::FrequencyCap => frequency_cap::object(self.facts),
        }
    }

    fn ask_address(&mut self) -> Option<Decision> {
        let facts = self.facts;
        match address::targets(facts.notification, facts.recipient, facts.accounts) {
            // Every device has accepted it: it is sent, at any hour and under any cap.
            Ok(targets) if targets.is_empty() => Some(self.nothing_left()),
            Ok(targets) => {
                self.targets = targets;
                None
            }
            Err(reason) => Some(Decision::Fail(reason)),
        }
    }

    fn ask_routing(&mut self) -> Option<Decision> {
        let facts = self.facts;
        let notification = facts.notification;
        if notification.lane.channel == Channel::InApp {
            return None;
        }
        let on_unknown = routing::on_unknown(notification, facts.rules, facts.global);
        match routing::route(notification, facts.accounts, on_unknown, facts.jitter) {
            Ok(route) => {
                self.route = route;
                None
            }
            Err(until) => {
                let until = routing::wait(notification, facts.now, until);
                let until = routing::spread(facts.now, until, facts.jitter);
                Some(Decision::Defer {
                    reason: Reason::WaitingForProvider,
                    until: expiry::wait(notification, until),
                })
            }
        }
    }

    /// The decision, when this is the first objection.
    pub(super) fn close(self, objection: Option<Decision>) -> Decision {
        match objection {
            Some(Decision::Cancel(_) | Decision::Fail(_))
                if self.facts.notification.is_partly_accepted() =>
            {
                self.nothing_left()
            }
            Some(decision) => decision,
            None => Decision::Deliver {
                route: self.route.accounts,
                left_out: self.route.left_out,
                gone: self.route.gone,
                targets: self.targets,
                valid_until: valid_until(self.facts.now),
            },
        }
    }

    /// It is sent already, as far as it will be.
    fn nothing_left(&self) -> Decision {
        Decision::Deliver {
            route: vec![],
            left_out: false,
            gone: None,
            targets: vec![],
            valid_until: valid_until(self.facts.now),
        }
    }
}

/// How long a decision to send holds: a second, and not beyond the minute. Windows and days begin
/// with a minute, so that none begins between the decision and the request.
fn valid_until(now: Timestamp) -> Timestamp {
    let second = now.saturating_add(SignedDuration::from_secs(1));
    let minute = (now.as_second().div_euclid(60) + 1) * 60;
    let minute = Timestamp::from_second(minute).unwrap_or(Timestamp::MAX);
    second.map_or(minute, |second| second.min(minute))
}

#[cfg(test)]
pub(super) mod tests;
