//! Waiting for an account's limit and pace, before it is known which job goes: the most urgent one
//! at that moment does.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::tokens::{Leased, Token};
use super::{Desk, Lines, worker};
use crate::runtime::clock;

/// Wait before the database is asked again after it failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// What to do while there is no token.
enum Step {
    Go(Token),
    Wait(Duration),
    Lease,
}

/// For what a token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// For whatever is first in the queue by then.
    Queued,
    /// For a job that has left the queue already.
    Held,
}

/// Waits until a request may go. [`Token::None`] when there is no point in waiting: nothing is
/// queued, the account is not asked or no longer in use, or no calls are made any more.
///
/// An account without a limit that is not slowed costs a look at two numbers.
pub(super) async fn wait(desk: &Desk, queue: &Lines, want: Want) -> Token {
    if let Step::Go(token) = step(desk) {
        return token;
    }
    let Some(_turn) = desk.no_calls.or(desk.health.tokens().turn.lock()).await else {
        return Token::None;
    };
    let mut waited = Waited::default();
    loop {
        // From before the look, so that no change is missed between it and the wait.
        let mut changed = std::pin::pin!(desk.health.changed());
        changed.as_mut().enable();
        let waiting = queue.jobs.len() + usize::from(want == Want::Held);
        let nothing_to_wait_for = waiting == 0
            || desk.no_calls.is_raised()
            || desk.retirement.is_retired()
            || desk.health.refused_for().is_some();
        if nothing_to_wait_for {
            break Token::None;
        }
        let wait = match step(desk) {
            Step::Go(token) => break token,
            Step::Wait(wait) => Some(wait),
            Step::Lease => lease(desk, waiting).await,
        };
        if let Some(wait) = wait {
            waited.from(desk);
            pause(desk, queue, wait, changed).await;
        }
    }
}

fn step(desk: &Desk) -> Step {
    let tokens = desk.health.tokens();
    let Some(token) = tokens.take() else {
        return Step::Lease;
    };
    match desk.health.take_pace() {
        Ok(()) => Step::Go(token),
        Err(wait) => {
            tokens.put_back(token);
            Step::Wait(wait)
        }
    }
}

async fn lease(desk: &Desk, waiting: usize) -> Option<Duration> {
    match desk.health.tokens().lease(&desk.database, waiting).await {
        Ok(Leased::Some) => None,
        Ok(Leased::NoneFor(wait)) => Some(wait),
        Ok(Leased::Paused(wait)) => {
            desk.health.pause(wait);
            // A long one is not waited for here, which the next look finds.
            desk.health.refused_for().is_none().then_some(wait)
        }
        Err(error) => {
            let provider = &desk.account.name;
            tracing::warn!(%error, provider, "no tokens could be leased: the account waits");
            Some(AFTER_FAILURE)
        }
    }
}

/// Waits, but not past the moment when something has waited too long or the account changes.
async fn pause(desk: &Desk, queue: &Lines, wait: Duration, changed: Pin<&mut Notified<'_>>) {
    let now = clock::instant();
    let patience = queue.jobs.oldest().map(|since| since + desk.queue_wait);
    let until = patience.map_or(now + wait, |patience| patience.min(now + wait));
    let looks_again = async {
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = changed => {}
        }
    };
    desk.no_calls.or(looks_again).await;
    give_up_waiting(desk, queue);
}

/// What has waited here for too long waits in the database, where it takes no place from others.
pub(super) fn give_up_waiting(desk: &Desk, queue: &Lines) {
    let Some(then) = clock::instant().checked_sub(desk.queue_wait) else {
        return;
    };
    let now = clock::now();
    for job in queue.jobs.waiting_since(then) {
        worker::wait_elsewhere(desk, job, now);
    }
}

/// Counts how long queued work waited, however the wait ends.
#[derive(Default)]
struct Waited<'a> {
    since: Option<(&'a Desk, Instant)>,
}

impl<'a> Waited<'a> {
    fn from(&mut self, desk: &'a Desk) {
        self.since.get_or_insert_with(|| (desk, clock::instant()));
    }
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        if let Some((desk, since)) = self.since {
            let waited = clock::instant().saturating_duration_since(since);
            desk.counts.throttled(waited);
        }
    }
}
