//! Nothing goes to an address that is on the suppression list.

use crate::domain::{Channel, Suppression, Target};

/// Leaves out the suppressed addresses; `true` when there were some and none is left.
///
/// `suppressed` holds addresses as [`Suppression::address`] spells them.
pub fn leave_out(channel: Channel, targets: &mut Vec<Target>, suppressed: &[String]) -> bool {
    if suppressed.is_empty() || targets.is_empty() {
        return false;
    }
    targets.retain(|target| !is_suppressed(channel, target, suppressed));
    targets.is_empty()
}

/// Whether an address is on the list.
#[must_use]
pub fn is_suppressed(channel: Channel, target: &Target, suppressed: &[String]) -> bool {
    suppressed.contains(&Suppression::address(channel, &target.address))
}
