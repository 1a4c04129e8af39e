//! Connections kept between messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use crate::runtime::{Tasks, clock};

/// Idle connections. There are no more than were in use at once.
pub(crate) struct Pool<T>(Arc<Mutex<Idle<T>>>);

struct Idle<T> {
    /// How long each is kept: one that the server is about to close is better not used, and a server has
    /// better uses for its places.
    patience: Duration,
    /// The youngest last.
    kept: VecDeque<(T, Instant)>,
    /// Whether somebody waits to close the eldest.
    is_watched: bool,
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static> Pool<T> {
    /// A pool that keeps each connection for so long.
    pub(crate) fn keeping_for(patience: Duration) -> Self {
        let idle = Idle {
            patience,
            kept: VecDeque::new(),
            is_watched: false,
        };
        Self(Arc::new(Mutex::new(idle)))
    }

    /// The connection used last, if it is young enough.
    pub(crate) fn take(&self, now: Instant) -> Option<T> {
        let mut idle = lock(&self.0);
        idle.close_old(now);
        idle.kept.pop_back().map(|(connection, _)| connection)
    }

    /// Whether a connection is kept that may be used.
    pub(crate) fn has_any(&self, now: Instant) -> bool {
        let mut idle = lock(&self.0);
        idle.close_old(now);
        !idle.kept.is_empty()
    }

    /// Keeps a connection, for a while. Called on the runtime that serves it.
    pub(crate) fn put(&self, connection: T, now: Instant) {
        let mut idle = lock(&self.0);
        idle.kept.push_back((connection, now));
        if std::mem::replace(&mut idle.is_watched, true) {
            return;
        }
        drop(idle);
        let pool = Arc::downgrade(&self.0);
        Tasks::new(Handle::current()).spawn("close idle connections", close_in_time(pool));
    }
}

impl<T> Idle<T> {
    fn close_old(&mut self, now: Instant) {
        let patience = self.patience;
        let is_old = |since: Instant| now.saturating_duration_since(since) >= patience;
        while self.kept.front().is_some_and(|(_, since)| is_old(*since)) {
            self.kept.pop_front();
        }
    }
}

/// Closes what grows old, until nothing is left or the account is gone.
async fn close_in_time<T>(pool: Weak<Mutex<Idle<T>>>) {
    while let Some(next) = close_old(&pool) {
        sleep_until(next).await;
    }
}

/// Closes what is old, and says when the next one will be.
fn close_old<T>(pool: &Weak<Mutex<Idle<T>>>) -> Option<Instant> {
    let pool = pool.upgrade()?;
    let mut idle = lock(&pool);
    idle.close_old(clock::instant());
    let next = idle.kept.front().map(|(_, since)| *since + idle.patience);
    idle.is_watched = next.is_some();
    next
}

fn lock<T>(pool: &Mutex<Idle<T>>) -> MutexGuard<'_, Idle<T>> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_in_time_though_no_message_comes() {
        let pool = Pool::keeping_for(KEPT);
        let connections = [Arc::new(()), Arc::new(())];
        let open = || {
            connections
                .iter()
                .map(|one| Arc::strong_count(one) - 1)
                .sum::<usize>()
        };
        pool.put(Arc::clone(&connections[0]), clock::instant());
        tokio::time::advance(KEPT / 2).await;
        pool.put(Arc::clone(&connections[1]), clock::instant());
        tokio::time::sleep(KEPT * 2 / 3).await;
        assert_eq!(open(), 1, "the eldest is closed");
        tokio::time::sleep(KEPT).await;
        assert_eq!(open(), 0);
        pool.put(Arc::clone(&connections[0]), clock::instant());
        tokio::time::sleep(KEPT * 2).await;
        assert_eq!(open(), 0, "and so is what is kept later");
    }

    #[tokio::test(start_paused = true)]
    async fn the_youngest_is_used_first_and_none_that_is_old() {
        let pool = Pool::keeping_for(KEPT);
        let start = clock::instant();
        pool.put(1, start);
        pool.put(2, start);
        assert_eq!(pool.take(start), Some(2));
        assert_eq!(pool.take(start + KEPT), None);
    }
}
