//! Which lanes are consumed, and whether the broker has what they need: what `/readyz` says of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::error::BrokerError;
use crate::domain::Lane;
use crate::runtime::Health;

/// Names of the parts.
const LANES: &str = "lanes";
const TOPOLOGY: &str = "topology";
const NOT_YET: &str = "not consumed yet";

/// How every lane of this node stands.
#[derive(Debug)]
pub(super) struct LaneStandings {
    health: Health,
    /// By lane, in their order: its name, and what ails it.
    lanes: Mutex<BTreeMap<usize, (String, Option<String>)>>,
    topology: Mutex<Option<String>>,
}

impl LaneStandings {
    /// No lane is consumed yet.
    pub(super) fn new(health: Health, lanes: impl Iterator<Item = Lane>) -> Self {
        let waiting = |lane: Lane| {
            let ailment = Some(NOT_YET.to_owned());
            (lane.index(), (lane.to_string(), ailment))
        };
        let standing = Self {
            health,
            lanes: Mutex::new(lanes.map(waiting).collect()),
            topology: Mutex::new(None),
        };
        standing.tell(&locked(&standing.lanes));
        standing
    }

    /// Whether the lane is consumed, or paused.
    pub(super) fn works(&self, lane: Lane) -> bool {
        let lanes = locked(&self.lanes);
        lanes
            .get(&lane.index())
            .is_some_and(|(_, ailment)| ailment.is_none())
    }

    /// The lane is consumed, or paused.
    pub(super) fn consumed(&self, lane: Lane) {
        let before = self.set(lane, None).flatten();
        if before.is_some_and(|ailment| ailment != NOT_YET) {
            tracing::info!(%lane, "a lane is consumed again");
        }
    }

    /// The lane cannot be consumed. Said in the log when it is news.
    pub(super) fn fails(&self, lane: Lane, error: &BrokerError) {
        let words = error.words();
        if self.set(lane, Some(words.clone())).is_some() {
            tracing::warn!(%lane, error = words, "a lane cannot be consumed; trying again");
        }
    }

    /// What is wrong with exchanges and queues that all lanes share.
    pub(super) fn topology(&self, problems: &[BrokerError]) {
        let words: Vec<String> = problems.iter().map(BrokerError::words).collect();
        let ailment = (!words.is_empty()).then(|| words.join("; "));
        let mut told = locked(&self.topology);
        if *told != ailment
            && let Some(error) = &ailment
        {
            tracing::warn!(error, "exchanges or queues cannot be declared");
        }
        told.clone_from(&ailment);
        match ailment {
            Some(ailment) => self.health.down(TOPOLOGY, ailment),
            None => self.health.up(TOPOLOGY),
        }
    }

    /// Returns what was known before, when that was something else.
    fn set(&self, lane: Lane, ailment: Option<String>) -> Option<Option<String>> {
        let mut lanes = locked(&self.lanes);
        let (_, known) = lanes.get_mut(&lane.index())?;
        if *known == ailment {
            return None;
        }
        let before = std::mem::replace(known, ailment);
        self.tell(&lanes);
        Some(before)
    }

    /// Lanes that ail in the same way are named together.
    fn tell(&self, lanes: &BTreeMap<usize, (String, Option<String>)>) {
        let mut ailments: Vec<(&str, Vec<&str>)> = vec![];
        for (name, ailment) in lanes.values() {
            let Some(ailment) = ailment else { continue };
            match ailments.iter_mut().find(|(known, _)| known == ailment) {
                Some((_, names)) => names.push(name),
                None => ailments.push((ailment, vec![name])),
            }
        }
        if ailments.is_empty() {
            return self.health.up(LANES);
        }
        let each = ailments
            .iter()
            .map(|(ailment, names)| format!("{}: {ailment}", names.join(", ")));
        self.health.down(LANES, each.collect::<Vec<_>>().join("; "));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_that_are_not_consumed_are_named_with_what_ails_them() {
        let health = Health::new();
        let lanes: Vec<Lane> = Lane::all().take(3).collect();
        let standing = LaneStandings::new(health.clone(), lanes.iter().copied());
        let ailment = || health.parts()[LANES].clone();
        let [a, b, c] = [lanes[0], lanes[1], lanes[2]];
        assert_eq!(ailment(), Some(format!("{a}, {b}, {c}: not consumed yet")));
        standing.consumed(a);
        let error = || BrokerError::NotTaken("no");
        standing.fails(b, &error());
        standing.fails(c, &error());
        let words = error().words();
        assert_eq!(ailment(), Some(format!("{b}, {c}: {words}")));
        assert!(standing.works(a) && !standing.works(b));
        standing.consumed(b);
        standing.consumed(c);
        assert_eq!(ailment(), None);
        assert!(health.is_ready());
        standing.topology(&[error()]);
        assert_eq!(health.parts()[TOPOLOGY], Some(words));
        standing.topology(&[]);
        assert!(health.is_ready());
    }
}
