//! What a tenant has beyond its share at a slow account goes on to the database, to wait there for it.

use super::exits::leave;
use super::{AccountContext, AccountQueue};
use crate::machine::Exit;
use crate::machine::delivery::wait_for_room;

/// Sends on what is beyond its tenant's share.
pub(super) fn spill_excess(context: &AccountContext, queue: &AccountQueue) {
    for job in queue.jobs.spill(&context.health) {
        leave(context, job, Exit::Store(wait_for_room(&context.context())));
    }
}
