//! Waiting for an account's limit and pace, before it is known which job goes: the most urgent one
//! at that moment does.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::exits::give_up;
use super::{AccountContext, AccountQueue};
use crate::machine::account::{AFTER_FAILURE, Leased, Question, RateToken, Turn};
use crate::runtime::clock;
use crate::store::rates;

/// For what a token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// For whatever is first in the queue by then.
    Queued,
    /// For a job that has left the queue already.
    Held,
}

/// Waits until a request may go. [`RateToken::None`] when there is no point in waiting: nothing is
/// queued, the account is not asked or no longer in use, or no calls are made any more.
pub(super) async fn wait(context: &AccountContext, queue: &AccountQueue, want: Want) -> RateToken {
    if let Turn::Go(token) = context.health.turn_at_once(1) {
        return token;
    }
    let Some(_refill) = context
        .node
        .phases
        .no_calls
        .or(context.health.refill())
        .await
    else {
        return RateToken::None;
    };
    let mut waited = Waited::default();
    loop {
        // From before the look, so that no change is missed between it and the wait.
        let mut changed = std::pin::pin!(context.health.changed());
        changed.as_mut().enable();
        let waiting = queue.jobs.len() + usize::from(want == Want::Held);
        let is_over = context.node.phases.no_calls.is_raised() || context.retirement.is_retired();
        let wait = match context.health.turn(waiting, is_over) {
            Turn::Go(token) => break token,
            Turn::Nothing => break RateToken::None,
            Turn::Wait(wait) => Some(wait),
            Turn::Lease(question) => lease(context, question).await,
        };
        if let Some(wait) = wait {
            waited.from(context);
            pause(context, queue, wait, changed).await;
        }
    }
}

/// Asks the database for tokens. Says how long to wait before the next look, if not at once.
async fn lease(context: &AccountContext, question: Question) -> Option<Duration> {
    let ask = rates::TokenRequest {
        provider_id: context.account.id,
        interval: question.rate.interval,
        burst: question.rate.burst,
        tokens: question.tokens,
    };
    match rates::lease(&context.node.database, ask).await {
        Ok(lease) => {
            let leased = Leased {
                granted: lease.granted,
                retry_in: lease.retry_in,
                paused_for: lease.paused_for,
            };
            context.health.leased(question, leased)
        }
        Err(error) => {
            let provider = &context.account.name;
            tracing::warn!(%error, provider, "no rate-limit tokens could be leased; the account waits");
            Some(AFTER_FAILURE)
        }
    }
}

/// Waits, but not past the moment when something has waited too long or the account changes.
async fn pause(
    context: &AccountContext,
    queue: &AccountQueue,
    wait: Duration,
    changed: Pin<&mut Notified<'_>>,
) {
    let until = queue.jobs.look_again_at(wait, context.queue_wait);
    let looks_again = async {
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = changed => {}
        }
    };
    context.node.phases.no_calls.or(looks_again).await;
    give_up_waiting(context, queue);
}

/// What has waited here for too long waits in the database, where it takes no place from others.
pub(super) fn give_up_waiting(context: &AccountContext, queue: &AccountQueue) {
    for job in queue.jobs.take_stale(context.queue_wait) {
        give_up(context, job);
    }
}

/// Counts how long queued work waited, however the wait ends.
#[derive(Default)]
struct Waited<'a> {
    since: Option<(&'a AccountContext, Instant)>,
}

impl<'a> Waited<'a> {
    fn from(&mut self, context: &'a AccountContext) {
        self.since
            .get_or_insert_with(|| (context, clock::instant()));
    }
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        if let Some((context, since)) = self.since {
            let waited = clock::instant().saturating_duration_since(since);
            context.counts.throttled(waited);
        }
    }
}
