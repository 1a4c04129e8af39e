//! Provider: one actor an account. Keeps its queue by priority, and as many requests in flight as
//! the account may have.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler, Supervised};
use futures_util::FutureExt;

use crate::delivery::node_context::NodeContext;
use crate::domain::Account;
use crate::machine::account::RateToken;
use crate::machine::delivery::{self, AccountTerms, Conditions, DeliveryContext};
use crate::policy::AccountFacts;
use crate::providers::Provider;
use crate::runtime::tasks::panic_text;
use crate::runtime::{WorkerCount, clock, failpoint};
use crate::store::lease::RunId;
use crate::telemetry::ProviderMetrics;
use crate::work::Dispatchers;
use crate::work::job::{Deliver, Job, Wake};

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
pub use room::AccountRoom;
pub use trouble::Reporter;
use turn::Want;

/// The actor of one account.
#[derive(Debug)]
pub struct ProviderActor {
    context: Arc<AccountContext>,
    queue: Arc<AccountQueue>,
}

/// What the workers of an account share.
pub struct AccountContext {
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
    /// Routes anew what waited for an account that is no longer in use.
    pub dispatchers: Dispatchers,
    /// The account's metrics.
    pub counts: Arc<ProviderMetrics>,
    /// What the node shares.
    pub node: Arc<NodeContext>,
}

impl std::fmt::Debug for AccountContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountContext")
            .field("account", &self.account.name)
            .finish_non_exhaustive()
    }
}

/// The waiting jobs, and how many workers serve them.
#[derive(Debug, Default)]
struct AccountQueue {
    jobs: JobQueue,
    workers: WorkerCount,
}

impl ProviderActor {
    /// The actor of an account.
    #[must_use]
    pub fn new(context: Arc<AccountContext>) -> Self {
        Self {
            context,
            queue: Arc::default(),
        }
    }

    /// How much more this account can take.
    #[must_use]
    pub fn room(&self) -> AccountRoom {
        AccountRoom::new(&self.context, &self.queue)
    }

    /// Sends on what waits here and was called off.
    fn let_go_of_called_off(&self) {
        for job in self.queue.jobs.take_called_off() {
            let exit = delivery::called_off(&job);
            exits::leave(&self.context, job, exit);
        }
    }

    /// Starts workers for what waits, as many as the account may have. A worker goes on as long as
    /// it finds work, so that under load no message passes between this actor and them.
    fn spawn_workers(&self) {
        spawn_workers(&self.context, &self.queue);
    }
}

/// As many as the account's health allows at the moment.
fn spawn_workers(context: &Arc<AccountContext>, queue: &Arc<AccountQueue>) {
    let most = context.most_in_flight();
    for _ in 0..queue.jobs.len().min(most) {
        if !queue.workers.try_add(most) {
            return;
        }
        let (context, queue) = (Arc::clone(context), Arc::clone(queue));
        let tasks = context.node.tasks.clone();
        tasks.spawn("deliver", async move { serve(&context, &queue).await });
    }
}

/// Works until nothing waits, or the account is to have fewer workers. A job may be queued between
/// the last look and the end of the count, when nobody new was hired for it: hence the look after
/// the end.
async fn serve(context: &Arc<AccountContext>, queue: &Arc<AccountQueue>) {
    loop {
        let leaves = queue.workers.leaves();
        while queue.workers.get() <= context.most_in_flight() {
            let token = turn::wait(context, queue, Want::Queued).await;
            let most = context.most_at_once(token);
            let Some((job, others, tokens)) = queue.jobs.pop_many(&context.health, most) else {
                context.health.put_back(token);
                break;
            };
            let (id, others_count) = (job.notification.id, others.len());
            let work = AssertUnwindSafe(deliver(context, queue, (job, token), (others, tokens)));
            if let Err(panic) = work.catch_unwind().await {
                let panic = panic_text(&*panic);
                tracing::error!(notification_id = %id, others_count, panic, "delivering panicked");
            }
            // More may go now, or again: what shared a request may be back in the queue.
            if context.health.is_recovering() || others_count > 0 {
                spawn_workers(context, queue);
            }
        }
        drop(leaves);
        if queue.jobs.len() == 0 || !queue.workers.try_add(context.most_in_flight()) {
            return;
        }
    }
}

/// Alone, or with those that share its request.
async fn deliver(
    context: &AccountContext,
    queue: &AccountQueue,
    (job, token): (Job, RateToken),
    (mut others, mut tokens): (Vec<Job>, Vec<RateToken>),
) {
    if others.is_empty() {
        return worker::work(context, queue, job, token).await;
    }
    others.insert(0, job);
    tokens.push(token);
    bulk::work(context, queue, others, tokens).await;
}

impl AccountContext {
    /// Most messages in the next request. Without leave by the rate limit there will be none.
    fn most_at_once(&self, token: RateToken) -> usize {
        match token {
            RateToken::None => 1,
            RateToken::Unlimited | RateToken::Until(_) => self.client.most_at_once(),
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
            is_off: false,
            pause: None,
        }
    }

    /// What decisions on jobs rest on, at this moment.
    fn context(&self) -> DeliveryContext<'_> {
        DeliveryContext {
            account: &self.terms,
            global: &self.node.eligibility.global,
            now: clock::now(),
            jitter: rand::random(),
        }
    }

    /// The run that may call a provider, once one holds the lease; `None` when no call is started any more.
    async fn run(&self) -> Option<RunId> {
        self.node.run_unless(&self.node.phases.no_calls).await
    }

    /// What holds around a job, while this run holds its lease.
    fn conditions(&self, job: &Job, run: Option<RunId>) -> Conditions {
        Conditions {
            holds_lease: run == Some(job.claim.run()),
            is_stopping: self.node.phases.no_calls.is_raised(),
            is_retired: self.retirement.is_retired(),
        }
    }

    /// Most requests in flight at the moment.
    fn most_in_flight(&self) -> usize {
        self.health.most_in_flight().min(self.concurrency).max(1)
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
        if self.context.retirement.is_retired() {
            return exits::hand_back(&self.context, jobs);
        }
        self.queue.jobs.extend(jobs);
        self.let_go_of_called_off();
        overflow::spill_excess(&self.context, &self.queue);
        self.spawn_workers();
    }
}

impl Handler<Wake> for ProviderActor {
    type Result = ();

    /// The account may be in use no longer, or something was called off.
    fn handle(&mut self, _: Wake, _: &mut Context<Self>) {
        self.let_go_of_called_off();
        if self.context.retirement.is_retired() {
            exits::hand_back(&self.context, self.queue.jobs.drain());
        }
    }
}
