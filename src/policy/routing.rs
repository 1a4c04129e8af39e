//! Through whom: the accounts of a channel in the order in which they are asked.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{AttemptRecord, Notification};

/// How long a notification waits when no account of its channel is there, or none says when it
/// will be back.
pub const WAIT: SignedDuration = SignedDuration::from_secs(15);

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
    /// Whether it cannot send without an address.
    pub needs_address: bool,
}

/// Whether the publisher's pin allows this account.
#[must_use]
pub fn may_carry(notification: &Notification, account: &AccountFacts<'_>) -> bool {
    notification
        .payload
        .provider
        .as_deref()
        .is_none_or(|pinned| pinned == account.name)
}

/// Positions of the accounts to ask, first choice first: by priority; among equals a draw by
/// weight decides who is first and the others follow in turn.
///
/// # Errors
/// When none can be asked now: the earliest time that one may be, if any says so.
pub fn route(
    notification: &Notification,
    accounts: &[AccountFacts<'_>],
    dice: f64,
) -> Result<Vec<usize>, Option<Timestamp>> {
    let allowed = |account: &AccountFacts<'_>| {
        may_carry(notification, account)
            && (!account.needs_address
                || notification.payload.to.is_some()
                || has_address(notification))
    };
    let (ready, out): (Vec<_>, Vec<_>) = accounts
        .iter()
        .enumerate()
        .filter(|(_, account)| allowed(account))
        .partition(|(_, account)| account.available_at.is_none());
    // What may have been delivered is asked again where it may have been.
    let unknown = notification
        .last_attempt()
        .and_then(AttemptRecord::unknown_provider);
    if let Some((position, _)) = ready
        .iter()
        .find(|(_, account)| Some(account.name) == unknown)
    {
        return Ok(vec![*position]);
    }
    if ready.is_empty() {
        return Err(out
            .iter()
            .filter_map(|(_, account)| account.available_at)
            .min());
    }
    Ok(ordered(ready, dice))
}

/// Chat has no address of the person, so that only a pinned `to` makes a bot usable.
fn has_address(notification: &Notification) -> bool {
    notification.lane.channel != crate::domain::Channel::Chat
}

fn ordered(mut ready: Vec<(usize, &AccountFacts<'_>)>, dice: f64) -> Vec<usize> {
    ready.sort_by(|(_, a), (_, b)| b.priority.cmp(&a.priority).then(a.name.cmp(b.name)));
    ready
        .chunk_by(|(_, a), (_, b)| a.priority == b.priority)
        .flat_map(|equals| {
            let first = draw(equals, dice);
            let (before, from) = equals.split_at(first);
            from.iter()
                .chain(before)
                .map(|(position, _)| *position)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Position of the winner of a draw by weight.
fn draw(equals: &[(usize, &AccountFacts<'_>)], dice: f64) -> usize {
    let total: f64 = equals
        .iter()
        .map(|(_, account)| f64::from(account.weight.max(1)))
        .sum();
    let mut left = dice.clamp(0.0, 1.0) * total;
    for (position, (_, account)) in equals.iter().enumerate() {
        left -= f64::from(account.weight.max(1));
        if left < 0.0 {
            return position;
        }
    }
    equals.len().saturating_sub(1)
}

/// When to look again after [`route`] found nobody.
#[must_use]
pub fn wait(now: Timestamp, earliest: Option<Timestamp>) -> Timestamp {
    let soonest = now + SignedDuration::from_secs(1);
    earliest.map_or(now + WAIT, |at| at.clamp(soonest, now + WAIT))
}

#[cfg(test)]
mod tests {
    use super::super::decide::tests::{account, notification, now};
    use super::*;
    use crate::domain::Channel;
    use proptest::prelude::*;

    #[test]
    fn a_pinned_provider_is_the_only_one() {
        let mut pinned = notification(Channel::Email);
        pinned.payload.provider = Some("b".into());
        let accounts = [account("a", 10), account("b", 0)];
        assert_eq!(route(&pinned, &accounts, 0.0), Ok(vec![1]));
        pinned.payload.provider = Some("missing".into());
        assert_eq!(route(&pinned, &accounts, 0.0), Err(None));
    }

    #[test]
    fn one_that_is_out_is_left_out_and_says_when() {
        let back = now() + SignedDuration::from_secs(5);
        let out = AccountFacts {
            available_at: Some(back),
            ..account("a", 10)
        };
        let plain = notification(Channel::Email);
        assert_eq!(route(&plain, &[out, account("b", 0)], 0.0), Ok(vec![1]));
        assert_eq!(route(&plain, &[out], 0.0), Err(Some(back)));
        assert_eq!(wait(now(), Some(back)), back);
    }

    #[test]
    fn an_unknown_outcome_goes_back_to_the_same_account() {
        use crate::domain::{Class, Reply};
        let mut lost = notification(Channel::Email);
        let unknown = Reply::of(Class::Unknown, None, None);
        lost.attempts
            .push(AttemptRecord::of_reply(now(), "b", None, &unknown, 3));
        let until = now();
        let step = crate::domain::Step::Deferred {
            reason: crate::domain::Reason::Retry,
            until,
        };
        lost.attempts.push(AttemptRecord { at: now(), step });
        let accounts = [account("a", 10), account("b", 0)];
        assert_eq!(route(&lost, &accounts, 0.0), Ok(vec![1]));
        assert_eq!(route(&lost, &[account("a", 10)], 0.0), Ok(vec![0]));
    }

    #[test]
    fn equals_share_by_weight() {
        let heavy = AccountFacts {
            weight: 3,
            ..account("a", 0)
        };
        let accounts = [heavy, account("b", 0)];
        let plain = notification(Channel::Email);
        let first = |dice| route(&plain, &accounts, dice).unwrap()[0];
        let won = (0..100)
            .filter(|n| first(f64::from(*n) / 100.0) == 0)
            .count();
        assert_eq!(won, 75);
    }

    proptest! {
        #[test]
        fn every_ready_account_is_asked_once_and_never_a_lower_priority_first(
            priorities in prop::collection::vec(-3..3_i32, 1..6), dice in 0.0..1.0_f64
        ) {
            let names: Vec<String> = (0..priorities.len()).map(|n| n.to_string()).collect();
            let accounts: Vec<_> =
                names.iter().zip(&priorities).map(|(name, p)| account(name, *p)).collect();
            let route = route(&notification(Channel::Email), &accounts, dice).unwrap();
            let mut sorted = route.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..accounts.len()).collect::<Vec<_>>());
            prop_assert!(route.is_sorted_by(|a, b| accounts[*a].priority >= accounts[*b].priority));
        }
    }
}
