//! Connections kept between mails.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::conversation::Conversation;

/// Servers close an idle connection after some minutes (RFC 5321, 4.5.3.2.7: five); one that is
/// about to be closed is better not used.
const KEPT: Duration = Duration::from_secs(60);

/// Idle connections, the youngest last. Their number is bounded by the slots of the account.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Vec<(Conversation, Instant)>>);

impl Pool {
    /// The connection used last, if it is young enough; older ones are closed.
    pub(crate) fn take(&self, now: Instant) -> Option<Conversation> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| now.saturating_duration_since(*since) < KEPT);
        idle.pop().map(|(conversation, _)| conversation)
    }

    /// Keeps a connection.
    pub(crate) fn put(&self, conversation: Conversation, now: Instant) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((conversation, now));
    }
}
