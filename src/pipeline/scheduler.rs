//! Scheduler: brings back what waited in the database once it is due, no more than there are free
//! permits for. Of a paused channel it brings one notification at a time, as the probe.

mod pauses;
mod probing;
mod strays;
mod unreadable;

pub use pauses::Pauses;
pub use strays::Strays;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Supervised};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::dispatcher::Dispatchers;
use super::fence::Fence;
use super::hold::{Hold, Holder};
use super::jobs::{Job, Wake};
use super::judge::{Addressed, Judge};
use super::lanes::LanePermits;
use super::outbox::Abandoned;
use crate::domain::{Lane, Notification, Recipient};
use crate::runtime::{Permit, Shutdown, Tasks, clock, failpoint, mailbox};
use crate::store::due::{self, Taken};
use crate::store::lease::RunId;
use crate::store::settle::Origin;
use crate::store::{Database, StoreError};

/// Most notifications taken of one lane at once.
const MOST: usize = 256;

/// The actor.
pub struct Scheduler {
    round: Arc<Round>,
    tasks: Tasks,
    poll: Duration,
    running: bool,
    again: bool,
}

/// What a look at the database needs.
#[derive(Debug)]
pub struct Round {
    /// The database.
    pub database: Database,
    /// This run, the owner of what is taken.
    pub run: RunId,
    /// The lanes to look at.
    pub lanes: Vec<Lane>,
    /// Permits by lane.
    pub permits: LanePermits,
    /// Knows people, and what must not be sent to.
    pub judge: Arc<Judge>,
    /// Makes holds.
    pub holder: Holder,
    /// Where jobs go.
    pub dispatchers: Dispatchers,
    /// Passed before anything is taken: a run that holds no lease owns nothing.
    pub fence: Fence,
    /// Which channels are paused.
    pub pauses: Pauses,
    /// What takes may have left behind. Locked during a look: a second one would let go of what the
    /// first is just taking.
    pub strays: Mutex<Strays>,
    /// Stops taking.
    pub stop: Shutdown,
}

/// A look has ended.
#[derive(Debug, Clone, Copy, actix::Message)]
#[rtype(result = "()")]
struct Looked {
    /// Whether a lane gave as many as were asked for: there may be more.
    more: bool,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl Scheduler {
    /// A scheduler that looks at least every `poll`.
    #[must_use]
    pub const fn new(round: Arc<Round>, tasks: Tasks, poll: Duration) -> Self {
        Self {
            round,
            tasks,
            poll,
            running: false,
            again: false,
        }
    }

    fn look(&mut self, ctx: &Context<Self>) {
        if self.running {
            self.again = true;
            return;
        }
        if self.round.stop.is_raised() {
            return;
        }
        self.running = true;
        let (round, end) = (Arc::clone(&self.round), End::new(ctx.address()));
        self.tasks.spawn("take what is due", async move {
            match round.take().await {
                Ok(more) => end.say(more),
                Err(error) => {
                    tracing::warn!(%error, "what is due could not be taken; trying again")
                }
            }
        });
    }
}

/// Tells the scheduler that a look has ended, however it ends.
struct End {
    address: actix::Addr<Scheduler>,
    more: bool,
}

impl End {
    const fn new(address: actix::Addr<Scheduler>) -> Self {
        Self {
            address,
            more: false,
        }
    }

    fn say(mut self, more: bool) {
        self.more = more;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        mailbox::post(&self.address, Looked { more: self.more });
    }
}

impl Round {
    /// Takes what is due and sends it on its way; whether there may be more.
    async fn take(&self) -> Result<bool, StoreError> {
        if self.stop.or(self.fence.pass()).await.is_none() {
            return Ok(false);
        }
        let mut strays = self.strays.lock().await;
        self.let_go(&mut strays).await;
        let lanes = self.flowing();
        self.wake(&lanes).await?;
        let mut permits = self.free_permits(&lanes, MOST);
        let asked: Vec<(Lane, usize)> = permits
            .iter()
            .map(|(lane, free)| (*lane, free.len()))
            .collect();
        let mut more = false;
        if !asked.is_empty() {
            let now = clock::now();
            let take = due::take(&self.database, self.run, now, &asked);
            self.bring(now, take, &mut permits, &mut strays).await?;
            more = permits.values().any(Vec::is_empty);
        }
        self.probe(&mut strays).await?;
        Ok(more)
    }

    /// Lets go of strays. What cannot be let go of now is later; what is due goes on meanwhile.
    async fn let_go(&self, strays: &mut Strays) {
        let Some(until) = strays.due(clock::instant()) else {
            return;
        };
        let held = self.holder.in_flight.rows();
        match due::let_go(&self.database, self.run, until, &self.lanes, held).await {
            Ok(()) => strays.let_go(clock::instant()),
            Err(error) => {
                tracing::warn!(%error, "rows of a take whose answer was lost cannot be freed yet");
                strays.wait(clock::instant());
            }
        }
    }

    /// Permits that are free, of each lane that has any.
    fn free_permits(&self, lanes: &[Lane], most: usize) -> HashMap<Lane, Vec<Permit>> {
        let free = |lane: &Lane| Some((*lane, self.permits.scheduler(*lane)?.take_free(most)));
        lanes
            .iter()
            .filter_map(free)
            .filter(|(_, free)| !free.is_empty())
            .collect()
    }

    /// Takes what is due by `until`, and sends it on its way; says how many that were. Until all of it
    /// is held, there are strays.
    async fn bring(
        &self,
        until: Timestamp,
        take: impl Future<Output = Result<Taken, StoreError>>,
        permits: &mut HashMap<Lane, Vec<Permit>>,
        strays: &mut Strays,
    ) -> Result<usize, StoreError> {
        let (before, epoch) = (*strays, self.fence.epoch());
        strays.expect(clock::instant(), until);
        let taken = take.await?;
        failpoint::hit("scheduler.take");
        if !taken.unreadable.is_empty() {
            self.give_back(&taken.unreadable).await;
        }
        let count = taken.notifications.len() + taken.unreadable.len();
        let mut held = Vec::with_capacity(taken.notifications.len());
        for notification in taken.notifications {
            // There is a permit for each: no more were asked for.
            let Some(permit) = permits.get_mut(&notification.lane).and_then(Vec::pop) else {
                break;
            };
            let (key, lane, id) = (notification.key, notification.lane, notification.id);
            match self.holder.taken(key, lane, id, permit, epoch) {
                Some(hold) => held.push((notification, hold)),
                None => self.holder.outbox.abandon(Abandoned {
                    key,
                    id,
                    origin: Origin::Database,
                    is_held: false,
                }),
            }
        }
        *strays = before;
        failpoint::hit("scheduler.taken");
        self.send(held).await;
        Ok(count)
    }

    /// Loads the people and dispatches. The holds give the rows back if that fails.
    async fn send(&self, held: Vec<(Notification, Hold)>) {
        if held.is_empty() {
            return;
        }
        let known_at = clock::now();
        let whose = held.iter().map(|(one, _)| (one.tenant_id, one.user_id));
        let people = match self.judge.people.load_now(whose).await {
            Ok(people) => people,
            Err(error) => {
                tracing::warn!(%error, "recipients could not be loaded; what was due comes again");
                return;
            }
        };
        let (arrived, now) = (clock::instant(), clock::now());
        let mut jobs = Vec::with_capacity(held.len());
        for (notification, hold) in held {
            let whose = (notification.tenant_id, notification.user_id);
            match people.get(&whose).cloned() {
                Some(recipient) => {
                    let mut job = Job::new(notification, recipient, hold, None, arrived);
                    job.known_at = known_at;
                    jobs.push(job);
                }
                None => {
                    let nobody = Arc::new(Recipient::nobody(whose));
                    let job = Job::new(notification, nobody, hold, None, arrived);
                    self.holder.outbox.push(job.end_without_person(now));
                }
            }
        }
        match self.judge.suppressed(jobs.iter().map(Addressed::of)).await {
            Ok(mut listed) => {
                for job in &mut jobs {
                    job.suppressed = listed.remove(&job.notification.id).unwrap_or_default();
                }
                self.dispatchers.dispatch(jobs);
            }
            Err(error) => {
                tracing::warn!(%error, "suppressions could not be looked for; what was due comes again");
            }
        }
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(self.poll, |scheduler, ctx| scheduler.look(ctx));
        self.look(ctx);
    }
}

impl Supervised for Scheduler {
    fn restarting(&mut self, _: &mut Context<Self>) {
        (self.running, self.again) = (false, false);
    }
}

impl Handler<Wake> for Scheduler {
    type Result = ();

    /// Something may be due.
    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        failpoint::hit("scheduler");
        self.look(ctx);
    }
}

impl Handler<Looked> for Scheduler {
    type Result = ();

    fn handle(&mut self, looked: Looked, ctx: &mut Context<Self>) {
        self.running = false;
        if looked.more || std::mem::take(&mut self.again) {
            self.look(ctx);
        }
    }
}
