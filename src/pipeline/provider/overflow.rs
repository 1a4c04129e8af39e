//! What a tenant has beyond its share at a slow account goes on to the database, to wait there for it.

use super::exits::leave;
use super::{Desk, Lines};
use crate::machine::Exit;
use crate::machine::delivery::wait_for_room;

/// Sends on what is beyond its tenant's share.
pub(super) fn relieve(desk: &Desk, queue: &Lines) {
    for job in queue.jobs.spill(&desk.health) {
        leave(desk, job, Exit::Store(wait_for_room(&desk.context())));
    }
}
