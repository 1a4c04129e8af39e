//! Through whom: the accounts of a channel in the order in which they are asked.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    AccountPause, CircuitState, GlobalPolicy, Notification, OnUnknown, TenantRules,
};

/// How long a notification waits at first when no account of its channel is there, or none says when
/// it will be back.
pub const WAIT: SignedDuration = SignedDuration::from_secs(15);
/// Longest such wait. What nobody can carry, perhaps for days, costs a look an hour; it is called back
/// as soon as an account of its channel may be asked again.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// What routing needs to know of an account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccountFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Higher is asked first.
    pub priority: i32,
    /// Share among accounts of equal priority.
    pub weight: u32,
    /// When it may be asked again, while it is out (credentials refused).
    pub available_at: Option<Timestamp>,
    /// Its circuit; an account that may not be asked is out all the same. For the explanation.
    pub circuit: CircuitState,
    /// Requests a minute; `None` is unlimited. For the explanation.
    pub rate_limit: Option<u32>,
    /// Whether it cannot send without an address; one that can sends to a place of its own, and to no
    /// other.
    pub needs_address: bool,
    /// Whether it is there and not in use: switched off, or not to be read.
    pub is_off: bool,
    /// Who has stopped it for a while; it is not in use then. For the explanation.
    pub pause: Option<&'a AccountPause>,
}

impl<'a> AccountFacts<'a> {
    /// One that is there and not in use.
    #[must_use]
    pub const fn off(name: &'a str) -> Self {
        Self {
            name,
            priority: 0,
            weight: 1,
            available_at: None,
            circuit: CircuitState::Closed,
            rate_limit: None,
            needs_address: true,
            is_off: true,
            pause: None,
        }
    }
}

/// Whether an account in use may carry it: the publisher's pin allows it, and so does the address that the
/// message names, for an account with a place of its own would post it there.
#[must_use]
pub fn may_carry(notification: &Notification, account: &AccountFacts<'_>) -> bool {
    let payload = &notification.payload;
    let mut pinned = payload.provider.as_deref().into_iter();
    !account.is_off
        && pinned.all(|pinned| pinned == account.name)
        && (account.needs_address || payload.to.is_none())
}

/// What follows an unknown outcome: the category's word, else the operator's for the channel.
#[must_use]
pub fn on_unknown(
    notification: &Notification,
    rules: &TenantRules,
    global: &GlobalPolicy,
) -> OnUnknown {
    let category = notification.category.as_deref();
    let said = category
        .and_then(|name| rules.category(name))
        .and_then(|declared| declared.on_unknown);
    let channel = &notification.lane.channel;
    match said {
        Some(said) => said,
        None if global.fail_over_unknown.contains(channel) => OnUnknown::FailOver,
        None => OnUnknown::Retry,
    }
}

/// Through whom a notification goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Positions of the accounts to ask, first choice first.
    pub accounts: Vec<usize>,
    /// Whether an account that may carry it is left out: it is out, or another has to be asked first.
    pub left_out: bool,
    /// The account that would have to be asked first, for it may have delivered it, and which is not
    /// there any more.
    pub gone: Option<String>,
}

/// The accounts to ask: by priority; among equals a draw by weight decides who is first and the others
/// follow in turn.
///
/// What may have been delivered is asked again where it may have been, and waits for that account
/// while it is out or switched off, unless it is said to be rather sent twice than late. Who has said that they cannot
/// send it is asked again only when nobody else may carry it.
///
/// # Errors
/// When none can be asked now: the earliest time that one may be, if any says so.
pub fn route(
    notification: &Notification,
    accounts: &[AccountFacts<'_>],
    on_unknown: OnUnknown,
    jitter: f64,
) -> Result<Route, Option<Timestamp>> {
    let allowed = |account: &AccountFacts<'_>| {
        may_carry(notification, account)
            && (!account.needs_address
                || notification.payload.to.is_some()
                || has_address(notification))
    };
    let all = accounts.iter().enumerate();
    let mut carriers: Vec<_> = all.filter(|(_, account)| allowed(account)).collect();
    let pinned = match on_unknown {
        OnUnknown::Retry => notification.pinned_by_unknown(),
        OnUnknown::FailOver => None,
    };
    let is_off = |name: &str| accounts.iter().any(|it| it.is_off && it.name == name);
    if pinned.is_some_and(is_off) {
        return Err(None);
    }
    let at = |name| carriers.iter().find(|(_, account)| account.name == name);
    if let Some((position, account)) = pinned.and_then(at) {
        return match account.available_at {
            None => Ok(Route {
                accounts: vec![*position],
                left_out: carriers.len() > 1,
                gone: None,
            }),
            until => Err(until),
        };
    }
    let declined = |account: &AccountFacts<'_>| notification.is_declined_by(account.name);
    if !carriers.iter().all(|(_, account)| declined(account)) {
        carriers.retain(|(_, account)| !declined(account));
    }
    let (ready, out): (Vec<_>, Vec<_>) = carriers
        .into_iter()
        .partition(|(_, account)| account.available_at.is_none());
    if ready.is_empty() {
        return Err(out
            .iter()
            .filter_map(|(_, account)| account.available_at)
            .min());
    }
    Ok(Route {
        accounts: ordered(ready, jitter),
        left_out: !out.is_empty(),
        gone: pinned.map(str::to_owned),
    })
}

/// Chat has no address of the person, so that only a pinned `to` makes a bot usable.
fn has_address(notification: &Notification) -> bool {
    notification.lane.channel != crate::domain::Channel::Chat
}

fn ordered(mut ready: Vec<(usize, &AccountFacts<'_>)>, jitter: f64) -> Vec<usize> {
    ready.sort_by(|(_, a), (_, b)| b.priority.cmp(&a.priority).then(a.name.cmp(b.name)));
    ready
        .chunk_by(|(_, a), (_, b)| a.priority == b.priority)
        .flat_map(|equals| {
            let first = draw(equals, jitter);
            let (before, from) = equals.split_at(first);
            from.iter()
                .chain(before)
                .map(|(position, _)| *position)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Position of the winner of a draw by weight.
fn draw(equals: &[(usize, &AccountFacts<'_>)], jitter: f64) -> usize {
    let total: f64 = equals
        .iter()
        .map(|(_, account)| f64::from(account.weight.max(1)))
        .sum();
    let mut left = jitter.clamp(0.0, 1.0) * total;
    for (position, (_, account)) in equals.iter().enumerate() {
        left -= f64::from(account.weight.max(1));
        if left < 0.0 {
            return position;
        }
    }
    equals.len().saturating_sub(1)
}

/// When to look again after [`route`] found nobody: when an account is back, or else after as long as
/// the notification has waited for one already, so that each wait doubles that time, whether or not
/// somebody was asked in vain at its end.
#[must_use]
pub fn wait(notification: &Notification, now: Timestamp, earliest: Option<Timestamp>) -> Timestamp {
    let waited = notification
        .unserved_since()
        .map(|since| now.duration_since(since));
    let longest = waited.unwrap_or_default().clamp(WAIT, LONGEST_WAIT);
    let at_last = now.saturating_add(longest).unwrap_or(Timestamp::MAX);
    let soonest = now
        .saturating_add(SignedDuration::from_secs(1))
        .unwrap_or(now);
    earliest.map_or(at_last, |at| at.clamp(soonest, at_last))
}

/// The same moment, up to half of the wait later: not all at once.
#[must_use]
pub fn spread(now: Timestamp, until: Timestamp, jitter: f64) -> Timestamp {
    let spread = until
        .duration_since(now)
        .mul_f64(jitter.clamp(0.0, 1.0) / 2.0);
    until.saturating_add(spread).unwrap_or(until)
}

#[cfg(test)]
mod tests;
