//! Provider: one actor an account. Keeps its queue by priority, and as many requests in flight as
//! the account may have.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, Context, Handler, Supervised};
use futures_util::FutureExt;

use super::directory::Directory;
use super::dispatcher::Dispatchers;
use super::fence::Fence;
use super::jobs::{Deliver, Job, Wake};
use super::judge::Judge;
use super::outbox::Outbox;
use crate::domain::Account;
use crate::machine::account::Token;
use crate::machine::delivery::{AccountTerms, Conditions, DeliveryContext};
use crate::policy::AccountFacts;
use crate::providers::Provider;
use crate::runtime::tasks::panic_text;
use crate::runtime::{Shutdown, Tasks, clock, failpoint};
use crate::store::Database;
use crate::store::lease::RunId;
use crate::telemetry::{Metrics, ProviderMetrics};

mod bulk;
mod exits;
mod health;
mod overflow;
mod queue;
mod request;
mod retirement;
mod room;
mod second_look;
mod trouble;
mod turn;
mod worker;

pub use health::{AccountHealth, Listeners};
use queue::JobQueue;
pub use retirement::Retirement;
pub use room::Room;
pub use trouble::Reporter;
use turn::Want;

/// The actor of one account.
#[derive(Debug)]
pub struct ProviderActor {
    desk: Arc<Desk>,
    queue: Arc<Lines>,
}

/// What the workers of an account share.
pub struct Desk {
    /// The account.
    pub account: Account,
    /// Its client.
    pub client: Arc<dyn Provider>,
    /// Most requests in flight.
    pub concurrency: usize,
    /// Whether and how fast it may be asked; learns from every answer.
    pub health: AccountHealth,
    /// Longest that a job waits for its turn here.
    pub queue_wait: Duration,
    /// What is fixed about it.
    pub terms: AccountTerms,
    /// Whether the account is still in use, as it is described here.
    pub retirement: Retirement,
    /// Knows what takes the place of accounts that are not.
    pub directory: Directory,
    /// Routes anew what waited for an account that is no longer in use.
    pub dispatchers: Dispatchers,
    /// Where outcomes go.
    pub outbox: Outbox,
    /// Passed before each call.
    pub fence: Fence,
    /// Asked again about what has waited here.
    pub judge: Arc<Judge>,
    /// Where tokens are leased.
    pub database: Database,
    /// The account's metrics.
    pub counts: Arc<ProviderMetrics>,
    /// The engine's metrics.
    pub metrics: Arc<Metrics>,
    /// Where the workers run.
    pub tasks: Tasks,
    /// No request is started any more once raised; what waits returns to where it came from.
    pub no_calls: Shutdown,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk")
            .field("account", &self.account.name)
            .finish_non_exhaustive()
    }
}

/// The waiting jobs, and how many workers serve them.
#[derive(Debug, Default)]
struct Lines {
    jobs: JobQueue,
    workers: AtomicUsize,
}

impl ProviderActor {
    /// The actor of an account.
    #[must_use]
    pub fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            queue: Arc::default(),
        }
    }

    /// How much more this account can take.
    #[must_use]
    pub fn room(&self) -> Room {
        Room::new(&self.desk, &self.queue)
    }

    /// Starts workers for what waits, as many as the account may have. A worker goes on as long as
    /// it finds work, so that under load no message passes between this actor and them.
    fn staff(&self) {
        staff(&self.desk, &self.queue);
    }
}

/// As many as the account's health allows at the moment.
fn staff(desk: &Arc<Desk>, queue: &Arc<Lines>) {
    let most = desk.most_in_flight();
    for _ in 0..queue.jobs.len().min(most) {
        if !queue.hire(most) {
            return;
        }
        let (desk, queue) = (Arc::clone(desk), Arc::clone(queue));
        let tasks = desk.tasks.clone();
        tasks.spawn("deliver", async move { serve(&desk, &queue).await });
    }
}

/// Works until nothing waits, or the account is to have fewer workers. A job may be queued between
/// the last look and the end of the count, when nobody new was hired for it: hence the look after
/// the end.
async fn serve(desk: &Arc<Desk>, queue: &Arc<Lines>) {
    loop {
        let badge = Badge(queue);
        while queue.workers.load(Ordering::Acquire) <= desk.most_in_flight() {
            let token = turn::wait(desk, queue, Want::Queued).await;
            let most = desk.most_at_once(token);
            let Some((job, others, tokens)) = queue.jobs.pop_many(&desk.health, most) else {
                desk.health.put_back(token);
                break;
            };
            let (id, others_count) = (job.notification.id, others.len());
            let work = AssertUnwindSafe(deliver(desk, queue, (job, token), (others, tokens)));
            if let Err(panic) = work.catch_unwind().await {
                let panic = panic_text(&*panic);
                tracing::error!(notification_id = %id, others_count, panic, "delivering panicked");
            }
            // More may go now, or again: what shared a request may be back in the queue.
            if desk.health.is_recovering() || others_count > 0 {
                staff(desk, queue);
            }
        }
        drop(badge);
        if queue.jobs.len() == 0 || !queue.hire(desk.most_in_flight()) {
            return;
        }
    }
}

/// Alone, or with those that share its request.
async fn deliver(
    desk: &Desk,
    queue: &Lines,
    (job, token): (Job, Token),
    (mut others, mut tokens): (Vec<Job>, Vec<Token>),
) {
    if others.is_empty() {
        return worker::work(desk, queue, job, token).await;
    }
    others.insert(0, job);
    tokens.push(token);
    bulk::work(desk, queue, others, tokens).await;
}

impl Desk {
    /// Most messages in the next request. Without leave by the rate limit there will be none.
    fn most_at_once(&self, token: Token) -> usize {
        match token {
            Token::None => 1,
            Token::Unlimited | Token::Until(_) => self.client.most_at_once(),
        }
    }

    /// The account as policy sees it when a job is here already: whether it may be asked is for the
    /// worker to find out.
    fn facts(&self) -> AccountFacts<'_> {
        AccountFacts {
            name: &self.account.name,
            priority: self.account.priority,
            weight: self.account.weight,
            available_at: None,
            circuit: self.health.circuit(),
            rate_limit: self.account.rate_limit,
            needs_address: self.client.needs_address(),
        }
    }

    /// What decisions on jobs rest on, at this moment.
    fn context(&self) -> DeliveryContext<'_> {
        DeliveryContext {
            account: &self.terms,
            global: &self.judge.house,
            now: clock::now(),
            jitter: rand::random(),
        }
    }

    /// What holds around a job, while this run holds its lease.
    fn conditions(&self, job: &Job, run: Option<RunId>) -> Conditions {
        Conditions {
            holds_lease: run == Some(job.hold.run()),
            is_stopping: self.no_calls.is_raised(),
            is_retired: self.retirement.is_retired(),
        }
    }

    /// Most requests in flight at the moment.
    fn most_in_flight(&self) -> usize {
        self.health.most_in_flight().min(self.concurrency).max(1)
    }
}

impl Lines {
    /// Counts one more worker, if there may be one more.
    fn hire(&self, most: usize) -> bool {
        let more = |workers: usize| (workers < most).then_some(workers + 1);
        self.workers
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .is_ok()
    }
}

/// Counts a worker out, however it ends.
struct Badge<'a>(&'a Lines);

impl Drop for Badge<'_> {
    fn drop(&mut self) {
        self.0.workers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Actor for ProviderActor {
    type Context = Context<Self>;
}

impl Supervised for ProviderActor {
    /// What waited returns to where it came from; nothing of it has been sent.
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.queue.jobs.clear();
    }
}

impl Handler<Deliver> for ProviderActor {
    type Result = ();

    fn handle(&mut self, Deliver(jobs): Deliver, _: &mut Context<Self>) {
        failpoint::hit("provider");
        if self.desk.retirement.is_retired() {
            return exits::hand_back(&self.desk, jobs);
        }
        self.queue.jobs.extend(jobs);
        overflow::relieve(&self.desk, &self.queue);
        self.staff();
    }
}

impl Handler<Wake> for ProviderActor {
    type Result = ();

    /// The account may be in use no longer.
    fn handle(&mut self, _: Wake, _: &mut Context<Self>) {
        if self.desk.retirement.is_retired() {
            exits::hand_back(&self.desk, self.queue.jobs.drain());
        }
    }
}
