//! What waits to be decided on and rendered, and the threads that do it.
//!
//! Rendering is work for a processor and may take long: it happens on threads of its own, of which
//! each channel has a bounded number, so that it holds up neither the actors nor the connections. The
//! most urgent job is next, and tenants take turns: a slow template delays others by the one
//! rendering that has begun.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::told_before::sent_before;
use super::{ChannelContext, Loads, Next};
use crate::delivery::eligibility::Capped;
use crate::delivery::registry::AccountEntry;
use crate::domain::Priority;
use crate::machine::eligibility::Reevaluation;
use crate::policy::told_before::is_unsure;
use crate::policy::{AccountFacts, Decision};
use crate::resilience::{Backoff, FairQueue};
use crate::runtime::tasks::panic_text;
use crate::runtime::{WorkerCount, clock, failpoint};
use crate::work::job::Job;

/// Most jobs that are sent on together.
const TOGETHER: usize = 64;
/// First and longest wait of those whose counters could not be had.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
/// What is ready waits no longer for what is rendered after it.
const READY: Duration = Duration::from_millis(1);

/// The jobs of a channel on their way to its accounts. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct RenderQueue {
    context: Arc<ChannelContext>,
    /// Most threads at work.
    threads: usize,
    state: Arc<RenderQueueState>,
}

#[derive(Debug)]
struct RenderQueueState {
    waiting: Mutex<FairQueue<Uuid, RenderStep>>,
    workers: WorkerCount,
}

/// What is to be done with a job next.
#[derive(Debug)]
pub(super) enum RenderStep {
    /// Find out whether an account has it already, if one may; decide, then render.
    Decide(Job),
    /// Decide, then render: no account has it, as far as is known.
    Asked(Job),
    /// Render: it may go.
    Render(Job),
}

impl RenderQueue {
    pub(super) fn new(context: Arc<ChannelContext>, threads: usize) -> Self {
        let state = Arc::new(RenderQueueState {
            waiting: Mutex::new(FairQueue::new(Priority::ALL.len())),
            workers: WorkerCount::default(),
        });
        Self {
            context,
            threads: threads.max(1),
            state,
        }
    }

    /// Puts jobs at the end of their tenants' turns, and sees to it that they are worked on.
    pub(super) fn extend(&self, steps: impl IntoIterator<Item = RenderStep>) {
        let waiting = {
            let mut waiting = self.state.lock();
            for step in steps {
                let notification = &step.job().notification;
                let (line, tenant) = (notification.lane.priority.index(), notification.tenant_id);
                waiting.push(line, tenant, step);
            }
            waiting.len()
        };
        for _ in 0..waiting.min(self.threads) {
            if !self.state.workers.try_add(self.threads) {
                return;
            }
            let line = self.clone();
            self.context
                .node
                .tasks
                .spawn_blocking("dispatch", move || line.work());
        }
    }

    /// Works until nothing waits. A job may come between the last look and the end of the count, when
    /// no thread was started for it: hence the look after the end.
    fn work(&self) {
        loop {
            let leaves = self.state.workers.leaves();
            while self.some() {}
            drop(leaves);
            if self.state.lock().is_empty() || !self.state.workers.try_add(self.threads) {
                return;
            }
        }
    }

    /// Works on the next jobs and sends them on; whether there are more.
    fn some(&self) -> bool {
        let context = &self.context;
        let accounts = context.node.registry.channel(context.channel);
        let facts = accounts.facts(clock::now());
        let accounts = &accounts.used;
        let (mut loads, mut gone) = (Loads::default(), vec![]);
        let (mut capped, mut stale, mut unsure) = (vec![], vec![], vec![]);
        let began = clock::instant();
        for _ in 0..TOGETHER {
            let Some(step) = self.state.lock().pop() else {
                break;
            };
            match self.step(step, accounts, &facts) {
                Next::Deliver(job) => gone.extend(loads.add(job, accounts)),
                Next::Reserve(job) => capped.push(job),
                Next::Refresh(job) => stale.push(job),
                Next::AskAbout(job) => unsure.push(job),
                Next::Render(_) | Next::Ended => {}
            }
            if clock::instant().saturating_duration_since(began) >= READY {
                break;
            }
        }
        loads.post();
        // Their account has gone since they were decided on.
        self.extend(gone.into_iter().map(RenderStep::Decide));
        self.reserve(capped);
        self.refresh(stale);
        self.ask_about(unsure);
        !self.state.lock().is_empty()
    }

    /// A job that makes this panic returns to where it came from, and only that one.
    fn step(
        &self,
        step: RenderStep,
        accounts: &[Arc<AccountEntry>],
        facts: &[AccountFacts<'_>],
    ) -> Next {
        let (context, id) = (&self.context, step.job().notification.id);
        let work = AssertUnwindSafe(|| {
            let next = match step {
                RenderStep::Decide(job) if is_unsure(&job.notification) => Next::AskAbout(job),
                RenderStep::Decide(job) | RenderStep::Asked(job) => {
                    failpoint::hit("dispatcher.job");
                    let decision = context.node.eligibility.decide(&job, facts);
                    context.follow(job, decision, accounts)
                }
                RenderStep::Render(job) => Next::Render(job),
            };
            match next {
                Next::Render(job) => context.prepare(job),
                next => next,
            }
        });
        catch_unwind(work).unwrap_or_else(|panic| {
            let panic = panic_text(&*panic);
            tracing::error!(notification_id = %id, panic, "dispatching panicked");
            Next::Ended
        })
    }

    /// Reserves room for jobs, and lets those render that have it; again and again for those for whom a day
    /// began meanwhile, or whose counters somebody holds: nobody else waits for them.
    fn reserve(&self, mut capped: Vec<Capped>) {
        if capped.is_empty() {
            return;
        }
        let line = self.clone();
        self.context.node.tasks.spawn("reserve", async move {
            for tries in 0.. {
                capped = line.reserve_once(capped, tries > 0).await;
                let pause = tokio::time::sleep(AGAIN.ceiling(tries));
                if capped.is_empty()
                    || line
                        .context
                        .node
                        .eligibility
                        .giving_up
                        .or(pause)
                        .await
                        .is_none()
                {
                    return;
                }
            }
        });
    }

    /// Those that are to ask again.
    async fn reserve_once(&self, capped: Vec<Capped>, again: bool) -> Vec<Capped> {
        let context = &self.context;
        let accounts = context.node.registry.channel(context.channel);
        let facts = accounts.facts(clock::now());
        let eligibility = &context.node.eligibility;
        let decided = eligibility.reserve(capped, &facts, again).await;
        self.follow(decided, &accounts.used)
    }

    /// Lets those render that may go. Returns those that are to ask for a place.
    fn follow(&self, decided: Vec<(Job, Decision)>, accounts: &[Arc<AccountEntry>]) -> Vec<Capped> {
        let (mut may_go, mut left) = (vec![], vec![]);
        for (job, decision) in decided {
            match self.context.follow(job, decision, accounts) {
                Next::Render(job) => may_go.push(RenderStep::Render(job)),
                Next::Reserve(job) => left.push(job),
                Next::Deliver(_) | Next::Refresh(_) | Next::AskAbout(_) | Next::Ended => {}
            }
        }
        self.extend(may_go);
        left
    }

    /// Finds out whether an account has these already; lets the others be decided on.
    fn ask_about(&self, unsure: Vec<Job>) {
        if unsure.is_empty() {
            return;
        }
        let line = self.clone();
        self.context
            .node
            .tasks
            .spawn("ask what was told", async move {
                let left = sent_before(&line.context, unsure).await;
                line.extend(left.into_iter().map(RenderStep::Asked));
            });
    }

    /// Looks up again who has waited for too long to be written to without another look.
    fn refresh(&self, stale: Vec<Job>) {
        if stale.is_empty() {
            return;
        }
        let line = self.clone();
        self.context.node.tasks.spawn("look again", async move {
            let capped = line.refresh_once(stale).await;
            line.reserve(capped);
        });
    }

    /// Decides on those at once: where the database is slow, what was found is outdated soon. Returns those
    /// that are to ask for a place.
    async fn refresh_once(&self, stale: Vec<Job>) -> Vec<Capped> {
        let node = &self.context.node;
        let accounts = node.registry.channel(self.context.channel);
        let facts = accounts.facts(clock::now());
        let mut decided = vec![];
        for (job, reevaluation) in node.eligibility.reevaluate(stale, &facts).await {
            match reevaluation {
                Reevaluation::Decided(decision) => decided.push((job, decision)),
                Reevaluation::RecipientGone => {
                    let gone = job.end_without_recipient(clock::now());
                    node.settle_queue.push(gone);
                }
                Reevaluation::Unreadable => node.put_off_unreadable([job]),
            }
        }
        self.follow(decided, &accounts.used)
    }
}

impl RenderStep {
    const fn job(&self) -> &Job {
        match self {
            Self::Decide(job) | Self::Asked(job) | Self::Render(job) => job,
        }
    }
}

impl RenderQueueState {
    fn lock(&self) -> MutexGuard<'_, FairQueue<Uuid, RenderStep>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
