//! An actor's wake-up call.

use actix::{Actor, AsyncContext, Context, SpawnHandle};
use tokio::time::Instant;

use super::clock;

/// At most one wake-up call of an actor, which may be brought forward.
#[derive(Debug, Default)]
pub struct Alarm(Option<(SpawnHandle, Instant)>);

impl Alarm {
    /// Wakes the actor at `due`, unless it is woken before that anyway. It must say that it
    /// [rang](Self::rang).
    pub fn set<A>(
        &mut self,
        due: Instant,
        ctx: &mut Context<A>,
        ring: impl FnOnce(&mut A, &mut Context<A>) + 'static,
    ) where
        A: Actor<Context = Context<A>>,
    {
        if self.0.as_ref().is_some_and(|(_, set)| *set <= due) {
            return;
        }
        if let Some((later, _)) = self.0.take() {
            ctx.cancel_future(later);
        }
        let wait = due.saturating_duration_since(clock::instant());
        self.0 = Some((ctx.run_later(wait, ring), due));
    }

    /// It rang: the next one may be set.
    pub fn rang(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;

    struct Sleeper {
        alarm: Alarm,
        rings: UnboundedSender<u64>,
    }

    impl Actor for Sleeper {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Context<Self>) {
            let now = clock::instant();
            for seconds in [20, 10, 30] {
                let due = now + Duration::from_secs(seconds);
                let mut alarm = std::mem::take(&mut self.alarm);
                alarm.set(due, ctx, move |sleeper: &mut Self, _| {
                    sleeper.alarm.rang();
                    sleeper.rings.send(seconds).unwrap();
                });
                self.alarm = alarm;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn alarm_rings_once_at_the_earliest_time() {
        let (rings, mut heard) = unbounded_channel();
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let alarm = Alarm::default();
                let address = Sleeper { alarm, rings }.start();
                assert_eq!(heard.recv().await, Some(10));
                let later = tokio::time::timeout(Duration::from_secs(60), heard.recv());
                assert!(later.await.is_err());
                drop(address);
            })
            .await;
    }
}
