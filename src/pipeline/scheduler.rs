//! Scheduler: brings back what waited in the database once it is due, no more than there are free
//! permits for. Of a paused channel it brings one notification at a time, as the probe.

mod bounds;
mod call_back;
mod crowded_lanes;
mod lost_takes;
mod pauses;
mod probing;
mod refusing;
mod ring;
mod suspect;
mod take;
mod unreadable;
mod waiters;

pub use pauses::Pauses;
pub use suspect::SuspectGate;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Supervised};
use tokio::sync::Mutex;
use uuid::Uuid;

use self::bounds::Bounds;
use self::call_back::Waits;
use self::crowded_lanes::CrowdedLane;
use self::lost_takes::LostTakes;
use self::refusing::Refusing;
use crate::delivery::NodeContext;
use crate::domain::Lane;
use crate::runtime::{Permit, clock, failpoint, mailbox};
use crate::store::StoreError;
use crate::store::due::{self, Taking};
use crate::store::lease::RunId;
use crate::store::observed::{Duty, DutyStanding};
use crate::store::takes::Takes;
use crate::work::Dispatchers;
use crate::work::job::Wake;
use crate::work::lane_permits::LanePermits;

/// Most notifications taken of one lane at once.
const MOST: usize = 256;

/// How long outcomes may be refused before nothing is taken: one that fails once says little.
const REFUSED: Duration = Duration::from_millis(500);

/// The actor.
pub struct Scheduler {
    poller: Arc<Poller>,
    poll: Duration,
    running: bool,
    again: bool,
}

/// What a look at the database needs.
#[derive(Debug)]
pub struct Poller {
    /// What the node shares.
    pub node: Arc<NodeContext>,
    /// The lanes to look at.
    pub lanes: Vec<Lane>,
    /// Permits by lane.
    pub permits: LanePermits,
    /// Where jobs go.
    pub dispatchers: Dispatchers,
    /// Which channels are paused.
    pub pauses: Pauses,
    /// What is known from looks before. Locked during a look: a second one would let go of what the
    /// first is just taking.
    pub looking: Mutex<Looking>,
    /// Numbers takes of rows, wherever in this process they are made.
    pub takes: Arc<Takes>,
    /// The rows in hand that may be what ends the process.
    pub suspects: SuspectGate,
}

/// What one look leaves to the next. A new process begins with nothing, and misses nothing.
#[derive(Debug, Default)]
pub struct Looking {
    /// The run that looks.
    run: RunId,
    /// What takes may have left behind.
    lost_takes: LostTakes,
    /// From when on anything is due.
    bounds: Bounds,
    /// Lanes in which more was due than could be taken.
    crowded_lanes: HashMap<Lane, CrowdedLane>,
    /// Who waits for which account.
    waits: Waits,
    /// Rows that cannot be taken.
    refusing: Refusing,
}

/// A look has ended.
#[derive(Debug, Clone, Copy, actix::Message)]
#[rtype(result = "()")]
struct PollEnded {
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
    pub const fn new(poller: Arc<Poller>, poll: Duration) -> Self {
        Self {
            poller,
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
        if self.poller.node.phases.stop.is_raised() {
            return;
        }
        self.running = true;
        let (poller, address) = (Arc::clone(&self.poller), ctx.address());
        self.poller
            .node
            .tasks
            .spawn("take what is due", async move {
                // Told however it ends.
                let mut found_more = scopeguard::guard(false, |more| {
                    mailbox::post(&address, PollEnded { more });
                });
                match poller.take().await {
                    Ok(more) => *found_more = more,
                    Err(error) => {
                        tracing::warn!(%error, "due notifications could not be taken; trying again")
                    }
                }
            });
    }
}

impl Poller {
    /// Takes what is due and sends it on its way; whether there may be more.
    async fn take(&self) -> Result<bool, StoreError> {
        let Some(run) = self.node.run_unless(&self.node.phases.stop).await else {
            return Ok(false);
        };
        // What is sent now could not be recorded, and a death of this node would send it again.
        if refuses_outcomes(&self.node.database.standing(Duty::Settling)) {
            return Ok(false);
        }
        let mut looking = self.looking.lock().await;
        looking.run = run;
        let looked = self.look(&mut looking).await;
        if let Err(error) = &looked
            && !error.may_be_of_one_row()
        {
            looking.bounds.forget();
            looking.crowded_lanes.clear();
        }
        looked
    }

    async fn look(&self, looking: &mut Looking) -> Result<bool, StoreError> {
        self.let_go(looking.run, &mut looking.lost_takes).await;
        let heeded = self.heed().await;
        let lanes = self.flowing();
        if let Some(to_measure) = looking
            .bounds
            .due_measurement(&self.lanes, clock::instant())
        {
            let now = clock::now();
            let fronts = due::fronts(&self.node.database, &to_measure).await?;
            looking.bounds.measured(&fronts, now);
        }
        // What fails for one row's sake does not stop the rest.
        let called = only_of_rows(self.call_back(looking, &lanes).await)?;
        let mut permits = self.free_permits(&lanes, MOST);
        let taken = only_of_rows(self.take_due(looking, &mut permits).await)?;
        let more = heeded || permits.values().any(Vec::is_empty);
        let probed = only_of_rows(self.probe(looking).await)?;
        called.and(taken).and(probed).map(|()| more)
    }

    /// Makes due what waits by a preference that has changed; whether there was any. What is due by itself goes
    /// on meanwhile.
    async fn heed(&self) -> bool {
        match due::requeue_changed_preferences(&self.node.database, clock::now()).await {
            Ok(heeded) => heeded.is_some(),
            Err(error) => {
                tracing::warn!(%error, "changed preferences could not be applied; trying again");
                false
            }
        }
    }

    /// The next take.
    fn taking<'a>(&self, run: RunId, refusing: &'a [Uuid]) -> Taking<'a> {
        Taking {
            run,
            take: self.takes.next(run),
            refusing,
        }
    }

    /// Lets go of lost takes. What cannot be let go of now is later; what is due goes on meanwhile.
    async fn let_go(&self, run: RunId, lost_takes: &mut LostTakes) {
        let Some((takes, until)) = lost_takes.due(clock::instant()) else {
            return;
        };
        match due::let_go(&self.node.database, run, &takes, until, &self.lanes).await {
            Ok(()) => lost_takes.let_go(clock::instant()),
            Err(error) => {
                tracing::warn!(%error, "rows of a lost take could not be released yet");
                lost_takes.wait(clock::instant());
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
}

/// Whether PostgreSQL refuses to store outcomes. One that only takes long may still be stored.
fn refuses_outcomes(settling: &DutyStanding) -> bool {
    let failing = settling.failing.as_ref();
    failing.is_some_and(|(age, error)| error.is_some() && *age >= REFUSED)
}

/// The outer error is one that would meet everything else, too.
fn only_of_rows(done: Result<(), StoreError>) -> Result<Result<(), StoreError>, StoreError> {
    match done {
        Err(error) if !error.may_be_of_one_row() => Err(error),
        done => Ok(done),
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

impl Handler<PollEnded> for Scheduler {
    type Result = ();

    fn handle(&mut self, looked: PollEnded, ctx: &mut Context<Self>) {
        self.running = false;
        if looked.more || std::mem::take(&mut self.again) {
            self.look(ctx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_while_outcomes_are_refused() {
        let failing = |age, error| DutyStanding {
            at_work: true,
            failing: Some((age, error)),
            succeeded: None,
        };
        let refused = Some(StoreError::ReadOnly);
        assert!(refuses_outcomes(&failing(REFUSED, refused.clone())));
        let moment = REFUSED / 2;
        assert!(!refuses_outcomes(&failing(moment, refused)), "once");
        let long = REFUSED * 20;
        assert!(!refuses_outcomes(&failing(long, None)), "still under way");
        assert!(!refuses_outcomes(&DutyStanding::default()));
    }
}
