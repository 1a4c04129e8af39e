//! The requests for one job: one for each of its addresses.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::health::Call;
use super::turn::{self, Want};
use super::{AccountContext, AccountQueue};
use crate::domain::{Class, ReadMark, Reply, Target};
use crate::machine::account::RateToken;
use crate::machine::delivery::CallResult;
use crate::machine::request::{admit_another, is_left_alone, patience};
use crate::providers::{CALLED_OFF, Delivery, Leave, NOT_ASKED};
use crate::runtime::clock;
use crate::runtime::tasks::panic_text;
use crate::work::job::Job;
use crate::work::trace;

/// Asks for every address at once; as a probe for one first, and for the others only once that has
/// shown that the account works.
pub(super) async fn ask(
    context: &AccountContext,
    queue: &AccountQueue,
    job: &Job,
    asked: &[Target],
    call: Call,
) -> Vec<CallResult> {
    match asked {
        [] => vec![],
        [only] => vec![put(context, job, only, call).await],
        [first, rest @ ..] if call.is_probe() => {
            let mut answers = vec![put(context, job, first, call).await];
            let rest = rest
                .iter()
                .map(|target| put_another(context, queue, job, target));
            answers.extend(join_all(rest).await);
            answers
        }
        [first, rest @ ..] => {
            let rest = rest
                .iter()
                .map(|target| put_another(context, queue, job, target));
            let (first, rest) = tokio::join!(put(context, job, first, call), join_all(rest));
            std::iter::once(first).chain(rest).collect()
        }
    }
}

/// Puts the request that `call` allows, and tells what came of it.
async fn put(context: &AccountContext, job: &Job, target: &Target, call: Call) -> CallResult {
    let address = target.address.as_str();
    if let Some(reply) = context
        .health
        .with(|account, at| is_left_alone(account, address, at))
    {
        return not_asked(reply);
    }
    let (reply, elapsed) = send(context, job, target, clock::now()).await;
    // What is refused here says nothing of the account.
    if matches!(reply.code.as_deref(), Some(NOT_ASKED | CALLED_OFF)) {
        return not_asked(reply);
    }
    let to = (job.notification.id, address);
    let reply = call.answered(reply, Some(to), elapsed);
    context.counts.request(elapsed);
    if context.client.most_at_once() > 1 {
        context.counts.messages(1);
    }
    CallResult {
        reply,
        elapsed: Some(elapsed),
    }
}

/// A further address of the same job: a request of its own, with a token and leave of its own.
async fn put_another(
    context: &AccountContext,
    queue: &AccountQueue,
    job: &Job,
    target: &Target,
) -> CallResult {
    let patience = patience(job, context.queue_wait, clock::now());
    let token = tokio::time::timeout(patience, turn::wait(context, queue, Want::Held));
    let token = token.await.unwrap_or(RateToken::None);
    let (now, conditions) = (
        clock::now(),
        context.conditions(job, context.node.lease_gate.holding_run()),
    );
    let admitted = context
        .health
        .with(|account, at| admit_another(job, (account, at), token, conditions, now));
    match admitted {
        Ok(permit) => put(context, job, target, context.health.call(permit)).await,
        Err(reply) => not_asked(reply),
    }
}

const fn not_asked(reply: Reply) -> CallResult {
    CallResult {
        reply,
        elapsed: None,
    }
}

/// One request. A client that panics has perhaps sent: that is what `unknown` means.
async fn send(
    context: &AccountContext,
    job: &Job,
    target: &Target,
    now: Timestamp,
) -> (Reply, Duration) {
    let started = clock::instant();
    let traceparent = trace::next_span(&job.notification);
    let leave = leave(context, job);
    let delivery = Delivery {
        traceparent: traceparent.as_deref(),
        ..delivery(job, &target.address, &leave, now)
    };
    let sending = AssertUnwindSafe(async { context.client.send(delivery).await }).catch_unwind();
    let sent = tokio::select! {
        biased;
        sent = sending => sent,
        // Nothing of it is written any more, however long a connection takes.
        () = job.claim.gate().called_off() => Ok(called_off()),
    };
    let reply = sent.unwrap_or_else(|panic| panicked(context, &*panic));
    (reply, clock::instant().saturating_duration_since(started))
}

/// The answer that nobody gave to what somebody called off.
fn called_off() -> Reply {
    Reply::of(Class::Transient, Some(CALLED_OFF.to_owned()), None)
}

/// By the time that a connection is open another run may have it, the recipient not want it, or somebody
/// have called it off.
pub(super) fn leave(context: &AccountContext, job: &Job) -> Leave {
    let (lease_gate, run) = (context.node.lease_gate.clone(), job.claim.run());
    let recipients = context.node.eligibility.recipients.clone();
    let whose = (job.notification.tenant_id, job.notification.user_id);
    // What was read while no notices came is left to its age, and what takes long from now on to these.
    let heard = match job.heard {
        ReadMark::UNKNOWN => recipients.begin(),
        heard => heard,
    };
    let gate = Arc::clone(job.claim.gate());
    // The gate last: whoever passes it is about to write.
    Leave::new(
        move || {
            let holds = lease_gate.holding_run() == Some(run);
            holds && !recipients.may_have_changed(heard, whose) && gate.pass()
        },
        job.valid_until,
    )
}

/// Nothing was sent, since leave had ended: it may be called off again, and what rests on a recipient who is not
/// as they were is decided anew.
pub(super) fn reopen(context: &AccountContext, job: &mut Job) {
    job.claim.gate().rest();
    let whose = (job.notification.tenant_id, job.notification.user_id);
    let recipients = &context.node.eligibility.recipients;
    if recipients.may_have_changed(job.heard, whose) {
        job.valid_until = Timestamp::MIN;
    }
}

/// A job's message for an address, without a trace: a request for many belongs to none.
pub(super) fn delivery<'a>(
    job: &'a Job,
    address: &'a str,
    leave: &'a Leave,
    now: Timestamp,
) -> Delivery<'a> {
    Delivery {
        notification_id: job.notification.id,
        address,
        content: &job.content,
        priority: job.notification.lane.priority,
        expires_at: job.notification.expires_at,
        now,
        traceparent: None,
        leave,
        unsubscribe_url: job.unsubscribe_url.as_deref(),
    }
}

/// The answer of a client that panicked.
pub(super) fn panicked(context: &AccountContext, panic: &(dyn Any + Send)) -> Reply {
    let panic = panic_text(panic);
    tracing::error!(
        provider = context.account.name,
        panic,
        "a provider's client panicked"
    );
    Reply::of(Class::Unknown, None, Some("the client panicked".to_owned()))
}
