//! How the work goes on which everything else depends: whether claims and outcomes can be stored.
//!
//! Noted where the statements are, so that nobody who uses them can forget it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::StoreError;
use crate::runtime::clock;

/// What must be stored for the engine to do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Claiming what comes from the broker.
    Claiming,
    /// Storing what became of it.
    Settling,
}

impl Duty {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Claiming, Self::Settling];

    /// The name of its part in `/readyz`.
    #[must_use]
    pub const fn part(self) -> &'static str {
        match self {
            Self::Claiming => "claiming",
            Self::Settling => "settling",
        }
    }
}

/// Whether something is really to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Rows are to be stored.
    Work,
    /// The statement is tried without a row: its success says less than a failure of the work.
    Trial,
}

/// Work that failed and was not tried again for this long is nobody's any more.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// How a duty stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DutyStanding {
    /// Whether it is work that fails or is under way, which then tells of itself.
    pub at_work: bool,
    /// For how long it has not succeeded though it was tried, and why, if that is known.
    pub failing: Option<(Duration, Option<StoreError>)>,
    /// How long ago it succeeded.
    pub succeeded: Option<Duration>,
}

/// Notes of all duties. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct ObservedDuties(Arc<[Mutex<Notes>; 2]>);

#[derive(Debug, Default)]
struct Notes {
    /// Begun and not ended, by a number.
    running: BTreeMap<u64, (Effort, Instant)>,
    next: u64,
    /// When the first of the failures of work since its last success began.
    failing: Option<Instant>,
    /// When work failed last.
    failed: Option<Instant>,
    /// The same as `failing`, of trials.
    trial_failing: Option<Instant>,
    error: Option<StoreError>,
    succeeded: Option<Instant>,
    /// The same, of work.
    worked: Option<Instant>,
}

impl ObservedDuties {
    /// Does work, which was tried `first` at that moment, and notes how it ends.
    pub(super) async fn watch<T>(
        &self,
        duty: Duty,
        effort: Effort,
        first: Instant,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let number = {
            let mut notes = self.notes(duty);
            notes.next += 1;
            let number = notes.next;
            notes.running.insert(number, (effort, clock::instant()));
            number
        };
        let running = RunningWork {
            observed: self,
            duty,
            number,
        };
        let done = work.await;
        self.notes(duty)
            .ended(effort, number, first, done.as_ref().err());
        drop(running);
        done
    }

    /// How a duty stands.
    pub(super) fn standing(&self, duty: Duty) -> DutyStanding {
        let now = clock::instant();
        let mut notes = self.notes(duty);
        let works = |(effort, _): &(Effort, Instant)| *effort == Effort::Work;
        let is_running = notes.running.values().any(works);
        if !is_running
            && notes
                .failed
                .is_some_and(|at| now.duration_since(at) >= FORGOTTEN)
        {
            notes.failing = None;
        }
        let oldest = notes.running.values().next().map(|(_, began)| *began);
        let since = [notes.failing, notes.trial_failing, oldest];
        let since = since.into_iter().flatten().min();
        DutyStanding {
            at_work: is_running || notes.failing.is_some(),
            failing: since.map(|since| (now.duration_since(since), notes.error.clone())),
            succeeded: notes.succeeded.map(|at| now.duration_since(at)),
        }
    }

    fn notes(&self, duty: Duty) -> std::sync::MutexGuard<'_, Notes> {
        let [claiming, settling] = &*self.0;
        let notes = match duty {
            Duty::Claiming => claiming,
            Duty::Settling => settling,
        };
        notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    fn ended(&mut self, effort: Effort, number: u64, first: Instant, error: Option<&StoreError>) {
        let began = self.running.get(&number).map(|(_, began)| *began);
        let now = clock::instant();
        match (effort, error) {
            (Effort::Work, None) => {
                self.failing = None;
                self.trial_failing = None;
                self.succeeded = Some(now);
                self.worked = Some(now);
            }
            (Effort::Trial, None) => {
                self.trial_failing = None;
                if self.failing.is_none() {
                    self.succeeded = Some(now);
                }
            }
            // Somebody has locked a row: that says nothing of the duty. If it is a table, a trial says so.
            (Effort::Work, Some(StoreError::Locked(_))) => {}
            // Others were stored meanwhile: it is this work that is refused, and not the duty.
            (Effort::Work, Some(_)) if self.worked.is_some_and(|at| at >= first) => {}
            (Effort::Work, Some(error)) => {
                self.failing = self.failing.or(began);
                self.failed = Some(now);
                self.error = Some(error.clone());
            }
            (Effort::Trial, Some(error)) => {
                self.trial_failing = self.trial_failing.or(began);
                self.error = Some(error.clone());
            }
        }
        if self.failing.is_none() && self.trial_failing.is_none() {
            self.error = None;
        }
    }
}

/// Work that is under way; given up (dropped), it is no longer.
struct RunningWork<'a> {
    observed: &'a ObservedDuties,
    duty: Duty,
    number: u64,
}

impl Drop for RunningWork<'_> {
    fn drop(&mut self) {
        self.observed.notes(self.duty).running.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_duty_fails_from_the_first_failure_to_the_next_success() {
        let observed = ObservedDuties::default();
        let duty = Duty::Settling;
        assert_eq!(observed.standing(duty), DutyStanding::default());
        for _ in 0..3 {
            let failed: Result<(), _> = observed
                .watch(duty, Effort::Work, clock::instant(), async {
                    Err(StoreError::ReadOnly)
                })
                .await;
            assert_eq!(failed, Err(StoreError::ReadOnly));
            tokio::time::advance(SECOND).await;
        }
        let standing = observed.standing(duty);
        assert_eq!(
            standing.failing,
            Some((3 * SECOND, Some(StoreError::ReadOnly)))
        );
        assert_eq!(observed.standing(Duty::Claiming), DutyStanding::default());
        // That it would do without a row says nothing of the rows.
        let tried = observed.watch(duty, Effort::Trial, clock::instant(), async { Ok(()) });
        assert_eq!(tried.await, Ok(()));
        assert!(observed.standing(duty).failing.is_some());
        let done = observed.watch(duty, Effort::Work, clock::instant(), async { Ok(()) });
        assert_eq!(done.await, Ok(()));
        tokio::time::advance(SECOND).await;
        let standing = observed.standing(duty);
        assert_eq!((standing.failing, standing.succeeded), (None, Some(SECOND)));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_is_refused_while_others_are_stored_is_no_failure_of_the_duty() {
        let observed = ObservedDuties::default();
        let duty = Duty::Settling;
        let refused = || async { Err::<(), _>(StoreError::ReadOnly) };
        let first = clock::instant();
        let work = |since| observed.watch(duty, Effort::Work, since, refused());
        assert!(work(first).await.is_err());
        assert!(
            observed.standing(duty).failing.is_some(),
            "nothing was stored"
        );
        tokio::time::advance(SECOND).await;
        let others = observed.watch(duty, Effort::Work, clock::instant(), async { Ok(()) });
        assert_eq!(others.await, Ok(()));
        for _ in 0..9 {
            tokio::time::advance(SECOND).await;
            assert!(work(first).await.is_err());
            assert_eq!(observed.standing(duty).failing, None);
        }
        assert!(work(clock::instant()).await.is_err());
        assert!(
            observed.standing(duty).failing.is_some(),
            "new work is refused, too"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn work_without_an_end_fails_as_long_as_it_is_under_way() {
        let observed = ObservedDuties::default();
        let duty = Duty::Claiming;
        {
            let mut hangs = Box::pin(observed.watch(
                duty,
                Effort::Work,
                clock::instant(),
                std::future::pending::<Result<(), _>>(),
            ));
            assert!(futures_util::poll!(&mut hangs).is_pending());
            tokio::time::advance(5 * SECOND).await;
            assert_eq!(observed.standing(duty).failing, Some((5 * SECOND, None)));
        }
        assert_eq!(observed.standing(duty), DutyStanding::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_fails_until_one_succeeds_and_forgotten_work_fails_no_longer() {
        let observed = ObservedDuties::default();
        let duty = Duty::Settling;
        for effort in [Effort::Trial, Effort::Work] {
            let failed: Result<(), _> = observed
                .watch(duty, effort, clock::instant(), async {
                    Err(StoreError::ReadOnly)
                })
                .await;
            assert!(failed.is_err() && observed.standing(duty).failing.is_some());
            assert_eq!(observed.standing(duty).at_work, effort == Effort::Work);
            tokio::time::advance(FORGOTTEN).await;
            let tried = observed.watch(duty, Effort::Trial, clock::instant(), async { Ok(()) });
            observed.standing(duty);
            assert_eq!(tried.await, Ok(()));
            assert_eq!(observed.standing(duty).failing, None);
        }
    }
}
