//! Gathering: orders wait until a batch is full or old enough, and their number is bounded.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::adopted::AdoptedClaim;
use super::{AcceptAnswer, AcceptOrder, Acceptor, NotAccepted};
use crate::runtime::{Batch, clock};

/// Batches stored at the same time: two keep both cores and the database busy.
const CONCURRENT: usize = 2;
/// Most orders that wait or are worked on.
const MOST_ORDERS: usize = 10_000;
/// Most bytes of their messages.
const MOST_BYTES: usize = 64 * 1_024 * 1_024;
/// Longest time until the orders of a call are answered.
pub(super) const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// An order that waits for its answer. Whoever asked may have gone; dropped without an answer, it says that there
/// is none.
#[derive(Debug)]
pub(super) struct WaitingOrder {
    pub(super) order: AcceptOrder,
    /// How often it was put back, since its key was another's that is not stored yet.
    pub(super) looks: u32,
    /// The claim under whose id it is accepted.
    pub(super) adopts: Option<AdoptedClaim>,
    answer: oneshot::Sender<AcceptAnswer>,
    _room: OccupiedRoom,
}

impl WaitingOrder {
    pub(super) fn answer(self, answer: AcceptAnswer) {
        // Whoever asked may have gone.
        let _ = self.answer.send(answer);
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }
}

/// How much waits or is worked on.
#[derive(Debug, Default)]
struct RoomInUse {
    orders: usize,
    bytes: usize,
}

/// What one order takes of the room; it is free when this is dropped.
#[derive(Debug)]
struct OccupiedRoom {
    bytes: usize,
    room: Arc<Mutex<RoomInUse>>,
}

impl Drop for OccupiedRoom {
    fn drop(&mut self) {
        let mut room = lock(&self.room);
        room.orders = room.orders.saturating_sub(1);
        room.bytes = room.bytes.saturating_sub(self.bytes);
    }
}

/// The orders that wait.
pub(super) struct Gatherer {
    gathered: Mutex<GatheredOrders>,
    room: Arc<Mutex<RoomInUse>>,
    changed: Notify,
}

struct GatheredOrders {
    waiting: Batch<WaitingOrder>,
    running: Vec<bool>,
    is_closed: bool,
}

impl fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gatherer")
            .field("room", &lock(&self.room))
            .finish_non_exhaustive()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gatherer {
    /// One that is closed until somebody runs it.
    pub(super) fn new(batch: usize, linger: Duration) -> Self {
        Self {
            gathered: Mutex::new(GatheredOrders {
                waiting: Batch::new(batch, linger),
                running: vec![false; CONCURRENT],
                is_closed: false,
            }),
            room: Arc::default(),
            changed: Notify::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        let room = lock(&self.room);
        room.orders >= MOST_ORDERS || room.bytes >= MOST_BYTES
    }

    /// Puts orders into the next batch, and waits for their answers until then: all of them, or none if there is no
    /// room.
    pub(super) async fn ask(&self, orders: Vec<AcceptOrder>, until: Instant) -> Vec<AcceptAnswer> {
        let many = orders.len();
        let answers = match self.push(orders) {
            Ok(answers) => answers,
            Err(why) => return vec![Err(why); many],
        };
        let mut answered = Vec::with_capacity(many);
        for answer in answers {
            answered.push(match timeout_at(until, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(NotAccepted::Unavailable("nobody answered".to_owned())),
                Err(_) => Err(NotAccepted::Unavailable(format!(
                    "not stored within {} s",
                    ANSWERED_WITHIN.as_secs()
                ))),
            });
        }
        answered
    }

    fn push(
        &self,
        orders: Vec<AcceptOrder>,
    ) -> Result<Vec<oneshot::Receiver<AcceptAnswer>>, NotAccepted> {
        let rooms = self.occupy(&orders)?;
        let mut gathered = lock(&self.gathered);
        if gathered.is_closed {
            return Err(NotAccepted::Closed);
        }
        let (mut waiting, mut answers) = (vec![], vec![]);
        for (order, room) in orders.into_iter().zip(rooms) {
            let (answer, answered) = oneshot::channel();
            answers.push(answered);
            waiting.push(WaitingOrder {
                order,
                looks: 0,
                adopts: None,
                answer,
                _room: room,
            });
        }
        gathered.waiting.extend(waiting, clock::instant());
        drop(gathered);
        self.changed.notify_one();
        Ok(answers)
    }

    fn occupy(&self, orders: &[AcceptOrder]) -> Result<Vec<OccupiedRoom>, NotAccepted> {
        let mut room = lock(&self.room);
        let bytes: usize = orders.iter().map(|order| order.bytes).sum();
        if room.orders + orders.len() > MOST_ORDERS || room.bytes + bytes > MOST_BYTES {
            return Err(NotAccepted::Overloaded);
        }
        room.orders += orders.len();
        room.bytes += bytes;
        let occupied = orders.iter().map(|order| OccupiedRoom {
            bytes: order.bytes,
            room: Arc::clone(&self.room),
        });
        Ok(occupied.collect())
    }

    /// Puts orders back, to be looked at once more; none of them once it is closed.
    pub(super) fn put_back(&self, orders: Vec<WaitingOrder>) {
        let mut gathered = lock(&self.gathered);
        if gathered.is_closed {
            drop(gathered);
            for order in orders {
                order.answer(Err(NotAccepted::Closed));
            }
            return;
        }
        gathered.waiting.extend(orders, clock::instant());
        drop(gathered);
        self.changed.notify_one();
    }

    fn close(&self) {
        lock(&self.gathered).is_closed = true;
    }

    /// The next batch that is ready, with the number of who works on it, and else when one will be.
    fn next(&self) -> Result<(usize, Vec<WaitingOrder>), Option<Instant>> {
        let mut gathered = lock(&self.gathered);
        let (now, is_closed) = (clock::instant(), gathered.is_closed);
        let running = gathered.running.iter().filter(|running| **running).count();
        let Some(worker) = gathered.running.iter().position(|running| !running) else {
            return Err(None);
        };
        let batch = match is_closed && !gathered.waiting.is_empty() {
            true => Some(gathered.waiting.take(now)),
            false => gathered.waiting.take_ready(now, running),
        };
        match batch {
            Some(batch) => {
                if let Some(running) = gathered.running.get_mut(worker) {
                    *running = true;
                }
                Ok((worker, batch))
            }
            None => Err(gathered.waiting.due(running)),
        }
    }

    fn ended(&self, worker: usize) {
        if let Some(running) = lock(&self.gathered).running.get_mut(worker) {
            *running = false;
        }
        self.changed.notify_one();
    }

    fn is_over(&self) -> bool {
        let gathered = lock(&self.gathered);
        let is_idle = gathered.running.iter().all(|running| !running);
        gathered.is_closed && gathered.waiting.is_empty() && is_idle
    }
}

impl Acceptor {
    /// Stores what is gathered, until the engine stops: what came by then is still answered.
    pub async fn run(self: Arc<Self>) {
        let node = &self.context.node;
        let gatherer = &self.gatherer;
        loop {
            let due = match gatherer.next() {
                Ok((worker, batch)) => {
                    self.work(worker, batch);
                    continue;
                }
                Err(due) => due,
            };
            if gatherer.is_over() {
                return;
            }
            let is_stopping = node.phases.stop.is_raised();
            tokio::select! {
                () = gatherer.changed.notified() => {}
                () = async { sleep_until(due.unwrap_or_else(clock::instant)).await }, if due.is_some() => {}
                () = node.phases.stop.raised(), if !is_stopping => gatherer.close(),
            }
            if is_stopping {
                gatherer.close();
            }
        }
    }

    fn work(self: &Arc<Self>, worker: usize, mut batch: Vec<WaitingOrder>) {
        batch.retain(WaitingOrder::is_wanted);
        let acceptor = Arc::clone(self);
        // Free again however it ends.
        let slot = scopeguard::guard(Arc::clone(self), move |it| it.gatherer.ended(worker));
        self.context.node.tasks.spawn("accept", async move {
            acceptor.store(worker, batch, slot).await;
        });
    }
}
