//! Whose turn it was: nobody waits longer than the queue promises.

use std::collections::{BTreeMap, BTreeSet};

use herald::machine::Guard;
use herald::machine::queue::Queue;
use uuid::Uuid;

/// Whose turn it was in one queue: nobody waits longer than the queue promises.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Items of other lines served while this one waited.
    passed: BTreeMap<usize, u32>,
    /// By line and tenant: how many wait, and how many others of the line were served meanwhile.
    waiting: BTreeMap<(usize, Uuid), (u32, u32)>,
}

/// Tenants that a plan has at most.
const TENANTS: u32 = 3;

impl Turns {
    pub(crate) fn pushed(&mut self, line: usize, tenant: Uuid) {
        self.waiting.entry((line, tenant)).or_default().0 += 1;
    }

    /// An item was served.
    ///
    /// # Errors
    /// Who waited too long for it.
    pub(crate) fn popped(
        &mut self,
        line: usize,
        tenant: Uuid,
        queue: &Queue<impl Guard>,
    ) -> Result<(), String> {
        self.left(line, tenant);
        if let Some((_, passed)) = self.waiting.get_mut(&(line, tenant)) {
            *passed = 0;
        }
        self.passed.remove(&line);
        let lines: BTreeSet<usize> = self.waiting.keys().map(|(line, _)| *line).collect();
        for other in lines.into_iter().filter(|other| *other != line) {
            let passed = self.passed.entry(other).or_default();
            *passed += 1;
            if *passed > queue.bound(other) {
                return Err(format!(
                    "line {other} starves: {passed} were served before it"
                ));
            }
        }
        for ((of, other), (_, passed)) in &mut self.waiting {
            if *of == line && *other != tenant {
                *passed += 1;
                if *passed >= TENANTS {
                    return Err(format!(
                        "tenant {other} starves: {passed} were served before it"
                    ));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn left(&mut self, line: usize, tenant: Uuid) {
        if let Some((count, _)) = self.waiting.get_mut(&(line, tenant)) {
            *count -= 1;
            if *count == 0 {
                self.waiting.remove(&(line, tenant));
            }
        }
        if !self.waiting.keys().any(|(of, _)| *of == line) {
            self.passed.remove(&line);
        }
    }
}
