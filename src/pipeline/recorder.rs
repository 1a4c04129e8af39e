//! Recorder: stores what became of jobs, then acknowledges. The only place that redeems a claim guard.

use std::fmt;
use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, Supervised};

use crate::runtime::{Alarm, clock, failpoint, mailbox};
use crate::work::job::Wake;

mod releasing;
mod settling;

pub use settling::Settling;

/// Batches settled at the same time: two keep the database busy on two cores; more gain nothing.
const CONCURRENT: usize = 2;

/// The actor.
pub struct Recorder {
    settling: Arc<Settling>,
    state: RecorderState,
}

#[derive(Default)]
struct RecorderState {
    running: usize,
    releasing: bool,
    alarm: Alarm,
}

/// A batch was settled, or put back.
#[derive(Debug, Clone, Copy, actix::Message)]
#[rtype(result = "()")]
enum SettlingEnded {
    Batch,
    Release,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("settle_queue", &self.settling.node.settle_queue)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// A recorder that empties the node's queues of outcomes and of abandoned claims.
    #[must_use]
    pub fn new(settling: Arc<Settling>) -> Self {
        Self {
            settling,
            state: RecorderState::default(),
        }
    }

    fn pump(&mut self, ctx: &mut Context<Self>) {
        while self.state.running < CONCURRENT {
            let (now, running) = (clock::instant(), self.state.running);
            let Some(batch) = self.settling.node.settle_queue.take_ready(now, running) else {
                break;
            };
            self.state.running += 1;
            let done = Self::says_when_done(ctx, SettlingEnded::Batch);
            let batch = settling::Unsettled::new(batch, self.settling.node.settle_queue.clone());
            let settling = Arc::clone(&self.settling);
            self.settling.node.tasks.spawn("settle", async move {
                settling.settle(batch, done).await;
            });
        }
        self.release(ctx);
        self.arm(ctx);
    }

    /// Gives abandoned claims back, then their deliveries.
    fn release(&mut self, ctx: &mut Context<Self>) {
        if self.state.releasing {
            return;
        }
        let abandoned = self.settling.node.claim_guards.release_queue.take();
        if abandoned.is_empty() {
            return;
        }
        self.state.releasing = true;
        let done = Self::says_when_done(ctx, SettlingEnded::Release);
        let settling = Arc::clone(&self.settling);
        let unreleased = releasing::Unreleased::new(
            abandoned,
            self.settling.node.claim_guards.release_queue.clone(),
        );
        self.settling
            .node
            .tasks
            .spawn("release claims", async move {
                settling.release(unreleased, done).await;
            });
    }

    /// Tells this actor that something is finished, however it ends.
    fn says_when_done(ctx: &Context<Self>, what: SettlingEnded) -> impl Drop + Send + use<> {
        let address = ctx.address();
        scopeguard::guard((), move |()| mailbox::post(&address, what))
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        if self.state.running >= CONCURRENT {
            return;
        }
        if let Some(due) = self.settling.node.settle_queue.due(self.state.running) {
            self.state.alarm.set(due, ctx, |recorder: &mut Self, ctx| {
                recorder.state.alarm.rang();
                recorder.pump(ctx);
            });
        }
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;

    /// After a restart, what waits in the settle queue is still there.
    fn started(&mut self, ctx: &mut Context<Self>) {
        self.pump(ctx);
    }
}

impl Supervised for Recorder {
    /// What is under way goes on by itself, and is no longer counted.
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.state = RecorderState::default();
    }
}

impl Handler<Wake> for Recorder {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        failpoint::hit("recorder");
        self.pump(ctx);
    }
}

impl Handler<SettlingEnded> for Recorder {
    type Result = ();

    fn handle(&mut self, what: SettlingEnded, ctx: &mut Context<Self>) {
        match what {
            SettlingEnded::Batch => self.state.running = self.state.running.saturating_sub(1),
            SettlingEnded::Release => self.state.releasing = false,
        }
        self.pump(ctx);
    }
}
