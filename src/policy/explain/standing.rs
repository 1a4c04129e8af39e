//! How each account of the channel stands to a notification: asked in which place, or why it is not.

use serde::Serialize;

use super::routes::stopped;
use super::source::RuleSource;
use crate::domain::{Channel, CircuitState};
use crate::policy::Facts;
use crate::policy::routing::{self, AccountFacts, Route};

/// How an account stands to a notification.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccountReport {
    /// Its name.
    pub name: String,
    /// Its place on the route, from 1; `None` is not asked.
    pub place: Option<usize>,
    /// Why it is out, whatever the message says; `None` is in use.
    pub out: Option<RuleSource>,
    /// That in words.
    pub says: String,
    /// Higher is asked first.
    pub priority: i32,
    /// Share among accounts of equal priority.
    pub weight: u32,
    /// Requests a minute; `None` is unlimited.
    pub rate_limit: Option<u32>,
}

/// The accounts of the route in their order, then the others by name.
pub(super) fn accounts(facts: &Facts<'_>, route: &Route) -> Vec<AccountReport> {
    let report = |(at, account): (usize, &AccountFacts<'_>)| {
        let place = route.accounts.iter().position(|on_route| *on_route == at);
        AccountReport {
            name: account.name.to_owned(),
            place: place.map(|place| place + 1),
            out: RuleSource::out(account),
            says: says(facts, account, place),
            priority: account.priority,
            weight: account.weight,
            rate_limit: account.rate_limit,
        }
    };
    let mut reports: Vec<_> = facts.accounts.iter().enumerate().map(report).collect();
    reports.sort_by(|a, b| {
        let key = |it: &AccountReport| (it.place.is_none(), it.place);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    reports
}

fn says(facts: &Facts<'_>, account: &AccountFacts<'_>, place: Option<usize>) -> String {
    let payload = &facts.notification.payload;
    match place {
        Some(0) => return "It is asked first.".to_owned(),
        Some(_) => return "It is asked if those before it fail.".to_owned(),
        None => {}
    }
    if let Some(pause) = account.pause {
        return format!("{}.", stopped(account.name, pause));
    }
    if account.is_off {
        return "It is switched off.".to_owned();
    }
    if let Some(until) = account.available_at {
        return match account.circuit {
            CircuitState::Closed => {
                format!("Its provider has asked everybody to wait until {until}.")
            }
            CircuitState::Open | CircuitState::HalfOpen => {
                format!("It fails, and is not asked until {until}.")
            }
        };
    }
    match payload.provider.as_deref() {
        Some(pinned) if pinned != account.name => format!("The message asks for `{pinned}`."),
        _ if !routing::may_carry(facts.notification, account) => {
            "It posts into a place of its own, and the message names an address.".to_owned()
        }
        _ if account.needs_address
            && payload.to.is_none()
            && facts.notification.lane.channel == Channel::Chat =>
        {
            "It needs `to` in the message.".to_owned()
        }
        _ => match facts.notification.pinned_by_unknown() {
            Some(first) => format!("The answer of `{first}` is waited for."),
            None => "It is not asked.".to_owned(),
        },
    }
}
