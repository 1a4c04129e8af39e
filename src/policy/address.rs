//! Where a notification goes.

use super::routing::{self, AccountFacts};
use crate::domain::{Notification, Reason, Recipient, Target};

/// The addresses that are still to be asked.
///
/// # Errors
/// [`Reason::NoAddress`] when there is none and every account of the channel needs one.
pub fn targets(
    notification: &Notification,
    recipient: &Recipient,
    accounts: &[AccountFacts<'_>],
) -> Result<Vec<Target>, Reason> {
    let to = notification.payload.to.as_deref();
    let mut targets = recipient.targets(notification.lane.channel, to);
    if targets.is_empty() {
        let addressless = accounts
            .iter()
            .any(|account| routing::may_carry(notification, account) && !account.needs_address);
        return if addressless {
            Ok(vec![Target {
                address: String::new(),
                device_id: None,
            }])
        } else {
            Err(Reason::NoAddress)
        };
    }
    targets.retain(|target| {
        target
            .device_id
            .is_none_or(|id| !notification.has_accepted(id))
    });
    Ok(targets)
}
