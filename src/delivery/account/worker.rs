//! One job at one account: runs the [state machine](crate::machine::delivery), and does what it says.

use jiff::Timestamp;

use super::exits::{decide, leave};
use super::health::Call;
use super::request::{self, ask};
use super::second_look::recheck;
use super::turn::{self, Want};
use super::{AccountContext, AccountQueue};
use crate::domain::{Class, Target};
use crate::machine::NextAction;
use crate::machine::account::RateToken;
use crate::machine::delivery::{self, CallResult};
use crate::runtime::{clock, failpoint};
use crate::work::job::{Job, since_publish};

/// Puts a job to the account and sends it on: to the recorder, or to the next of its route.
pub(super) async fn work(
    context: &AccountContext,
    queue: &AccountQueue,
    mut job: Job,
    mut token: RateToken,
) {
    loop {
        let run = context.run().await;
        let (now, conditions) = (clock::now(), context.conditions(&job, run));
        let next = context
            .health
            .with(|account, at| delivery::look(&mut job, (account, at), token, conditions, now));
        match next {
            NextAction::Call(permit) => {
                let call = context.health.call(permit);
                match ask_and_follow(context, queue, job, call).await {
                    // The permit has used up the token.
                    Some(again) => (job, token) = (again, RateToken::None),
                    None => return,
                }
            }
            NextAction::AwaitToken => token = turn::wait(context, queue, Want::Held).await,
            NextAction::Recheck => match recheck(context, job).await {
                Some(again) => job = again,
                None => return context.health.put_back(token),
            },
            NextAction::Leave(exit) => {
                context.health.put_back(token);
                return leave(context, job, exit);
            }
        }
    }
}

/// Asks for all addresses of a job, with leave for one request, and follows the answers. Gives the job
/// back when its turn came too late, to be decided on anew: what was waited for, a connection, is there.
pub(super) async fn ask_and_follow(
    context: &AccountContext,
    queue: &AccountQueue,
    mut job: Job,
    call: Call,
) -> Option<Job> {
    failpoint::hit("provider.ask");
    let asked_at = clock::now();
    let asked = std::mem::take(&mut job.targets);
    let results = ask(context, queue, &job, &asked, call).await;
    if delivery::came_too_late(&results) {
        job.targets = asked;
        request::reopen(context, &mut job);
        return Some(job);
    }
    conclude(context, job, &asked, results, asked_at);
    None
}

/// Notes the answers, decides, and follows.
pub(super) fn conclude(
    context: &AccountContext,
    mut job: Job,
    asked: &[Target],
    results: Vec<CallResult>,
    asked_at: Timestamp,
) {
    delivery::asked(&mut job, &context.terms, asked_at);
    for (target, result) in asked.iter().zip(results) {
        note(context, &mut job, target, result);
    }
    let exit = decide(context, &mut job, |job, has_next, context| {
        delivery::answered(job, asked, has_next, context)
    });
    leave(context, job, exit);
}

fn note(context: &AccountContext, job: &mut Job, target: &Target, result: CallResult) {
    let (now, reply) = (clock::now(), &result.reply);
    if result.elapsed.is_some() {
        context.counts.attempt(reply.class);
    }
    if reply.class == Class::Accepted {
        context
            .node
            .metrics
            .end_to_end(job.notification.lane, since_publish(job, now));
    } else {
        let name = &context.account.name;
        let (id, class, code) = (job.notification.id, reply.class, reply.code.as_deref());
        tracing::debug!(notification_id = %id, provider = name, %class, code, "not accepted");
    }
    let is_believed = || context.health.is_believed_on_addresses();
    delivery::note(job, (target, result), &context.terms, is_believed, now);
}
