//! A run over time: what each process uses, what was published, what waits.
//!
//! It must stay cheap, because it takes its time from what is measured: processes are read twice a
//! second, and a server is asked again only after twenty times as long as its answer took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_postgres::Client;

use crate::harness::management::Management;
use crate::harness::usage::{self, Sample};
use crate::ledger::{Ledger, locked};
use crate::publisher::Progress;
use crate::simulator::{Provider, Simulator};

mod timeline;

pub(crate) use timeline::value_at;
pub use timeline::{Glimpse, Timeline, Waiting};

const EVERY: Duration = Duration::from_millis(500);
const ASK_EVERY: Duration = Duration::from_secs(1);
/// So many times as long as an answer took nothing is asked.
const REST: u32 = 20;

/// The engine's processes, by name; they may come and go during a run.
#[derive(Clone, Debug, Default)]
pub struct Roster(Arc<Mutex<BTreeMap<String, u32>>>);

impl Roster {
    /// The node `name` is the process `pid` from now on.
    pub fn enter(&self, name: &str, pid: u32) {
        locked(&self.0).insert(name.to_owned(), pid);
    }

    /// The node `name` does not run any more.
    pub fn leave(&self, name: &str) {
        locked(&self.0).remove(name);
    }

    fn all(&self) -> Vec<(String, u32)> {
        locked(&self.0)
            .iter()
            .map(|(name, pid)| (name.clone(), *pid))
            .collect()
    }
}

/// The servers beside the engine, as far as they can be looked at from here.
#[derive(Debug, Default)]
pub struct Servers {
    postgresql: Option<u32>,
    rabbitmq: Option<u32>,
    rows: Option<Client>,
    queues: Option<(Management, String)>,
}

impl Servers {
    /// Nothing known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Looks at the database through `client`, whose tables are the engine's.
    pub async fn database(mut self, client: Client) -> Self {
        self.postgresql = usage::postgresql(&client).await;
        self.rows = Some(client);
        self
    }

    /// Looks at a virtual host of the broker at `url`.
    #[must_use]
    pub fn broker(mut self, admin: Management, url: &str) -> Self {
        self.rabbitmq = usage::rabbitmq(url);
        let (_, vhost) = url.rsplit_once('/').unwrap_or_default();
        self.queues = Some((admin, vhost.to_owned()));
        self
    }
}

/// What a watch looks at.
#[derive(Debug)]
pub struct Subjects {
    /// The engine's nodes.
    pub roster: Roster,
    /// The servers.
    pub servers: Servers,
    /// What is published.
    pub progress: Arc<Progress>,
    /// Its clock is that of the timeline.
    pub ledger: Arc<Ledger>,
    /// The simulators, as far as their requests are of interest.
    pub simulators: Arc<Vec<Simulator>>,
}

/// A watch at work.
#[derive(Debug)]
pub struct Watch {
    timeline: Arc<Mutex<Timeline>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Begins to watch.
    #[must_use]
    pub fn start(subjects: Subjects) -> Self {
        let timeline = Arc::new(Mutex::new(Timeline::default()));
        let Servers {
            postgresql,
            rabbitmq,
            rows,
            queues,
        } = subjects.servers;
        let ledger = subjects.ledger.clone();
        let processes = Processes {
            roster: subjects.roster,
            postgresql,
            rabbitmq,
            progress: subjects.progress,
            ledger: subjects.ledger,
            simulators: subjects.simulators,
        };
        let tasks = vec![
            tokio::spawn(processes.watch(timeline.clone())),
            tokio::spawn(watch_waiting(rows, queues, ledger, timeline.clone())),
        ];
        Self { timeline, tasks }
    }

    /// What was last seen waiting.
    #[must_use]
    pub fn waiting(&self) -> Option<Waiting> {
        locked(&self.timeline).waiting.last().copied()
    }

    /// Ends, and hands out what was seen.
    #[must_use]
    pub fn finish(self) -> Timeline {
        for task in &self.tasks {
            task.abort();
        }
        std::mem::take(&mut *locked(&self.timeline))
    }
}

struct Processes {
    roster: Roster,
    postgresql: Option<u32>,
    rabbitmq: Option<u32>,
    progress: Arc<Progress>,
    ledger: Arc<Ledger>,
    simulators: Arc<Vec<Simulator>>,
}

impl Processes {
    async fn watch(self, timeline: Arc<Mutex<Timeline>>) {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let glimpse = self.look();
            locked(&timeline).glimpses.push(glimpse);
        }
    }

    fn look(&self) -> Glimpse {
        let known = |pid: Option<u32>, look: fn(u32) -> anyhow::Result<Sample>| {
            pid.and_then(|pid| look(pid).ok())
        };
        let node =
            |(name, pid): (String, u32)| Sample::take(pid).ok().map(|sample| (name, (pid, sample)));
        let requests = |simulator: &Simulator| (simulator.provider(), simulator.stats().requests);
        Glimpse {
            at_micros: self.ledger.clock_micros(),
            nodes: self.roster.all().into_iter().filter_map(node).collect(),
            postgresql: known(self.postgresql, usage::family),
            rabbitmq: known(self.rabbitmq, Sample::take),
            instrument: Sample::take(std::process::id()).ok(),
            published: self.progress.published(),
            requests: self
                .simulators
                .iter()
                .map(requests)
                .collect::<BTreeMap<Provider, u64>>(),
        }
    }
}

async fn watch_waiting(
    rows: Option<Client>,
    queues: Option<(Management, String)>,
    ledger: Arc<Ledger>,
    timeline: Arc<Mutex<Timeline>>,
) {
    if rows.is_none() && queues.is_none() {
        return;
    }
    loop {
        let asked = Instant::now();
        let pending = match &rows {
            Some(client) => pending_rows(client).await,
            None => None,
        };
        let totals = match &queues {
            Some((admin, vhost)) => lane_totals(admin, vhost).await,
            None => None,
        };
        let seen = Waiting {
            at_micros: ledger.clock_micros(),
            ready: totals.map(|(ready, _)| ready),
            in_hand: totals.map(|(_, in_hand)| in_hand),
            pending,
        };
        locked(&timeline).waiting.push(seen);
        sleep(ASK_EVERY.max(asked.elapsed() * REST)).await;
    }
}

async fn pending_rows(client: &Client) -> Option<u64> {
    let count = "SELECT count(*) FROM notifications WHERE status = 'pending'";
    let row = client.query_one(count, &[]).await.ok()?;
    u64::try_from(row.try_get::<_, i64>(0).ok()?).ok()
}

/// Ready and unacknowledged messages of the lanes; what was rejected waits for people.
async fn lane_totals(admin: &Management, vhost: &str) -> Option<(u64, u64)> {
    let queues = admin.queues(vhost).await.ok()?;
    let lanes = queues
        .iter()
        .filter(|queue| queue.name != "herald.rejected");
    Some(lanes.fold((0, 0), |(ready, in_hand), queue| {
        (
            ready + queue.messages_ready,
            in_hand + queue.messages_unacknowledged,
        )
    }))
}
