//! The jobs that wait for an account.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::super::jobs::Job;
use crate::domain::Priority;

/// Waiting jobs, the most urgent first, in order of arrival within a priority.
#[derive(Debug)]
pub(super) struct JobQueue {
    lines: Mutex<Vec<VecDeque<Job>>>,
}

impl Default for JobQueue {
    fn default() -> Self {
        Self {
            lines: Mutex::new(empty()),
        }
    }
}

impl JobQueue {
    pub(super) fn extend(&self, jobs: Vec<Job>) {
        let mut lines = self.lock();
        for job in jobs {
            if let Some(line) = lines.get_mut(job.notification.lane.priority.index()) {
                line.push_back(job);
            }
        }
    }

    pub(super) fn pop(&self) -> Option<Job> {
        self.lock().iter_mut().find_map(VecDeque::pop_front)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().iter().map(VecDeque::len).sum()
    }

    /// Drops what waits, which returns it; outside of the lock, since that does other work.
    pub(super) fn clear(&self) {
        let dropped = std::mem::replace(&mut *self.lock(), empty());
        drop(dropped);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<VecDeque<Job>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn empty() -> Vec<VecDeque<Job>> {
    Priority::ALL.iter().map(|_| VecDeque::new()).collect()
}
