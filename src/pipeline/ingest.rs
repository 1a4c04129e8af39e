//! Ingest: gathers what arrives from all lanes and admits it in batches.
//!
//! A message that was delivered often before may be what kills the engine: it is admitted alone,
//! one a lane at a time, so that it does not wear out its neighbours. One whose claim says that no
//! run died of it has only been returned often: the next one need not wait for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Supervised};

use crate::broker::Arrival;
use crate::broker::publisher::Publisher;
use crate::delivery::NodeContext;
use crate::domain::Lane;
use crate::runtime::{Alarm, Batch, clock, failpoint, mailbox};
use crate::store::takes::Takes;
use crate::work::Dispatchers;
use crate::work::claim_guard::{SoloGuard, solo_guard};
use crate::work::job::Arrived;

mod admission;
mod claiming;
mod held;
mod message;
mod pointers;
mod recipients;
mod refusal;
mod renewal;
mod suspicion;
mod waiting;

pub(crate) use message::key_reused;
pub(crate) use recipients::{nobody, said_now};
pub use waiting::KeyWaiters;
pub(crate) use waiting::key_holder;

/// Batches admitted at the same time: two keep both cores and the database busy.
const CONCURRENT: usize = 2;
/// Deliveries before this one from which a message is looked at alone. Every return counts, also an
/// orderly one and a lost connection.
const SUSPECT: u64 = 5;
/// Longest that others wait for a suspect: one that ends the process does so within moments, and one
/// that waits for its account must not hold up all that are behind it, unacknowledged.
const LONGEST_TURN: Duration = Duration::from_secs(5);

/// What admission needs.
#[derive(Debug)]
pub struct Admission {
    /// What the node shares.
    pub node: Arc<NodeContext>,
    /// Numbers takes of claims.
    pub takes: Takes,
    /// The messages whose keys other runs work on.
    pub waiting: KeyWaiters,
    /// Whose turn it is to ask again for what somebody has locked: one connection is enough for that.
    pub later: tokio::sync::Mutex<()>,
    /// How long a key is remembered.
    pub window: Duration,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// Publishes what cannot be accepted.
    pub publisher: Arc<Publisher>,
    /// Where jobs go.
    pub dispatchers: Dispatchers,
}

/// The actor.
pub struct Ingest {
    admission: Arc<Admission>,
    batch: usize,
    linger: Duration,
    state: IngestState,
}

struct IngestState {
    waiting: Batch<Arrival>,
    running: Vec<bool>,
    suspects: Vec<SuspectQueue>,
    alarm: Alarm,
}

/// The suspects of a lane, and whether one is being worked on.
#[derive(Default)]
struct SuspectQueue {
    waiting: VecDeque<Arrival>,
    /// The number of the turn that is under way.
    busy: Option<u64>,
    turns: u64,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest")
            .field("waiting", &self.state.waiting.len())
            .finish_non_exhaustive()
    }
}

impl Ingest {
    /// An ingest actor that admits batches of at most `batch` messages, smaller ones after
    /// `linger`.
    #[must_use]
    pub fn new(admission: Arc<Admission>, batch: usize, linger: Duration) -> Self {
        let state = IngestState::new(batch, linger);
        Self {
            admission,
            batch,
            linger,
            state,
        }
    }

    fn pump(&mut self, ctx: &mut Context<Self>) {
        while let Some(worker) = self.state.running.iter().position(|running| !running) {
            let Some(batch) = self
                .state
                .waiting
                .take_ready(clock::instant(), self.state.busy())
            else {
                break;
            };
            self.admit(worker, batch, ctx);
        }
        self.arm(ctx);
    }

    /// Wakes up when what waits is old enough.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        if self.state.busy() == CONCURRENT {
            return;
        }
        if let Some(due) = self.state.waiting.due(self.state.busy()) {
            self.state.alarm.set(due, ctx, |ingest: &mut Self, ctx| {
                ingest.state.alarm.rang();
                ingest.pump(ctx);
            });
        }
    }

    fn admit(&mut self, worker: usize, batch: Vec<Arrival>, ctx: &mut Context<Self>) {
        if let Some(running) = self.state.running.get_mut(worker) {
            *running = true;
        }
        let done = self.solo(ctx, AdmissionEnded::Batch(worker));
        let admission = Arc::clone(&self.admission);
        self.admission.node.tasks.spawn("admit", async move {
            let _done = done;
            admission.admit(worker, batch, None).await;
        });
    }

    fn admit_suspect(&mut self, lane: Lane, ctx: &mut Context<Self>) {
        let Some(suspects) = self.state.suspects.get_mut(lane.index()) else {
            return;
        };
        if suspects.busy.is_some() {
            return;
        }
        let Some(arrival) = suspects.waiting.pop_front() else {
            return;
        };
        suspects.turns += 1;
        let number = suspects.turns;
        suspects.busy = Some(number);
        ctx.run_later(LONGEST_TURN, move |ingest, ctx| {
            ingest.end_turn(lane, number, ctx);
        });
        let solo = self.solo(ctx, AdmissionEnded::Suspect(lane, number));
        let admission = Arc::clone(&self.admission);
        self.admission.node.tasks.spawn("admit alone", async move {
            admission.admit(CONCURRENT, vec![arrival], Some(solo)).await;
        });
    }

    /// Lets the next suspect of a lane begin, unless it has begun already.
    fn end_turn(&mut self, lane: Lane, number: u64, ctx: &mut Context<Self>) {
        if let Some(suspects) = self.state.suspects.get_mut(lane.index())
            && suspects.busy == Some(number)
        {
            suspects.busy = None;
            self.admit_suspect(lane, ctx);
        }
    }

    /// Tells this actor when something is finished, however it ends.
    fn solo(&self, ctx: &mut Context<Self>, finished: AdmissionEnded) -> SoloGuard {
        let address = ctx.address();
        solo_guard(move || mailbox::post(&address, finished))
    }
}

impl IngestState {
    fn new(batch: usize, linger: Duration) -> Self {
        Self {
            waiting: Batch::new(batch, linger),
            running: vec![false; CONCURRENT],
            suspects: (0..Lane::COUNT).map(|_| SuspectQueue::default()).collect(),
            alarm: Alarm::default(),
        }
    }

    /// How many batches are being admitted.
    fn busy(&self) -> usize {
        self.running.iter().filter(|running| **running).count()
    }
}

/// Something that was being admitted no longer is.
#[derive(Debug, Clone, Copy, actix::Message)]
#[rtype(result = "()")]
enum AdmissionEnded {
    Batch(usize),
    Suspect(Lane, u64),
}

impl Actor for Ingest {
    type Context = Context<Self>;
}

impl Supervised for Ingest {
    /// What waited returns to the broker by itself; batches under way end by themselves.
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.state = IngestState::new(self.batch, self.linger);
    }
}

impl Handler<Arrived> for Ingest {
    type Result = ();

    fn handle(&mut self, Arrived(arrivals): Arrived, ctx: &mut Context<Self>) {
        failpoint::hit("ingest");
        let (suspects, plain): (Vec<_>, Vec<_>) = arrivals
            .into_iter()
            .partition(|arrival| arrival.deliveries_before >= SUSPECT);
        for suspect in suspects {
            let lane = suspect.lane;
            if let Some(suspects) = self.state.suspects.get_mut(lane.index()) {
                suspects.waiting.push_back(suspect);
            }
            self.admit_suspect(lane, ctx);
        }
        self.state.waiting.extend(plain, clock::instant());
        self.pump(ctx);
    }
}

impl Handler<AdmissionEnded> for Ingest {
    type Result = ();

    fn handle(&mut self, finished: AdmissionEnded, ctx: &mut Context<Self>) {
        match finished {
            AdmissionEnded::Batch(worker) => {
                if let Some(running) = self.state.running.get_mut(worker) {
                    *running = false;
                }
                self.pump(ctx);
            }
            AdmissionEnded::Suspect(lane, number) => self.end_turn(lane, number, ctx),
        }
    }
}
