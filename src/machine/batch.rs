//! Who may share a request: messages of one tenant that say the same to different addresses.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::account::RateToken;
use super::job::{Guard, Job};
use crate::domain::{Class, Content, Priority, Step, Target};
use crate::resilience::Joins;

/// So many that differ are looked past for one that says the same, and so many more for each that was
/// found: a campaign in two languages comes mixed, and where everybody's text is their own the look
/// must cost next to nothing.
const LOOK_PAST: usize = 4;
const LOOK_PAST_FOR_EACH: usize = 4;

/// A job, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Whether it may share a request at all.
    may_share: bool,
    most_at_once: usize,
    content: &'a Content,
    targets: &'a [Target],
}

/// Finds those that wait behind a job and can share its request, with a token for each.
#[derive(Debug)]
pub struct Candidates<F> {
    /// Takes a token, if one is at hand.
    token: F,
    most: usize,
    taken: Vec<RateToken>,
    passed: usize,
    /// Addresses that are served or were looked past: for these nothing goes before what came earlier.
    addresses: Vec<u64>,
}

impl<F: FnMut() -> Option<RateToken>> Candidates<F> {
    /// At most so many messages in the request, the first one included.
    pub const fn new(token: F, most: usize) -> Self {
        Self {
            token,
            most,
            taken: vec![],
            passed: 0,
            addresses: vec![],
        }
    }

    /// Whether `next` joins `first`.
    pub fn joins(&mut self, first: Candidate<'_>, next: Candidate<'_>) -> Joins {
        if !first.may_share {
            return Joins::Stop;
        }
        if self.addresses.is_empty() {
            self.most = self.most.min(first.most_at_once);
            self.addresses.extend(first.addresses());
        }
        let many = self.taken.len() + 2;
        if many > self.most {
            return Joins::Stop;
        }
        let fits = next.may_share
            && many <= next.most_at_once
            && next.content == first.content
            && next.addresses().all(|one| !self.addresses.contains(&one));
        self.addresses.extend(next.addresses());
        if !fits {
            self.passed += 1;
            let patience = LOOK_PAST + LOOK_PAST_FOR_EACH * self.taken.len();
            return match self.passed < patience {
                true => Joins::No,
                false => Joins::Stop,
            };
        }
        // Nobody waits for a token here: what has none goes with another request.
        let Some(token) = (self.token)() else {
            return Joins::Stop;
        };
        self.taken.push(token);
        self.most = self.most.min(next.most_at_once);
        Joins::Yes
    }

    /// The tokens of those that joined.
    #[must_use]
    pub fn into_tokens(self) -> Vec<RateToken> {
        self.taken
    }
}

impl<'a> Candidate<'a> {
    /// Only bulk shares: others are not held up by the size of a request. A suspect is worked alone;
    /// and what has failed before may be what makes a request fail.
    #[must_use]
    pub fn of<G: Guard>(job: &'a Job<G>) -> Self {
        let notification = &job.notification;
        let is_bulk = notification.lane.priority == Priority::Low;
        let mut steps = notification.attempts.iter().map(|record| &record.step);
        let may_share =
            is_bulk && job.targets.len() == 1 && !job.claim.is_alone() && !steps.any(is_telling);
        Self {
            may_share,
            most_at_once: job.most_at_once,
            content: &job.content,
            targets: &job.targets,
        }
    }

    /// A number for each address, the same for those that a provider may take for the same. Two that
    /// share one by chance only miss each other's company.
    fn addresses(self) -> impl Iterator<Item = u64> + 'a {
        self.targets.iter().map(|target| {
            let mut hasher = DefaultHasher::new();
            for letter in target.address.trim().chars() {
                letter.to_lowercase().for_each(|one| one.hash(&mut hasher));
            }
            hasher.finish()
        })
    }
}

/// Whether this says something of the message, and not only of the account.
fn is_telling(step: &Step) -> bool {
    match step {
        Step::Attempt { class, .. } => {
            matches!(class, Class::Transient | Class::Unknown | Class::Permanent)
        }
        Step::NodeDied { .. } => true,
        Step::Deferred { .. }
        | Step::AccountGone { .. }
        | Step::Replayed { .. }
        | Step::Cancelled { .. } => false,
    }
}

/// Those that can still share a request after their addresses may have changed, and the others.
#[must_use]
pub fn distinct<G: Guard>(jobs: Vec<Job<G>>) -> (Vec<Job<G>>, Vec<Job<G>>) {
    let mut known = vec![];
    jobs.into_iter().partition(|job| {
        let one = Candidate::of(job);
        let is_new = one.addresses().all(|one| !known.contains(&one));
        known.extend(one.addresses());
        one.may_share && is_new
    })
}

/// Nobody was sent, and it is not known because of whom: they are asked for again, in the same pass,
/// without those who were named; by halves, when nobody was.
#[must_use]
pub fn in_smaller_company<G>(mut undecided: Vec<Job<G>>, asked: usize) -> Vec<Job<G>> {
    let most = match undecided.len() {
        rest if rest < asked => rest,
        all => all / 2,
    };
    for job in &mut undecided {
        job.most_at_once = most.max(1);
    }
    undecided
}

#[cfg(test)]
mod tests;
