//! One job at one account: ask, classify, and decide what follows.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;

use super::super::jobs::{Deliver, Job, Outcome};
use super::health::Call;
use super::overflow::LATEST;
use super::request::{Answered, ask};
use super::retirement::{hand_back, has_next, next_account};
use super::second_look::reconsider;
use super::tokens::Token;
use super::turn::{self, Want};
use super::{Desk, Lines, since_publish};
use crate::domain::{AttemptRecord, Class, Reason, Reply, SuppressionReason, Target};
use crate::policy::after_pass::{Pass, Verdict, after_pass};
use crate::policy::{expiry, routing};
use crate::runtime::tasks::panic_text;
use crate::runtime::{clock, failpoint, mailbox};
use crate::store::lease::RunId;
use crate::store::settle::DeadAddress;

/// Puts a job to the account and sends it on: to the recorder, or to the next of its route.
pub(super) async fn work(desk: &Desk, queue: &Lines, mut job: Job, mut token: Token) {
    let call = loop {
        let run = desk.no_calls.or(desk.fence.pass()).await;
        let now = clock::now();
        match still_due(desk, job, run, now) {
            Some(due) => job = due,
            None => return desk.health.tokens().put_back(token),
        }
        if now >= job.good_until {
            match reconsider(desk, job).await {
                Some(again) => job = again,
                None => return desk.health.tokens().put_back(token),
            }
            continue;
        }
        if !token.is_valid() && desk.health.refused_for().is_none() {
            token = turn::wait(desk, queue, Want::Held).await;
            continue;
        }
        match desk.health.admit(1) {
            Some(call) if token.is_valid() => break call,
            _ => return move_on(desk, job, now),
        }
    };
    ask_and_follow(desk, queue, job, call).await;
}

/// What is asked for by the run that took it on while that holds its lease, not too late, and of an
/// account that is still in use. Anything else is on its way elsewhere.
pub(super) fn still_due(desk: &Desk, job: Job, run: Option<RunId>, now: Timestamp) -> Option<Job> {
    if run != Some(job.hold.run()) || desk.no_calls.is_raised() {
        put_aside(desk, job, now);
        return None;
    }
    if let Some(expired) = expiry::expired(&job.notification, now) {
        desk.outbox.push(too_late(job, expired, now));
        return None;
    }
    if desk.retirement.is_retired() {
        hand_back(desk, vec![job]);
        return None;
    }
    Some(job)
}

/// Asks for all addresses of a job, with leave for one request, and follows the answers.
pub(super) async fn ask_and_follow(desk: &Desk, queue: &Lines, mut job: Job, call: Call) {
    failpoint::hit("provider.ask");
    let asked_at = clock::now();
    let asked = std::mem::take(&mut job.targets);
    let answers = ask(desk, queue, &job, &asked, call).await;
    conclude(desk, job, &asked, answers, asked_at);
}

/// Notes the answers, decides, and follows.
pub(super) fn conclude(
    desk: &Desk,
    mut job: Job,
    asked: &[Target],
    answers: Vec<Answered>,
    asked_at: Timestamp,
) {
    job.last_asked = Some((desk.account.name.clone(), asked_at));
    job.minimum_delay = job.minimum_delay.max(desk.client.minimum_retry_delay());
    for (target, answered) in asked.iter().zip(answers) {
        note(desk, &mut job, target, &answered);
        job.replies.push((target.clone(), answered.reply));
    }
    let now = clock::now();
    follow(desk, verdict(desk, &job, asked, now), job, now);
}

/// What a device accepted is sent; all else is too late.
pub(super) fn too_late(job: Job, expired: Reason, now: Timestamp) -> Outcome {
    if job.notification.is_partly_accepted() {
        job.sent(now)
    } else {
        job.end(expired, now)
    }
}

/// The account is not to be asked: the next of the route is, and no attempt is used up. What
/// others have answered in this pass is decided on when nobody is left to be asked.
pub(super) fn move_on(desk: &Desk, mut job: Job, now: Timestamp) {
    job.left_out = true;
    send_on(desk, job, now);
}

/// To the next account of the route.
fn send_on(desk: &Desk, mut job: Job, now: Timestamp) {
    if let Some(next) = next_account(desk, &mut job) {
        return mailbox::post(&next.actor, Deliver(vec![job]));
    }
    wait_elsewhere(desk, job, now);
}

/// Puts a job that nobody can be asked for now into the database, its attempts unused, for about
/// as long as the account is not asked.
pub(super) fn wait_elsewhere(desk: &Desk, mut job: Job, now: Timestamp) {
    job.left_out = true;
    if !job.replies.is_empty() {
        let asked = std::mem::take(&mut job.targets);
        return follow(desk, verdict(desk, &job, &asked, now), job, now);
    }
    let Some(available_at) = desk.health.available_at(now) else {
        // It is only slow.
        let latest = now.saturating_add(LATEST).unwrap_or(now);
        let latest = routing::spread(now, latest, rand::random());
        return desk
            .outbox
            .push(job.wait_for(&desk.account.name, latest, now));
    };
    let until = routing::wait(&job.notification, now, Some(available_at));
    let until = routing::spread(now, until, rand::random());
    desk.outbox.push(waits_until(job, until, now));
}

/// It waits for the provider in the database, unless it would come too late.
pub(super) fn waits_until(job: Job, until: Timestamp, now: Timestamp) -> Outcome {
    match expiry::expired(&job.notification, until) {
        Some(expired) => too_late(job, expired, now),
        None => job.defer(Reason::WaitingForProvider, until, now),
    }
}

/// The engine stops, or lost the lease under which it took the job on, so that another run may
/// have it by now. What has not been asked of anybody returns to where it came from; what has is
/// stored with its answers.
fn put_aside(desk: &Desk, job: Job, now: Timestamp) {
    if !job.replies.is_empty() {
        desk.outbox.push(job.defer(Reason::Retry, now, now));
    }
}

fn note(desk: &Desk, job: &mut Job, target: &Target, answered: &Answered) {
    let reply = &answered.reply;
    if answered.elapsed.is_some() {
        desk.counts.attempt(reply.class);
    }
    let now = clock::now();
    let elapsed = answered.elapsed.unwrap_or_default();
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let name = &desk.account.name;
    job.record(AttemptRecord::of_reply(
        now,
        name,
        target.device_id,
        reply,
        elapsed_ms,
    ));
    if reply.class == Class::Accepted {
        desk.metrics
            .end_to_end(job.notification.lane, since_publish(job, now));
    } else {
        let is_opt_out = reply.reason == Some(Reason::OptedOut);
        if is_opt_out || desk.health.is_believed_on_addresses() {
            let dead = dead(desk, job, target, reply);
            job.dead_addresses.extend(dead);
        }
        let (id, class, code) = (job.notification.id, reply.class, reply.code.as_deref());
        tracing::debug!(notification_id = %id, provider = name, %class, code, "not accepted");
    }
}

/// The address, when the answer says that it is dead: the device is retired, anything else goes on
/// the suppression list; who has opted out has told this sender.
fn dead(desk: &Desk, job: &Job, target: &Target, reply: &Reply) -> Option<DeadAddress> {
    if !reply.dead_address {
        return None;
    }
    if let Some(id) = target.device_id {
        let asked_at = clock::now();
        return Some(DeadAddress::Device { id, asked_at });
    }
    let (reason, account) = match reply.reason {
        Some(Reason::OptedOut) => (SuppressionReason::Stop, Some(desk.account.id)),
        _ => (SuppressionReason::HardBounce, None),
    };
    Some(DeadAddress::Suppress {
        channel: job.notification.lane.channel,
        address: target.address.clone(),
        reason,
        account,
    })
}

/// Decides; if deciding panics, an acceptance is still an acceptance.
pub(super) fn verdict(desk: &Desk, job: &Job, asked: &[Target], now: Timestamp) -> Verdict {
    let decided = catch_unwind(AssertUnwindSafe(|| {
        failpoint::hit("provider.decide");
        after_pass(&Pass {
            notification: &job.notification,
            replies: &job.replies,
            asked,
            has_next: has_next(desk, job),
            left_out: job.left_out,
            fail_over_unknown: desk.judge.fails_over(job),
            retry_window: desk.client.retry_window(),
            backoff: desk.retry.of(desk.account.channel),
            minimum_delay: job.minimum_delay,
            now,
            dice: rand::random(),
        })
    }));
    decided.unwrap_or_else(|panic| {
        let panic = panic_text(&*panic);
        tracing::error!(notification_id = %job.notification.id, panic, "deciding on an answer panicked");
        if job.replies.iter().any(|(_, reply)| reply.class == Class::Accepted) {
            return Verdict::Sent;
        }
        let due_at = now + jiff::SignedDuration::from_secs(60);
        Verdict::Retry { reason: Reason::Retry, due_at, attempt_used: true }
    })
}

pub(super) fn follow(desk: &Desk, verdict: Verdict, mut job: Job, now: Timestamp) {
    match verdict {
        Verdict::NextProvider(targets) => {
            job.targets = targets;
            // The verdict is only given when there is one; it may have gone out of use since.
            send_on(desk, job, now);
        }
        Verdict::Sent => {
            job.notification.attempt_count = job.notification.attempt_count.saturating_add(1);
            desk.outbox.push(job.sent(now));
        }
        Verdict::Ended(reason) => {
            job.notification.attempt_count = job.notification.attempt_count.saturating_add(1);
            desk.outbox.push(job.end(reason, now));
        }
        Verdict::Retry {
            reason,
            due_at,
            attempt_used,
        } => {
            let used = u16::from(attempt_used);
            job.notification.attempt_count = job.notification.attempt_count.saturating_add(used);
            desk.outbox.push(job.defer(reason, due_at, now));
        }
    }
}
