//! One job at one account: runs the [state machine](crate::machine::delivery), and does what it says.

use jiff::Timestamp;

use super::super::jobs::{Job, since_publish};
use super::exits::{decide, leave};
use super::health::Call;
use super::request::ask;
use super::second_look::reconsider;
use super::turn::{self, Want};
use super::{Desk, Lines};
use crate::domain::{Class, Target};
use crate::machine::NextAction;
use crate::machine::account::Token;
use crate::machine::delivery::{self, CallResult};
use crate::runtime::{clock, failpoint};

/// Puts a job to the account and sends it on: to the recorder, or to the next of its route.
pub(super) async fn work(desk: &Desk, queue: &Lines, mut job: Job, mut token: Token) {
    loop {
        let run = desk.no_calls.or(desk.fence.pass()).await;
        let (now, conditions) = (clock::now(), desk.conditions(&job, run));
        let next = desk
            .health
            .with(|account, at| delivery::look(&mut job, (account, at), token, conditions, now));
        match next {
            NextAction::Call(permit) => {
                let call = desk.health.call(permit);
                return ask_and_follow(desk, queue, job, call).await;
            }
            NextAction::AwaitToken => token = turn::wait(desk, queue, Want::Held).await,
            NextAction::Recheck => match reconsider(desk, job).await {
                Some(again) => job = again,
                None => return desk.health.put_back(token),
            },
            NextAction::Leave(exit) => {
                desk.health.put_back(token);
                return leave(desk, job, exit);
            }
        }
    }
}

/// Asks for all addresses of a job, with leave for one request, and follows the answers.
pub(super) async fn ask_and_follow(desk: &Desk, queue: &Lines, mut job: Job, call: Call) {
    failpoint::hit("provider.ask");
    let asked_at = clock::now();
    let asked = std::mem::take(&mut job.targets);
    let results = ask(desk, queue, &job, &asked, call).await;
    conclude(desk, job, &asked, results, asked_at);
}

/// Notes the answers, decides, and follows.
pub(super) fn conclude(
    desk: &Desk,
    mut job: Job,
    asked: &[Target],
    results: Vec<CallResult>,
    asked_at: Timestamp,
) {
    delivery::asked(&mut job, &desk.terms, asked_at);
    for (target, result) in asked.iter().zip(results) {
        note(desk, &mut job, target, result);
    }
    let exit = decide(desk, &mut job, |job, has_next, context| {
        delivery::answered(job, asked, has_next, context)
    });
    leave(desk, job, exit);
}

fn note(desk: &Desk, job: &mut Job, target: &Target, result: CallResult) {
    let (now, reply) = (clock::now(), &result.reply);
    if result.elapsed.is_some() {
        desk.counts.attempt(reply.class);
    }
    if reply.class == Class::Accepted {
        desk.metrics
            .end_to_end(job.notification.lane, since_publish(job, now));
    } else {
        let name = &desk.account.name;
        let (id, class, code) = (job.notification.id, reply.class, reply.code.as_deref());
        tracing::debug!(notification_id = %id, provider = name, %class, code, "not accepted");
    }
    let is_believed = || desk.health.is_believed_on_addresses();
    delivery::note(job, (target, result), &desk.terms, is_believed, now);
}
