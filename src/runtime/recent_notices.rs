//! The last notices: whoever reads something learns what was named meanwhile.

use std::collections::VecDeque;

/// Notices that are remembered.
pub const REMEMBERED: usize = 1_024;

/// What the last notices named, the newest last, and how many there have been.
#[derive(Debug)]
pub struct RecentNotices<T> {
    count: u64,
    recent: VecDeque<T>,
}

impl<T> Default for RecentNotices<T> {
    fn default() -> Self {
        Self {
            count: 0,
            recent: VecDeque::new(),
        }
    }
}

impl<T> RecentNotices<T> {
    /// How many there have been: to be asked before a reading begins.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// One named this.
    pub fn add(&mut self, named: T) {
        self.count += 1;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(named);
    }

    /// What those named that came after so many; `None` when that is no longer known.
    pub fn since(&self, count: u64) -> Option<impl Iterator<Item = &T>> {
        let missed = usize::try_from(self.count.saturating_sub(count)).ok()?;
        let first = self.recent.len().checked_sub(missed)?;
        Some(self.recent.iter().skip(first))
    }

    /// Nobody knows any more what was said until now.
    pub fn miss_some(&mut self) {
        self.count += 1;
        self.recent.clear();
    }
}
