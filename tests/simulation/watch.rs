//! What has been seen so far, and the story of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::run::Run;

#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) verbose: bool,
    pub(crate) story: Vec<(Option<usize>, String)>,
    /// The first invariant that did not hold, and of which notification.
    pub(crate) broken: Option<(Option<usize>, String)>,
    pub(crate) published: BTreeSet<usize>,
    /// In hand when a node died, or given back with a place under a cap, so that what was counted or asked
    /// may be unknown.
    pub(crate) bereft: BTreeSet<usize>,
    pub(crate) open_until: BTreeMap<(Run, usize), Duration>,
    pub(crate) probing: BTreeSet<(Run, usize)>,
    pub(crate) wait_until: BTreeMap<(Run, usize), Duration>,
    /// Of accounts with a limit, over all nodes: from when to when nobody asks.
    pub(crate) all_wait: BTreeMap<usize, Vec<(Duration, Duration)>>,
    pub(crate) seen: Seen,
}

/// Counts, to see that a run has seen something of everything.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) published: u64,
    pub(crate) events: u64,
    pub(crate) requests: u64,
    pub(crate) probes: u64,
    pub(crate) crashes: u64,
    pub(crate) stops: u64,
    pub(crate) leases_lost: u64,
    pub(crate) given_back: u64,
    pub(crate) routed_anew: u64,
    pub(crate) handed_over: u64,
    pub(crate) sent: u64,
    pub(crate) cancelled: u64,
    pub(crate) failed: u64,
    pub(crate) endless: u64,
    pub(crate) twice_answer_lost: u64,
    pub(crate) twice_node_died: u64,
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.published += other.published;
        self.events += other.events;
        self.requests += other.requests;
        self.probes += other.probes;
        self.crashes += other.crashes;
        self.stops += other.stops;
        self.leases_lost += other.leases_lost;
        self.given_back += other.given_back;
        self.routed_anew += other.routed_anew;
        self.handed_over += other.handed_over;
        self.sent += other.sent;
        self.cancelled += other.cancelled;
        self.failed += other.failed;
        self.endless += other.endless;
        self.twice_answer_lost += other.twice_answer_lost;
        self.twice_node_died += other.twice_node_died;
    }
}

impl Seen {
    /// Whether everything that makes a history hard has happened at all.
    pub(crate) const fn has_everything(&self) -> bool {
        self.probes > 0
            && self.crashes > 0
            && self.stops > 0
            && self.leases_lost > 0
            && self.given_back > 0
            && self.routed_anew > 0
            && self.handed_over > 0
            && self.sent > 0
            && self.cancelled > 0
            && self.failed > 0
            && self.twice_answer_lost > 0
            && self.twice_node_died > 0
    }
}

impl Watch {
    pub(crate) fn new(verbose: bool) -> Self {
        Self {
            verbose,
            ..Self::default()
        }
    }

    pub(crate) fn break_off(&mut self, number: Option<usize>, what: String) {
        self.broken.get_or_insert((number, what));
    }

    pub(crate) fn died(&mut self, run: Run, in_hand: &[usize]) {
        self.seen.crashes += 1;
        self.bereft.extend(in_hand);
        self.open_until.retain(|(of, _), _| *of != run);
        self.probing.retain(|(of, _)| *of != run);
        self.wait_until.retain(|(of, _), _| *of != run);
    }

    pub(crate) fn opened(&mut self, run: Run, account: usize, until: Duration) {
        self.open_until.insert((run, account), until);
    }

    pub(crate) fn probed(&mut self, run: Run, account: usize) {
        self.probing.remove(&(run, account));
    }

    pub(crate) fn asked_to_wait(
        &mut self,
        run: Run,
        account: usize,
        now: Duration,
        wait: Duration,
    ) {
        let until = self.wait_until.entry((run, account)).or_default();
        *until = (*until).max(now + wait);
        // Told to the others within a moment, and what they hold of tokens by then is theirs.
        let heard = now + Duration::from_secs(1);
        self.all_wait
            .entry(account)
            .or_default()
            .push((heard, now + wait));
    }

    /// The story of one notification, and of what concerns all; of everything without a number.
    pub(crate) fn story_of(&self, number: Option<usize>) -> impl Iterator<Item = &str> {
        let concerns = move |(of, _): &&(Option<usize>, String)| {
            number.is_none() || of.is_none() || *of == number
        };
        self.story
            .iter()
            .filter(concerns)
            .map(|(_, line)| line.as_str())
    }
}
