//! Keeps actors alive through panics.
//!
//! `actix::Supervisor` does not: an actor that panics is silently dead and what waits in its
//! mailbox is lost. This one owns the actor's future, in which mailbox and address live, polls it
//! inside `catch_unwind`, keeps it on a panic, waits out a back-off and restarts it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use actix::dev::ContextFut;
use actix::{Actor, Addr, AsyncContext, Context, Supervised};
use tokio::time::Sleep;

use super::tasks::panic_text;
use super::{Ending, Health, Shutdown, clock};
use crate::resilience::Backoff;
use crate::resilience::restart_intensity::{RestartDecision, RestartIntensity};

/// Restarts allowed within [`RESTART_WINDOW`] before the process gives up.
const RESTART_LIMIT: usize = 10;
/// The window of [`RESTART_LIMIT`].
const RESTART_WINDOW: Duration = Duration::from_secs(60);
/// First and longest wait before a restart.
const RESTART_BACKOFF: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(5));

/// Starts actors and keeps them alive.
#[derive(Clone)]
pub struct Supervisor {
    health: Health,
    shutdown: Shutdown,
    on_restart: Arc<dyn Fn(&str) + Send + Sync>,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A supervisor that keeps `health` up to date, raises `shutdown` when an actor cannot be kept
    /// alive, and calls `on_restart` with an actor's role at each restart.
    #[must_use]
    pub fn new(
        health: Health,
        shutdown: Shutdown,
        on_restart: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Self {
        Self {
            health,
            shutdown,
            on_restart,
        }
    }

    /// An actor of this name is no longer wanted: its health no longer counts.
    pub fn forget(&self, name: &str) {
        self.health.forget(name);
    }

    /// Starts an actor on the current arbiter. `role` is its name in metrics (`provider`), `name`
    /// the one in logs and `/readyz` (`provider sendgrid-main`).
    ///
    /// The actor's `restarting` must replace its whole state: it may be half changed.
    pub fn start<A>(&self, role: &'static str, name: &str, actor: A) -> Addr<A>
    where
        A: Actor<Context = Context<A>> + Supervised,
    {
        self.start_with(role, name, |_| actor)
    }

    /// Like [`Self::start`], for an actor that needs its own address.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts actors"
    )]
    pub fn start_with<A>(
        &self,
        role: &'static str,
        name: &str,
        create: impl FnOnce(Addr<A>) -> A,
    ) -> Addr<A>
    where
        A: Actor<Context = Context<A>> + Supervised,
    {
        let context = Context::new();
        let address = context.address();
        let actor = create(address.clone());
        self.health.up(name);
        actix_rt::spawn(Life {
            future: Some(Box::new(context.into_future(actor))),
            wait: None,
            intensity: RestartIntensity::new(RESTART_LIMIT, RESTART_WINDOW, RESTART_BACKOFF),
            born: clock::instant(),
            role,
            name: name.to_owned(),
            supervisor: self.clone(),
        });
        address
    }
}

/// One actor's life, over all its restarts.
struct Life<A>
where
    A: Actor<Context = Context<A>>,
{
    future: Option<Box<ContextFut<A, Context<A>>>>,
    wait: Option<Pin<Box<Sleep>>>,
    intensity: RestartIntensity,
    born: tokio::time::Instant,
    role: &'static str,
    name: String,
    supervisor: Supervisor,
}

impl<A> Future for Life<A>
where
    A: Actor<Context = Context<A>> + Supervised,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if let Some(wait) = &mut this.wait {
                std::task::ready!(wait.as_mut().poll(poller));
                this.wait = None;
                if let Err(panic) = this.guarded(ContextFut::restart) {
                    this.died(&*panic);
                    continue;
                }
                this.supervisor.health.up(&this.name);
            }
            match this.guarded(|future| Pin::new(future).poll(poller)) {
                Ok(Some(Poll::Pending)) => return Poll::Pending,
                // An orderly stop, or the end after too many deaths.
                Ok(Some(Poll::Ready(())) | None) => return Poll::Ready(()),
                Err(panic) => this.died(&*panic),
            }
        }
    }
}

impl<A> Life<A>
where
    A: Actor<Context = Context<A>> + Supervised,
{
    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut ContextFut<A, Context<A>>) -> T,
    ) -> std::thread::Result<Option<T>> {
        let Some(future) = self.future.as_deref_mut() else {
            return Ok(None);
        };
        catch_unwind(AssertUnwindSafe(|| work(future))).map(Some)
    }

    fn died(&mut self, panic: &(dyn std::any::Any + Send)) {
        let text = panic_text(panic);
        (self.supervisor.on_restart)(self.role);
        self.supervisor
            .health
            .down(&self.name, "restarting after a panic");
        match self
            .intensity
            .died(clock::instant().duration_since(self.born))
        {
            RestartDecision::RestartAfter(wait) => {
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                tracing::error!(
                    actor = self.name,
                    panic = text,
                    wait_ms,
                    "an actor panicked"
                );
                self.wait = Some(Box::pin(tokio::time::sleep(wait)));
            }
            RestartDecision::GiveUp => self.give_up(text),
        }
    }

    /// Ends the actor without polling it again, and the process with it.
    fn give_up(&mut self, text: &str) {
        tracing::error!(
            actor = self.name,
            panic = text,
            "an actor keeps panicking; the process ends"
        );
        if let Some(mut future) = self.future.take() {
            // Without this the future's own drop would poll the broken actor once more.
            actix::ActorContext::terminate(future.ctx());
        }
        let ending = format!("actor `{}` keeps panicking: {text}", self.name);
        self.supervisor.shutdown.raise(Ending::Fatal(ending));
    }
}

#[cfg(test)]
mod tests;
