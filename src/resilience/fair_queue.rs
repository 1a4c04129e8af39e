//! Who is next: the most urgent first, yet nobody for ever last.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// How many items of lines above it may be served, one after the other, while a line waits; by
/// the line's position. The first line has nobody above it. The last number holds for all further
/// lines.
///
/// With all lines full, of 64 places the second line gets at least 7, the third 3, the fourth one.
pub const PATIENCE: [u32; 4] = [0, 8, 16, 32];

/// Lines by urgency; in each the tenants in turn, and what one tenant sent in its order.
#[derive(Debug)]
pub struct FairQueue<K, T> {
    lines: Vec<PriorityLine<K, T>>,
    len: usize,
}

#[derive(Debug)]
struct PriorityLine<K, T> {
    /// Tenants with something to do, each once, the next one first.
    turns: VecDeque<K>,
    waiting: HashMap<K, VecDeque<T>>,
    /// Items of lines above that were served since this one was, while it waited.
    passed_over: u32,
}

/// Whether an item goes in the turn of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joins {
    /// It does.
    Yes,
    /// It keeps its place; the next one may.
    No,
    /// It keeps its place, and so do all behind it.
    Stop,
}

impl<K: Copy + Eq + Hash, T> FairQueue<K, T> {
    /// An empty queue of this many lines, the most urgent one at 0.
    #[must_use]
    pub fn new(lines: usize) -> Self {
        Self {
            lines: (0..lines.max(1)).map(|_| PriorityLine::new()).collect(),
            len: 0,
        }
    }

    /// Most items that are served before a waiting item's line is served, whatever else arrives.
    ///
    /// The line's own patience, and one turn for each other line whose patience ended too.
    #[must_use]
    pub fn bound(&self, line: usize) -> u32 {
        patience(line).saturating_add(u32::try_from(self.lines.len()).unwrap_or(u32::MAX))
    }

    /// Puts an item at the end of its tenant's; a line that is not there is the last one.
    pub fn push(&mut self, line: usize, tenant: K, item: T) {
        let last = self.lines.len().saturating_sub(1);
        if let Some(line) = self.lines.get_mut(line.min(last)) {
            line.push(tenant, item);
            self.len += 1;
        }
    }

    /// Puts an item back before what its tenant has in the line: it had its turn, and was not served.
    pub fn push_front(&mut self, line: usize, tenant: K, item: T) {
        let last = self.lines.len().saturating_sub(1);
        if let Some(line) = self.lines.get_mut(line.min(last)) {
            line.push_front(tenant, item);
            self.len += 1;
        }
    }

    /// Takes the next item.
    pub fn pop(&mut self) -> Option<T> {
        self.pop_with(|_, _| Joins::Stop).map(|(item, _)| item)
    }

    /// Takes the next item, and in the same turn those that its tenant has behind it in the line, as
    /// far as `joins` says so: it is given the item and each of them, in their order.
    pub fn pop_with(&mut self, joins: impl FnMut(&T, &T) -> Joins) -> Option<(T, Vec<T>)> {
        let overdue = |(at, line): (usize, &PriorityLine<K, T>)| {
            at > 0 && !line.turns.is_empty() && line.passed_over >= patience(at)
        };
        let at = match (0..).zip(&self.lines).position(overdue) {
            Some(at) => at,
            None => self.lines.iter().position(|line| !line.turns.is_empty())?,
        };
        let (item, others) = self.lines.get_mut(at)?.pop_with(joins)?;
        self.len -= 1 + others.len();
        for line in self.lines.iter_mut().skip(at + 1) {
            if !line.turns.is_empty() {
                line.passed_over = line.passed_over.saturating_add(1);
            }
        }
        Some((item, others))
    }

    /// Whether nobody waits but one tenant in one line.
    #[must_use]
    pub fn is_of_one(&self) -> bool {
        self.lines
            .iter()
            .map(|line| line.turns.len())
            .sum::<usize>()
            == 1
    }

    /// How many items wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many items of a tenant wait, in all lines.
    #[must_use]
    pub fn len_of(&self, tenant: &K) -> usize {
        let of = |line: &PriorityLine<K, T>| line.waiting.get(tenant).map_or(0, VecDeque::len);
        self.lines.iter().map(of).sum()
    }

    /// The oldest items of each tenant in each line, as far as `wanted` says so.
    pub fn drain_while(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut taken = vec![];
        for line in &mut self.lines {
            for queue in line.waiting.values_mut() {
                while queue.front().is_some_and(&mut wanted) {
                    taken.extend(queue.pop_front());
                }
            }
            line.forget_empty();
        }
        self.len -= taken.len();
        taken
    }

    /// All items that are `wanted`, wherever they stand.
    pub fn take_where(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut taken = vec![];
        for line in &mut self.lines {
            for queue in line.waiting.values_mut() {
                let (out, kept) = queue.drain(..).partition(&mut wanted);
                let out: VecDeque<T> = out;
                taken.extend(out);
                *queue = kept;
            }
            line.forget_empty();
        }
        self.len -= taken.len();
        taken
    }

    /// The oldest item of each tenant in each line.
    pub fn fronts(&self) -> impl Iterator<Item = &T> {
        self.lines
            .iter()
            .flat_map(|line| line.waiting.values().filter_map(VecDeque::front))
    }

    /// How many tenants wait.
    #[must_use]
    pub fn tenants(&self) -> usize {
        self.all_tenants().len()
    }

    /// Takes out of every tenant that has more than `keep` what is beyond that, as far as `may_go`
    /// says so: of the least urgent lines first, in each the newest. The first line is left alone.
    pub fn take_excess(&mut self, keep: usize, mut may_go: impl FnMut(&T) -> bool) -> Vec<(K, T)> {
        let mut taken = vec![];
        for tenant in self.all_tenants() {
            let mut beyond = self.len_of(&tenant).saturating_sub(keep);
            for line in self.lines.iter_mut().skip(1).rev() {
                let Some(queue) = line.waiting.get_mut(&tenant) else {
                    continue;
                };
                let mut at = queue.len();
                while beyond > 0 && at > 0 {
                    at -= 1;
                    if queue.get(at).is_some_and(&mut may_go) {
                        taken.extend(queue.remove(at).map(|item| (tenant, item)));
                        beyond -= 1;
                    }
                }
            }
        }
        self.lines.iter_mut().for_each(PriorityLine::forget_empty);
        self.len -= taken.len();
        taken
    }

    fn all_tenants(&self) -> HashSet<K> {
        let of = |line: &PriorityLine<K, T>| line.waiting.keys().copied().collect::<Vec<_>>();
        self.lines.iter().flat_map(of).collect()
    }

    /// Takes all that waits, the most urgent lines first.
    pub fn drain(&mut self) -> Vec<T> {
        let mut taken = Vec::with_capacity(self.len);
        for line in &mut self.lines {
            while let Some((item, _)) = line.pop_with(|_, _| Joins::Stop) {
                taken.push(item);
            }
        }
        self.len = 0;
        taken
    }
}

impl<K: Copy + Eq + Hash, T> PriorityLine<K, T> {
    fn new() -> Self {
        Self {
            turns: VecDeque::new(),
            waiting: HashMap::new(),
            passed_over: 0,
        }
    }

    fn push(&mut self, tenant: K, item: T) {
        let queue = self.waiting.entry(tenant).or_default();
        if queue.is_empty() {
            self.turns.push_back(tenant);
        }
        queue.push_back(item);
    }

    fn push_front(&mut self, tenant: K, item: T) {
        let queue = self.waiting.entry(tenant).or_default();
        if queue.is_empty() {
            self.turns.push_back(tenant);
        }
        queue.push_front(item);
    }

    fn pop_with(&mut self, mut joins: impl FnMut(&T, &T) -> Joins) -> Option<(T, Vec<T>)> {
        self.passed_over = 0;
        let tenant = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&tenant)?;
        let item = queue.pop_front()?;
        let (mut others, mut at) = (vec![], 0);
        while let Some(next) = queue.get(at) {
            match joins(&item, next) {
                Joins::Yes => others.extend(queue.remove(at)),
                Joins::No => at += 1,
                Joins::Stop => break,
            }
        }
        if queue.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        Some((item, others))
    }

    fn forget_empty(&mut self) {
        self.waiting.retain(|_, queue| !queue.is_empty());
        let waiting = &self.waiting;
        self.turns.retain(|tenant| waiting.contains_key(tenant));
        if self.turns.is_empty() {
            self.passed_over = 0;
        }
    }
}

fn patience(line: usize) -> u32 {
    let last = PATIENCE.last().copied().unwrap_or(0);
    PATIENCE.get(line).copied().unwrap_or(last)
}

#[cfg(test)]
mod tests;
