//! Database work that has begun and not succeeded: what `/readyz` says of the part `database work`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::runtime::clock;

/// All of this process.
pub static UNFINISHED: UnfinishedWork = UnfinishedWork::new();

/// Work under way, in the order of its beginning.
#[derive(Debug)]
pub struct UnfinishedWork(Mutex<WorkList>);

/// One piece of work; dropped when it has succeeded, or is given up.
#[derive(Debug)]
pub struct PieceOfWork {
    list: &'static UnfinishedWork,
    number: u64,
}

#[derive(Debug)]
struct WorkList {
    next: u64,
    begun: BTreeMap<u64, BegunWork>,
}

#[derive(Debug)]
struct BegunWork {
    doing: &'static str,
    since: Instant,
    /// Why it failed last.
    error: Option<String>,
}

impl UnfinishedWork {
    const fn new() -> Self {
        Self(Mutex::new(WorkList {
            next: 0,
            begun: BTreeMap::new(),
        }))
    }

    /// Work begins.
    pub fn begin(&'static self, doing: &'static str) -> PieceOfWork {
        let begun = BegunWork {
            doing,
            since: clock::instant(),
            error: None,
        };
        let mut list = self.lock();
        let number = list.next;
        list.next = list.next.wrapping_add(1);
        list.begun.insert(number, begun);
        PieceOfWork { list: self, number }
    }

    /// What is said of the work that began first, if that was so long ago.
    #[must_use]
    pub fn for_longer_than(&self, span: Duration, now: Instant) -> Option<String> {
        let list = self.lock();
        let (_, first) = list.begun.first_key_value()?;
        let lasts = now.saturating_duration_since(first.since);
        let why = first.error.as_deref().unwrap_or("no answer yet");
        let said = || {
            let (doing, seconds) = (first.doing, lasts.as_secs());
            format!("{doing} has not succeeded for {seconds} s: {why}")
        };
        (lasts > span).then(said)
    }

    fn lock(&self) -> MutexGuard<'_, WorkList> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PieceOfWork {
    /// It failed, and is tried again.
    pub fn failed(&self, error: &impl ToString) {
        if let Some(begun) = self.list.lock().begun.get_mut(&self.number) {
            begun.error = Some(error.to_string());
        }
    }
}

impl Drop for PieceOfWork {
    fn drop(&mut self) {
        self.list.lock().begun.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_that_began_first_is_told_of_until_it_ends() {
        static LIST: UnfinishedWork = UnfinishedWork::new();
        let span = Duration::from_secs(5);
        let first = LIST.begin("looking");
        let second = LIST.begin("storing");
        let now = clock::instant();
        assert_eq!(LIST.for_longer_than(span, now), None);
        let later = now + Duration::from_secs(7);
        let said = LIST.for_longer_than(span, later).unwrap();
        assert!(said.ends_with("s: no answer yet"), "{said}");
        first.failed(&"permission denied");
        let said = LIST.for_longer_than(span, later).unwrap();
        assert!(
            said.starts_with("looking has not succeeded for 7 s"),
            "{said}"
        );
        assert!(said.ends_with("permission denied"), "{said}");
        drop(first);
        let said = LIST.for_longer_than(span, later).unwrap();
        assert!(said.starts_with("storing"), "{said}");
        drop(second);
        assert_eq!(LIST.for_longer_than(span, later), None);
    }
}
