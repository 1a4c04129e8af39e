//! Where a notification goes.

use super::routing::{self, AccountFacts};
use crate::domain::{Notification, Reason, Recipient, Target};

/// The addresses that are still to be asked: those of devices only that have no final answer yet. A
/// device that was refused for good is not asked again because another one has a retry.
///
/// # Errors
/// [`Reason::NoAddress`] when there is none and every account of the channel needs one, or when
/// every device that is left was refused.
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
    let has_final_answer = |id| notification.has_accepted(id) || notification.has_refused(id);
    targets.retain(|target| target.device_id.is_none_or(|id| !has_final_answer(id)));
    if targets.is_empty() && !notification.is_partly_accepted() {
        // All that is left of the devices was refused; the others are gone.
        return Err(Reason::NoAddress);
    }
    Ok(targets)
}
