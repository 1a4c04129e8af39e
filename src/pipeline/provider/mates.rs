//! Who may share a request: messages of one tenant that say the same to different addresses.

use std::collections::HashSet;

use super::super::jobs::Job;
use super::tokens::{Token, Tokens};
use crate::domain::{Class, Priority, Step};
use crate::resilience::Joins;

/// So many that differ are looked past for one that says the same, and so many more for each that was
/// found: campaigns in a few languages come mixed, and where everybody's text is their own the look
/// must cost next to nothing.
const LOOK_PAST: usize = 8;
const LOOK_PAST_FOR_EACH: usize = 4;

/// Finds those that wait behind a job and can share its request, with a token for each.
pub(super) struct Mates<'t> {
    tokens: &'t Tokens,
    most: usize,
    taken: Vec<Token>,
    passed: usize,
    /// Addresses that are served, or that wait: for these nothing that comes later goes before.
    addresses: HashSet<String>,
}

impl<'t> Mates<'t> {
    /// At most so many messages in the request, the first one included.
    pub(super) fn new(tokens: &'t Tokens, most: usize) -> Self {
        Self {
            tokens,
            most,
            taken: vec![],
            passed: 0,
            addresses: HashSet::new(),
        }
    }

    /// Whether `next` joins `first`.
    pub(super) fn joins(&mut self, first: &Job, next: &Job) -> Joins {
        if self.taken.len() + 1 >= self.most {
            return Joins::Stop;
        }
        if self.addresses.is_empty() {
            if !may_share(first) {
                return Joins::Stop;
            }
            self.most = self.most.min(first.most_at_once);
            self.addresses.extend(addresses(first));
        }
        let is_new = addresses(next).fold(true, |new, one| self.addresses.insert(one) && new);
        if !(is_new && self.fits(first, next)) {
            self.passed += 1;
            let patience = LOOK_PAST + LOOK_PAST_FOR_EACH * self.taken.len();
            return match self.passed < patience {
                true => Joins::No,
                false => Joins::Stop,
            };
        }
        // Nobody waits for a token here: what has none goes with another request.
        let Some(token) = self.tokens.take() else {
            return Joins::Stop;
        };
        self.taken.push(token);
        self.most = self.most.min(next.most_at_once);
        Joins::Yes
    }

    /// The tokens of those that joined.
    pub(super) fn into_tokens(self) -> Vec<Token> {
        self.taken
    }

    fn fits(&self, first: &Job, next: &Job) -> bool {
        let many = self.taken.len() + 2;
        may_share(next) && many <= next.most_at_once && first.content == next.content
    }
}

fn addresses(job: &Job) -> impl Iterator<Item = String> {
    // As a provider compares them, which takes no two of one request for different.
    job.targets
        .iter()
        .map(|target| target.address.trim().to_lowercase())
}

/// Those that can still share a request after their addresses may have changed, and the others.
pub(super) fn distinct(jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let mut known = HashSet::new();
    jobs.into_iter()
        .partition(|job| may_share(job) && addresses(job).all(|one| known.insert(one)))
}

/// Whether it may share a request at all. Urgent ones are never held up by the size of one; a suspect
/// is worked alone; and what has failed before may be what makes a request fail.
fn may_share(job: &Job) -> bool {
    let notification = &job.notification;
    matches!(notification.lane.priority, Priority::Normal | Priority::Low)
        && job.targets.len() == 1
        && job.most_at_once > 1
        && !job.hold.is_suspects()
        && !notification
            .attempts
            .iter()
            .any(|record| is_telling(&record.step))
}

/// Whether this says something of the message, and not only of the account.
fn is_telling(step: &Step) -> bool {
    match step {
        Step::Attempt { class, .. } => {
            matches!(class, Class::Transient | Class::Unknown | Class::Permanent)
        }
        Step::Deferred { .. } | Step::Replayed { .. } => false,
    }
}
