//! Whether the engine still moves: what `/livez` answers from.
//!
//! All actors share one arbiter, and none waits within it: when the arbiter moves, they can.
//! Everything that waits is a task of the IO runtime.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::clock;

/// Time between two signs of life.
const BEAT: Duration = Duration::from_secs(1);
/// Time without one after which a part stands still. A machine that is merely busy is never so late.
const STILL: Duration = Duration::from_secs(30);

/// Signs of life by part. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    beats: Arc<Mutex<BTreeMap<&'static str, Instant>>>,
}

impl Pulse {
    /// Gives signs of life of whatever polls it, for as long as that moves.
    pub async fn keep(self, part: &'static str) {
        loop {
            self.beat(part);
            tokio::time::sleep(BEAT).await;
        }
    }

    /// The part moves.
    pub fn beat(&self, part: &'static str) {
        self.lock().insert(part, clock::instant());
    }

    /// The parts that stand still, with since when.
    #[must_use]
    pub fn still(&self) -> BTreeMap<&'static str, Duration> {
        let now = clock::instant();
        let beats = self.lock();
        let since = beats
            .iter()
            .map(|(part, beat)| (*part, now.saturating_duration_since(*beat)));
        since.filter(|(_, since)| *since >= STILL).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Instant>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silent_part_stands_still_until_its_next_beat() {
        let pulse = Pulse::default();
        pulse.beat("actors");
        let beating = pulse.clone().keep("io");
        tokio::select! {
            () = beating => {}
            () = tokio::time::sleep(STILL + BEAT) => {}
        }
        let still: Vec<_> = pulse.still().into_keys().collect();
        assert_eq!(still, ["actors"]);
        pulse.beat("actors");
        assert!(pulse.still().is_empty());
    }
}
