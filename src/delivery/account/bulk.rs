//! Many jobs in one request: each is looked at as if it went alone, all are asked for together, and
//! each is decided on by itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;
use jiff::Timestamp;

use super::exits::leave;
use super::health::Call;
use super::request;
use super::second_look::recheck_many;
use super::worker;
use super::{AccountContext, AccountQueue};
use crate::machine::account::RateToken;
use crate::machine::batch::{distinct, in_smaller_company};
use crate::machine::delivery::{self, CallResult};
use crate::providers::{CALLED_OFF, Delivery, Leave, Replies};
use crate::runtime::tasks::panic_text;
use crate::runtime::{clock, failpoint};
use crate::work::job::Job;

/// Puts jobs that say the same to the account in one request; each has brought a token.
pub(super) async fn work(
    context: &AccountContext,
    queue: &AccountQueue,
    jobs: Vec<Job>,
    mut tokens: Vec<RateToken>,
) {
    let mut jobs = wanted(context, queue, jobs).await;
    tokens.retain(|token| context.health.is_valid(*token));
    // What has no token waits for one where it waited before.
    let most = tokens.len().max(1).min(jobs.len());
    queue.jobs.put_back(jobs.split_off(most));
    let spare = tokens.split_off(most.min(tokens.len()));
    put_back(context, spare);
    if jobs.len() < 2 {
        for job in jobs {
            let token = tokens.pop().unwrap_or(RateToken::None);
            worker::work(context, queue, job, token).await;
        }
        return;
    }
    match context.health.admit(jobs.len()) {
        // One of them tries for all.
        Some(call) if call.is_probe() => {
            queue.jobs.put_back(jobs.split_off(1));
            put_back(context, tokens.split_off(1));
            if let Some(job) = jobs.pop() {
                let again = worker::ask_and_follow(context, queue, job, call).await;
                queue.jobs.put_back(again.into_iter().collect());
            }
        }
        Some(call) => ask(context, queue, jobs, call).await,
        None => {
            put_back(context, tokens);
            for mut job in jobs {
                let exit = delivery::skipped(&mut job);
                leave(context, job, exit);
            }
        }
    }
}

/// Those that may be sent now, together; the others are on their way, or back in the queue.
async fn wanted(context: &AccountContext, queue: &AccountQueue, mut jobs: Vec<Job>) -> Vec<Job> {
    loop {
        let run = context.run().await;
        let now = clock::now();
        let mut staying = Vec::with_capacity(jobs.len());
        for job in jobs {
            match delivery::leaves(&job, context.conditions(&job, run), now) {
                None => staying.push(job),
                Some(exit) => leave(context, job, exit),
            }
        }
        jobs = staying;
        if jobs.iter().all(|job| job.is_decided(now)) {
            return jobs;
        }
        // All of them, so that the judgements hold until the same moment.
        let (together, apart) = distinct(recheck_many(context, jobs).await);
        queue.jobs.put_back(apart);
        jobs = together;
    }
}

fn put_back(context: &AccountContext, tokens: Vec<RateToken>) {
    for token in tokens {
        context.health.put_back(token);
    }
}

/// One request, and what it leads to for each.
async fn ask(context: &AccountContext, queue: &AccountQueue, jobs: Vec<Job>, call: Call) {
    failpoint::hit("provider.ask");
    let (asked_at, started) = (clock::now(), clock::instant());
    let Replies { request, each } = send(context, &jobs, asked_at).await;
    let elapsed = clock::instant().saturating_duration_since(started);
    let asked = jobs.len();
    let elapsed = request.map(|reply| {
        call.answered(reply, None, elapsed);
        context.counts.request(elapsed);
        context.counts.messages(asked);
        elapsed
    });
    let (mut each, mut undecided, mut called_off) = (each.into_iter(), vec![], vec![]);
    for mut job in jobs {
        match each.next().flatten() {
            Some(reply) if reply.code.as_deref() == Some(CALLED_OFF) => {
                request::reopen(context, &mut job);
                called_off.push(job);
            }
            Some(reply) => conclude(context, job, CallResult { reply, elapsed }, asked_at),
            None => {
                request::reopen(context, &mut job);
                undecided.push(job);
            }
        }
    }
    queue.jobs.put_back(in_smaller_company(undecided, asked));
    queue.jobs.put_back(called_off);
}

/// Decides on one; if that panics, it is the only one that returns to where it came from.
fn conclude(context: &AccountContext, mut job: Job, result: CallResult, asked_at: Timestamp) {
    let id = job.notification.id;
    let work = AssertUnwindSafe(|| {
        let asked = std::mem::take(&mut job.targets);
        worker::conclude(context, job, &asked, vec![result], asked_at);
    });
    if let Err(panic) = catch_unwind(work) {
        let panic = panic_text(&*panic);
        tracing::error!(notification_id = %id, panic, "delivering panicked");
    }
}

fn address(job: &Job) -> &str {
    job.targets.first().map_or("", |target| &target.address)
}

/// The request. A client that panics has perhaps sent to all.
async fn send(context: &AccountContext, jobs: &[Job], now: Timestamp) -> Replies {
    let leaves: Vec<Leave> = jobs
        .iter()
        .map(|job| request::leave(context, job))
        .collect();
    let deliveries: Vec<Delivery<'_>> = jobs
        .iter()
        .zip(&leaves)
        .map(|(job, leave)| request::delivery(job, address(job), leave, now))
        .collect();
    let sent = AssertUnwindSafe(async { context.client.send_many(&deliveries).await })
        .catch_unwind()
        .await;
    sent.unwrap_or_else(|panic| Replies::all(request::panicked(context, &*panic), jobs.len()))
}
