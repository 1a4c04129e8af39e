//! Ingest: gathers what arrives from all lanes and admits it in batches.
//!
//! A message that was delivered often before may be what kills the engine: it is admitted alone,
//! one a lane at a time, so that it does not wear out its neighbours.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Supervised};

use super::hold::Turn;
use super::jobs::Arrived;
use crate::broker::Arrival;
use crate::domain::Lane;
use crate::runtime::{Alarm, Batch, Tasks, clock, failpoint, mailbox};

mod admission;
mod claiming;
mod people;
mod refusal;
mod renewal;

pub use admission::Admission;

/// Batches admitted at the same time: two keep both cores and the database busy.
const CONCURRENT: usize = 2;
/// Deliveries before this one from which a message is worked alone. Lost connections count, too,
/// and a broker's restart is no reason to work all that was prefetched one by one.
const SUSPECT: u64 = 5;

/// The actor.
pub struct Ingest {
    admission: Arc<Admission>,
    tasks: Tasks,
    batch: usize,
    linger: Duration,
    state: State,
}

struct State {
    waiting: Batch<Arrival>,
    running: Vec<bool>,
    suspects: Vec<Suspects>,
    alarm: Alarm,
}

/// The suspects of a lane, and whether one is being worked on.
#[derive(Default)]
struct Suspects {
    waiting: VecDeque<Arrival>,
    busy: bool,
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
    pub fn new(admission: Arc<Admission>, tasks: Tasks, batch: usize, linger: Duration) -> Self {
        let state = State::new(batch, linger);
        Self {
            admission,
            tasks,
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
        let done = self.turn(ctx, Finished::Batch(worker));
        let admission = Arc::clone(&self.admission);
        self.tasks.spawn("admit", async move {
            let _done = done;
            admission.admit(worker, batch, None).await;
        });
    }

    fn admit_suspect(&mut self, lane: Lane, ctx: &mut Context<Self>) {
        let Some(suspects) = self.state.suspects.get_mut(lane.index()) else {
            return;
        };
        if suspects.busy {
            return;
        }
        let Some(arrival) = suspects.waiting.pop_front() else {
            return;
        };
        suspects.busy = true;
        let turn = self.turn(ctx, Finished::Suspect(lane));
        let admission = Arc::clone(&self.admission);
        self.tasks.spawn("admit alone", async move {
            admission.admit(CONCURRENT, vec![arrival], Some(turn)).await;
        });
    }

    /// Tells this actor when something is finished, however it ends.
    fn turn(&self, ctx: &mut Context<Self>, finished: Finished) -> Turn {
        let address = ctx.address();
        Turn(Box::new(move || mailbox::post(&address, finished)))
    }
}

impl State {
    fn new(batch: usize, linger: Duration) -> Self {
        Self {
            waiting: Batch::new(batch, linger),
            running: vec![false; CONCURRENT],
            suspects: (0..Lane::COUNT).map(|_| Suspects::default()).collect(),
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
enum Finished {
    Batch(usize),
    Suspect(Lane),
}

impl Actor for Ingest {
    type Context = Context<Self>;
}

impl Supervised for Ingest {
    /// What waited returns to the broker by itself; batches under way end by themselves.
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.state = State::new(self.batch, self.linger);
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

impl Handler<Finished> for Ingest {
    type Result = ();

    fn handle(&mut self, finished: Finished, ctx: &mut Context<Self>) {
        match finished {
            Finished::Batch(worker) => {
                if let Some(running) = self.state.running.get_mut(worker) {
                    *running = false;
                }
                self.pump(ctx);
            }
            Finished::Suspect(lane) => {
                if let Some(suspects) = self.state.suspects.get_mut(lane.index()) {
                    suspects.busy = false;
                }
                self.admit_suspect(lane, ctx);
            }
        }
    }
}
