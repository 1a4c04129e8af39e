//! One job at one account: ask, classify, and decide what follows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::super::jobs::{Deliver, Job};
use super::super::trace;
use super::{Desk, since_publish, trouble};
use crate::domain::{
    AttemptRecord, Class, HouseRules, OnUnknown, Reason, Reply, Target, TenantRules,
};
use crate::policy::after_pass::{Pass, Verdict, after_pass};
use crate::policy::expiry;
use crate::policy::routing::on_unknown;
use crate::providers::Delivery;
use crate::runtime::tasks::panic_text;
use crate::runtime::{clock, failpoint, mailbox};

/// Puts a job to the account and sends it on: to the recorder, or to the next of its route.
pub(super) async fn work(desk: &Desk, mut job: Job) {
    let epoch = desk.no_calls.or(desk.fence.pass()).await;
    let now = clock::now();
    if epoch != Some(job.hold.epoch()) || desk.no_calls.is_raised() {
        return put_aside(desk, job, now);
    }
    if let Some(expired) = expiry::expired(&job.notification, now) {
        let partly = job.notification.is_partly_accepted();
        let outcome = if partly {
            job.sent(now)
        } else {
            job.end(expired, now)
        };
        return desk.outbox.push(outcome);
    }
    let asked = std::mem::take(&mut job.targets);
    ask(desk, &mut job, &asked, now).await;
    let now = clock::now();
    follow(desk, verdict(desk, &job, &asked, now), job, now);
}

/// The engine stops, or lost the lease under which it took the job on, so that another run may
/// have it by now. What has not been asked of anybody returns to where it came from; what has is
/// stored with its answers.
fn put_aside(desk: &Desk, job: Job, now: Timestamp) {
    if !job.replies.is_empty() {
        desk.outbox.push(job.defer(Reason::Retry, now, now));
    }
}

/// Asks for every address at once and notes the answers.
async fn ask(desk: &Desk, job: &mut Job, asked: &[Target], now: Timestamp) {
    failpoint::hit("provider.ask");
    let replies = match asked {
        [only] => vec![send(desk, job, only, now).await],
        several => join_all(several.iter().map(|target| send(desk, job, target, now))).await,
    };
    job.last_asked = Some((desk.account.name.clone(), now));
    job.minimum_delay = job.minimum_delay.max(desk.client.minimum_retry_delay());
    for (target, (reply, elapsed)) in asked.iter().zip(replies) {
        note(desk, job, target, &reply, elapsed);
        job.replies.push((target.clone(), reply));
    }
}

/// One request. A client that panics has perhaps sent: that is what `unknown` means.
async fn send(desk: &Desk, job: &Job, target: &Target, now: Timestamp) -> (Reply, Duration) {
    let started = clock::instant();
    let traceparent = trace::next_span(&job.notification);
    let delivery = Delivery {
        notification_id: job.notification.id,
        address: &target.address,
        content: &job.content,
        priority: job.notification.lane.priority,
        expires_at: job.notification.expires_at,
        now,
        traceparent: traceparent.as_deref(),
    };
    let sent = AssertUnwindSafe(async { desk.client.send(delivery).await })
        .catch_unwind()
        .await;
    let reply = sent.unwrap_or_else(|panic| {
        let panic = panic_text(&*panic);
        tracing::error!(
            provider = desk.account.name,
            panic,
            "a provider's client panicked"
        );
        Reply::of(Class::Unknown, None, Some("the client panicked".to_owned()))
    });
    (reply, clock::instant().saturating_duration_since(started))
}

fn note(desk: &Desk, job: &mut Job, target: &Target, reply: &Reply, elapsed: Duration) {
    desk.counts.attempt(reply.class);
    desk.counts.request(elapsed);
    let now = clock::now();
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let name = &desk.account.name;
    job.record(AttemptRecord::of_reply(
        now,
        name,
        target.device_id,
        reply,
        elapsed_ms,
    ));
    match reply.class {
        Class::Accepted => {
            desk.metrics
                .end_to_end(job.notification.lane, since_publish(job, now));
            trouble::over(desk);
        }
        Class::Credentials => trouble::credentials_refused(desk, reply, now),
        class => {
            let (id, code) = (job.notification.id, reply.code.as_deref());
            tracing::debug!(notification_id = %id, provider = name, %class, code, "not accepted");
        }
    }
}

/// Decides; if deciding panics, an acceptance is still an acceptance.
fn verdict(desk: &Desk, job: &Job, asked: &[Target], now: Timestamp) -> Verdict {
    let decided = catch_unwind(AssertUnwindSafe(|| {
        failpoint::hit("provider.decide");
        after_pass(&Pass {
            notification: &job.notification,
            replies: &job.replies,
            asked,
            has_next: !job.route.is_empty(),
            fail_over_unknown: fails_over(job),
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

/// TEMPORARY until the desk is given the rules of the house and of the tenant: there are none.
fn fails_over(job: &Job) -> bool {
    let (rules, house) = (TenantRules::default(), HouseRules::default());
    on_unknown(&job.notification, &rules, &house) == OnUnknown::FailOver
}

fn follow(desk: &Desk, verdict: Verdict, mut job: Job, now: Timestamp) {
    match verdict {
        Verdict::NextProvider(targets) => {
            job.targets = targets;
            // The verdict is only given when there is one.
            if let Some(next) = job.route.pop_front() {
                mailbox::post(&next.actor, Deliver(vec![job]));
            }
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
