//! What other rules would have done: the same decision, over what is known of what came in.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::{AccountFacts, Decision, Facts, Quota, decide, frequency_cap};
use crate::domain::preference::{Preference, Scope};
use crate::domain::{
    Category, Channel, CircuitState, Counted, GlobalPolicy, Notification, Recipient, TenantRules,
};

/// Rules that are to be tried: each stands for what is said of the same thing now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedRules {
    /// Tenants' defaults.
    pub defaults: Vec<(Uuid, Preference)>,
    /// Wishes of people, by tenant and person.
    pub people: Vec<((Uuid, Uuid), Preference)>,
    /// Categories, which name their tenants.
    pub categories: Vec<Category>,
}

/// What would become of one notification, first of all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It is sent at once.
    Sent,
    /// It is put off, for this reason.
    PutOff(&'static str),
    /// It is cancelled, for this reason.
    Cancelled(&'static str),
    /// It cannot be sent, for this reason.
    Failed(&'static str),
}

/// The daily caps as they fill up, of one set of rules.
#[derive(Debug, Clone, Default)]
pub struct CountedDays(HashMap<(Uuid, Scope, Date), u32>);

impl ChangedRules {
    /// A tenant's rules as they would be.
    #[must_use]
    pub fn of_tenant(&self, tenant_id: Uuid, rules: &TenantRules) -> TenantRules {
        let mut rules = rules.clone();
        for (_, changed) in self.defaults.iter().filter(|(of, _)| *of == tenant_id) {
            say(&mut rules.defaults, changed);
        }
        let categories = self.categories.iter();
        for changed in categories.filter(|it| it.tenant_id == tenant_id) {
            rules.categories.retain(|known| known.name != changed.name);
            rules.categories.push(changed.clone());
        }
        rules
    }

    /// A person as they would be.
    #[must_use]
    pub fn of_person(&self, person: &Recipient) -> Recipient {
        let mut person = person.clone();
        let whose = (person.tenant_id, person.user_id);
        for (_, changed) in self.people.iter().filter(|(of, _)| *of == whose) {
            say(&mut person.preferences, changed);
        }
        person
    }
}

/// Says a preference anew among those that are known.
fn say(known: &mut Vec<Preference>, changed: &Preference) {
    known.retain(|one| one.scope != changed.scope);
    known.push(changed.clone());
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sent => f.write_str("sent"),
            Self::PutOff(reason) => write!(f, "deferred:{reason}"),
            Self::Cancelled(reason) => write!(f, "cancelled:{reason}"),
            Self::Failed(reason) => write!(f, "failed:{reason}"),
        }
    }
}

/// What becomes of a notification when its time comes, with an account that sends it. What is sent is counted for the
/// daily caps; what is put off is counted on the day on which it would be sent.
#[must_use]
pub fn outcome(
    notification: &Notification,
    recipient: &Recipient,
    (rules, global): (&TenantRules, &GlobalPolicy),
    suppressed: &[String],
    days: &mut CountedDays,
) -> Outcome {
    let account = AccountFacts {
        needs_address: notification.lane.channel != Channel::Chat,
        is_off: false,
        circuit: CircuitState::Closed,
        ..AccountFacts::off("any")
    };
    let facts = Facts {
        notification,
        recipient,
        rules,
        global,
        accounts: &[account],
        suppressed,
        quota: Quota::Unasked,
        now: notification
            .created_at
            .max(notification.send_at.unwrap_or(notification.created_at)),
        // The middle of what chance may choose.
        jitter: 0.5,
    };
    let counted = days.of(&facts);
    let quota = Quota::Counted(&counted);
    match decide(&Facts { quota, ..facts }) {
        Decision::Deliver { .. } | Decision::Reserve(_) => {
            days.count(&facts);
            Outcome::Sent
        }
        Decision::Defer { reason, until } => {
            days.count(&Facts {
                now: until,
                ..facts
            });
            Outcome::PutOff(reason.as_str())
        }
        Decision::Cancel(reason) => Outcome::Cancelled(reason.as_str()),
        Decision::Fail(reason) => Outcome::Failed(reason.as_str()),
    }
}

impl CountedDays {
    /// What the counters of a notification hold.
    fn of(&self, facts: &Facts<'_>) -> Vec<Counted> {
        let user = facts.recipient.user_id;
        let counters = frequency_cap::counters(facts).unwrap_or_default();
        let counted = counters.into_iter().map(|counter| Counted {
            count: self
                .0
                .get(&(user, counter.scope.clone(), counter.day))
                .copied()
                .unwrap_or(0),
            counter,
        });
        counted.collect()
    }

    fn count(&mut self, facts: &Facts<'_>) {
        let user = facts.recipient.user_id;
        for counter in frequency_cap::counters(facts).unwrap_or_default() {
            *self
                .0
                .entry((user, counter.scope, counter.day))
                .or_default() += 1;
        }
    }

    /// Forgets days that are over everywhere by then.
    pub fn forget(&mut self, now: Timestamp) {
        let over = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let over = over.saturating_sub(jiff::Span::new().days(2));
        self.0.retain(|(_, _, day), _| *day >= over);
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;
    use crate::domain::preference::{QuietHours, Setting};
    use crate::domain::{Body, Content, KeyHash, Lane, OverCap, Payload, Priority};

    fn notification(hour: i8) -> Notification {
        let at = jiff::civil::date(2026, 11, 30).at(hour, 0, 0, 0);
        let created_at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        Notification {
            id: Uuid::from_u128(7),
            tenant_id: Uuid::from_u128(1),
            user_id: Uuid::from_u128(2),
            lane: Lane::new(Channel::InApp, Priority::Normal),
            category: Some("news".to_owned()),
            key: KeyHash([0; 32]),
            payload: Payload {
                body: Body::Content(Content::default()),
                to: None,
                provider: None,
                traceparent: None,
                inbox: None,
            },
            send_at: None,
            expires_at: None,
            max_retries: 0,
            source: None,
            metadata: None,
            created_at,
            attempt_count: 0,
            attempts: vec![],
            stored_attempts: 0,
        }
    }

    fn preference(scope: Scope) -> Preference {
        Preference {
            scope,
            enabled: None,
            frequency_cap: Setting::Inherit,
            quiet_hours: Setting::Inherit,
            zone: None,
        }
    }

    /// What becomes of messages at these hours.
    fn outcomes(changed: &ChangedRules, hours: &[i8]) -> Vec<String> {
        let tenant = Uuid::from_u128(1);
        let rules = changed.of_tenant(tenant, &TenantRules::default());
        let person = Recipient::nobody((tenant, Uuid::from_u128(2)));
        let person = changed.of_person(&person);
        let global = GlobalPolicy::default();
        let mut days = CountedDays::default();
        let outcome = |hour: &i8| {
            let notification = notification(*hour);
            let with = (&rules, &global);
            super::outcome(&notification, &person, with, &[], &mut days).to_string()
        };
        hours.iter().map(outcome).collect()
    }

    #[test]
    fn a_cap_counts_what_is_sent_and_a_switch_stops_all() {
        assert_eq!(
            outcomes(&ChangedRules::default(), &[9, 10]),
            ["sent", "sent"]
        );
        let tenant = Uuid::from_u128(1);
        let mut capped = preference(Scope::All);
        capped.frequency_cap = Setting::Value(1);
        let mut changed = ChangedRules {
            defaults: vec![(tenant, capped)],
            ..ChangedRules::default()
        };
        assert_eq!(
            outcomes(&changed, &[9, 10]),
            ["sent", "cancelled:frequency_cap"]
        );
        changed.categories.push(Category {
            over_cap: OverCap::Defer,
            ..Category::undeclared(tenant, "news")
        });
        assert_eq!(
            outcomes(&changed, &[9, 10]),
            ["sent", "deferred:frequency_cap"]
        );
        let mut off = preference(Scope::Category("news".to_owned()));
        off.enabled = Some(false);
        changed.people.push(((tenant, Uuid::from_u128(2)), off));
        assert_eq!(outcomes(&changed, &[9]), ["cancelled:category_disabled"]);
        let others = ((tenant, Uuid::from_u128(3)), changed.people.remove(0).1);
        changed.people.push(others);
        assert_eq!(outcomes(&changed, &[9]), ["sent"]);
    }

    #[test]
    fn a_night_of_silence_puts_off_what_comes_in_it() {
        let mut quiet = preference(Scope::All);
        quiet.quiet_hours = Setting::Value(QuietHours {
            start: time(22, 0, 0, 0),
            end: time(7, 0, 0, 0),
            days: vec![],
        });
        let changed = ChangedRules {
            defaults: vec![(Uuid::from_u128(1), quiet)],
            ..ChangedRules::default()
        };
        assert_eq!(
            outcomes(&changed, &[6, 12, 23]),
            ["deferred:quiet_hours", "sent", "deferred:quiet_hours"]
        );
    }
}
