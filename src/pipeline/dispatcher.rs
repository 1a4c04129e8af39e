//! Dispatcher: one a channel. Decides once, renders, and sends the job on its route.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Supervised};

use super::directory::{AccountEntry, Directory};
use super::jobs::{Deliver, Dispatch, Job};
use super::outbox::Outbox;
use super::shelf::Shelf;
use crate::domain::{Body, Channel, HouseRules, Reason, Target, TenantRules};
use crate::policy::{AccountFacts, Decision, Facts, Quota, decide};
use crate::runtime::tasks::panic_text;
use crate::runtime::{clock, failpoint, mailbox};
use crate::telemetry::Metrics;

/// The `provider` of in-app notifications: the row in the inbox is the delivery.
const INBOX: &str = "inbox";

/// The actor of one channel.
#[derive(Debug)]
pub struct Dispatcher {
    channel: Channel,
    directory: Directory,
    shelf: Shelf,
    outbox: Outbox,
    metrics: Arc<Metrics>,
}

impl Dispatcher {
    /// The dispatcher of a channel.
    #[must_use]
    pub const fn new(
        channel: Channel,
        directory: Directory,
        shelf: Shelf,
        outbox: Outbox,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            channel,
            directory,
            shelf,
            outbox,
            metrics,
        }
    }

    fn dispatch(&self, mut job: Job, accounts: &[Arc<AccountEntry>]) -> Option<Job> {
        failpoint::hit("dispatcher.job");
        let now = clock::now();
        let facts: Vec<AccountFacts<'_>> =
            accounts.iter().map(|account| account.facts(now)).collect();
        // TEMPORARY until the dispatcher is given rules, suppressions and counters: there are none,
        // and every cap has room.
        let decision = decide(&Facts {
            notification: &job.notification,
            recipient: &job.recipient,
            rules: &TenantRules::default(),
            house: &HouseRules::default(),
            accounts: &facts,
            suppressed: &[],
            quota: Quota::Reserved,
            now,
            dice: rand::random(),
        });
        match decision {
            Decision::Deliver { route, targets, .. } => {
                job.route = route
                    .iter()
                    .filter_map(|at| accounts.get(*at).cloned())
                    .collect();
                return self.prepare(job, targets);
            }
            // Not said to a quota that is reserved.
            Decision::Reserve(_) => {}
            Decision::Defer { reason, until } => self.outbox.push(job.defer(reason, until, now)),
            Decision::Cancel(reason) | Decision::Fail(reason) => {
                self.outbox.push(job.end(reason, now));
            }
        }
        None
    }

    /// Renders; a job that needs no provider ends here.
    fn prepare(&self, mut job: Job, targets: Vec<Target>) -> Option<Job> {
        let now = clock::now();
        job.targets = targets;
        if let Err(why) = self.render(&mut job) {
            self.outbox
                .push(job.end_because(Reason::TemplateError, why, now));
            return None;
        }
        if self.channel == Channel::InApp {
            job.last_asked = Some((INBOX.to_owned(), now));
            self.metrics.end_to_end(
                job.notification.lane,
                super::provider::since_publish(&job, now),
            );
            self.outbox.push(job.sent(now));
            return None;
        }
        if job.targets.is_empty() {
            // Every device accepted in an earlier pass.
            self.outbox.push(job.sent(now));
            return None;
        }
        Some(job)
    }

    fn render(&self, job: &mut Job) -> Result<(), String> {
        let notification = &job.notification;
        match &notification.payload.body {
            Body::Content(content) => job.content = content.clone(),
            Body::Template(call) => {
                let library = self.shelf.library();
                let rendered = library.render(
                    notification.tenant_id,
                    self.channel,
                    &call.name,
                    job.recipient.locale.as_deref(),
                    &call.variables,
                );
                let rendered = rendered.map_err(|error| error.to_string())?;
                job.content = rendered.content;
                job.template_version = Some(rendered.version);
            }
        }
        Ok(())
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;
}

impl Supervised for Dispatcher {
    /// There is no state: what it decides on is shared and replaced whole elsewhere.
    fn restarting(&mut self, _: &mut Context<Self>) {}
}

impl Handler<Dispatch> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Dispatch(jobs): Dispatch, _: &mut Context<Self>) {
        failpoint::hit("dispatcher");
        let accounts = self.directory.of(self.channel);
        let mut loads: Vec<(Arc<AccountEntry>, Vec<Job>)> = vec![];
        for job in jobs {
            let id = job.notification.id;
            // A job that makes this panic returns to where it came from, and only that one.
            match catch_unwind(AssertUnwindSafe(|| self.dispatch(job, &accounts))) {
                Ok(Some(job)) => load(&mut loads, job),
                Ok(None) => {}
                Err(panic) => {
                    let panic = panic_text(&*panic);
                    tracing::error!(notification_id = %id, panic, "dispatching panicked");
                }
            }
        }
        for (account, jobs) in loads {
            mailbox::post(&account.actor, Deliver(jobs));
        }
    }
}

/// Puts a job with the others for the first account of its route.
fn load(loads: &mut Vec<(Arc<AccountEntry>, Vec<Job>)>, mut job: Job) {
    let Some(first) = job.route.pop_front() else {
        return;
    };
    match loads
        .iter_mut()
        .find(|(account, _)| Arc::ptr_eq(account, &first))
    {
        Some((_, jobs)) => jobs.push(job),
        None => loads.push((first, vec![job])),
    }
}

/// The dispatchers of all channels.
#[derive(Debug, Clone)]
pub struct Dispatchers {
    by_channel: Arc<Vec<Addr<Dispatcher>>>,
}

impl Dispatchers {
    /// In the order of [`Channel::ALL`].
    #[must_use]
    pub fn new(by_channel: Vec<Addr<Dispatcher>>) -> Self {
        Self {
            by_channel: Arc::new(by_channel),
        }
    }

    /// Sends jobs to the dispatchers of their channels.
    pub fn dispatch(&self, jobs: Vec<Job>) {
        let mut by_channel: Vec<Vec<Job>> = Channel::ALL.iter().map(|_| vec![]).collect();
        for job in jobs {
            if let Some(list) = by_channel.get_mut(job.notification.lane.channel.index()) {
                list.push(job);
            }
        }
        for (address, jobs) in self.by_channel.iter().zip(by_channel) {
            if !jobs.is_empty() {
                mailbox::post(address, Dispatch(jobs));
            }
        }
    }
}
