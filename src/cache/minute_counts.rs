//! How often something came in a minute, for very many of whom it may come.

use std::hash::Hash;
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::domain::RateStanding;

/// The span in which they are counted.
const SPAN: Duration = Duration::from_secs(60);
/// Most of whom the count is remembered.
const MOST: usize = 10_000;

/// How often it came, by whom.
#[derive(Debug)]
pub struct MinuteCounts<K: Hash + Eq> {
    most: u32,
    seen: Cache<K, (u32, Instant)>,
}

impl<K: Hash + Eq + Clone> MinuteCounts<K> {
    /// So often a minute; without a limit, when it is 0.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self {
            most,
            seen: Cache::new(MOST),
        }
    }

    /// For how long no more of it is taken from them.
    pub fn blocked(&self, whose: &K, now: Instant) -> Option<Duration> {
        if self.most == 0 {
            return None;
        }
        let (count, since) = self.seen.get(whose)?;
        let left = SPAN.checked_sub(now.duration_since(since))?;
        (count >= self.most).then_some(left)
    }

    /// How many more of it are taken from them, and for how long that holds; `None` without a limit.
    pub fn standing(&self, whose: &K, now: Instant) -> Option<RateStanding> {
        if self.most == 0 {
            return None;
        }
        let seen = self.seen.get(whose);
        let seen = seen.and_then(|(count, since)| {
            let left = SPAN.checked_sub(now.duration_since(since))?;
            Some((count, left))
        });
        let (count, reset) = seen.unwrap_or((0, Duration::ZERO));
        Some(RateStanding {
            limit: self.most,
            remaining: self.most.saturating_sub(count),
            reset,
        })
    }

    /// It came once more.
    pub fn note(&self, whose: K, now: Instant) {
        if self.most == 0 {
            return;
        }
        let seen = self.seen.get(&whose);
        let seen = seen.filter(|(_, since)| now.duration_since(*since) < SPAN);
        let (count, since) = seen.unwrap_or((0, now));
        self.seen.insert(whose, (count.saturating_add(1), since));
    }
}
