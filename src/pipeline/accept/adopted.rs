//! Claims of messages from RabbitMQ that are accepted by HTTP.

use std::fmt;

use uuid::Uuid;

use crate::domain::KeyHash;
use crate::store::lease::RunId;
use crate::store::takes::TakeId;
use crate::work::release_queue::{Abandoned, ReleaseQueue};

/// The claim of a message from RabbitMQ that nobody works on, taken over so that its notification is accepted under
/// its id. Dropped, it is given back; one that was accepted is nobody's claim any more, and stays.
pub(super) struct AdoptedClaim {
    pub(super) id: Uuid,
    pub(super) take: TakeId,
    /// The last run that died with it in hand, if any did.
    pub(super) died: Option<RunId>,
    pub(super) key: KeyHash,
    pub(super) release_queue: ReleaseQueue,
}

impl fmt::Debug for AdoptedClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdoptedClaim")
            .field("id", &self.id)
            .field("take", &self.take)
            .finish_non_exhaustive()
    }
}

impl Drop for AdoptedClaim {
    fn drop(&mut self) {
        self.release_queue.abandon(Abandoned::Claim {
            key: self.key,
            take: self.take,
            is_held: false,
        });
    }
}
