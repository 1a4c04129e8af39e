//! Keeps the lease of this node's run, and ends those of others that are over.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::domain::{Severity, SystemEvent};
use crate::ops::event_reporter::{self, EventReporter};
use crate::runtime::clock::{self, Sighting, Uptime};
use crate::runtime::{Health, Shutdown};
use crate::store::lease::{LeaseConnection, RegisteredRun};
use crate::store::{Database, StoreError};
use crate::telemetry::Metrics;
use crate::work::lease_gate::LeaseGate;

/// The name under which `/readyz` shows the lease.
const PART: &str = "lease";
/// Wait before a heartbeat is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// The name under which `/readyz` shows the clock.
const CLOCK: &str = "clock";
/// The `event_type` of a clock that is off.
const CLOCK_OFF: &str = "node_clock_off";
/// How far a node's own clock may be from the database's without a word: what NTP lets happen.
const CLOCK_BOUND: SignedDuration = SignedDuration::from_secs(5);
/// From here on the node is not ready. Its own clock decides on nothing that is sent, but certificates
/// are judged by it, and one that is wrong by an hour may be the database's.
const CLOCK_LIMIT: SignedDuration = SignedDuration::from_hours(1);
/// So many heartbeats can fail before the lease runs out.
const TRIES: u32 = 3;

/// Registers a run, keeps its lease, and opens the lease gate while it is held, until `stop` is raised.
///
/// A run that was taken for dead, or whose row is gone, is followed by a new one.
#[derive(Debug)]
pub struct LeaseKeeper {
    /// The database.
    pub database: Database,
    /// The lease gate to open and close.
    pub lease_gate: LeaseGate,
    /// This node's name.
    pub node_name: String,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// How long this node goes on after its last heartbeat.
    pub lease: Duration,
    /// Shows how far the clock is off.
    pub metrics: Arc<Metrics>,
    /// Tells operators whether the lease is held.
    pub health: Health,
    /// Ends the run.
    pub stop: Shutdown,
}

/// What is held at the moment.
#[derive(Debug, Default)]
struct HeldLease {
    session: Option<LeaseConnection>,
    run: Option<RegisteredRun>,
    /// When the lease is over.
    until: Uptime,
    /// Whether operators know that there is trouble.
    told: bool,
    /// What they are told of the clock.
    clock: watch::Sender<Option<SystemEvent>>,
}

impl LeaseKeeper {
    /// Keeps the lease until told to stop; then ends the run in good order.
    pub async fn run(self) {
        let held = HeldLease::default();
        let event_reporter = EventReporter {
            database: self.database.clone(),
            lease_gate: self.lease_gate.clone(),
            again: event_reporter::AGAIN,
            stop: self.stop.clone(),
        };
        let told = event_reporter.tell(CLOCK_OFF, held.clock.subscribe());
        tokio::join!(self.keep(held), told);
    }

    async fn keep(self, mut held: HeldLease) {
        while !self.stop.is_raised() {
            let wait = match self.bounded(self.renew(&mut held)).await {
                Ok(()) => self.heartbeat,
                Err(error) => {
                    // Whatever it is good for still: a new one costs little.
                    held.session = None;
                    // A connection that was closed is replaced at once; what fails again is not.
                    let wait = if held.told { AGAIN } else { Duration::ZERO };
                    self.failed(&mut held, &error);
                    wait.min(self.heartbeat)
                }
            };
            self.stop.or(tokio::time::sleep(wait)).await;
        }
        self.lease_gate.close();
        if let Err(error) = self.bounded(self.end(&mut held)).await {
            tracing::warn!(%error, "the run could not be ended; other nodes wait until its lease expires");
        }
    }

    /// A heartbeat, over a new connection if need be.
    async fn renew(&self, held: &mut HeldLease) -> Result<(), StoreError> {
        let session = match &mut held.session {
            Some(session) => session,
            none => {
                none.insert(LeaseConnection::open(&self.database, self.attempt_timeout()).await?)
            }
        };
        let mut sent = clock::uptime();
        let (mut now, mut answered) = (None, sent);
        if let Some(run) = &held.run {
            now = session.beat(run, self.lease).await?;
            answered = clock::uptime();
            if now.is_none() {
                tracing::warn!(
                    run = run.run.0,
                    "another node ended this node's run; a new run begins, and unsent notifications will be retried"
                );
                self.lease_gate.close();
                held.run = None;
            }
        }
        let run = match (&held.run, now) {
            (Some(run), Some(_)) => run,
            _ => {
                sent = clock::uptime();
                let version = env!("CARGO_PKG_VERSION");
                let (run, shown) = session
                    .register(&self.node_name, version, self.lease)
                    .await?;
                (now, answered) = (Some(shown), clock::uptime());
                tracing::info!(run = run.run.0, "a run is registered");
                held.run.insert(run)
            }
        };
        held.until = sent + self.lease;
        self.lease_gate.renew(run.run, held.until);
        if std::mem::take(&mut held.told) {
            tracing::info!("the lease is renewed");
        }
        self.health.up(PART);
        if let Some(shown) = now {
            let asked = sent;
            let ahead = clock::follow(Sighting {
                asked,
                answered,
                shown,
            });
            self.metrics.clock_offset(ahead);
            self.watch_clock(&held.clock, ahead);
        }
        bury(session).await;
        Ok(())
    }

    /// Tells operators of a clock that is off, and that it is right again: beside the heartbeats, which an
    /// event that cannot be written must not delay.
    fn watch_clock(&self, told: &watch::Sender<Option<SystemEvent>>, ahead: SignedDuration) {
        let (off, seconds) = (ahead.abs(), ahead.as_secs_f64());
        let words = format!("this node's clock is {seconds:.1} s ahead of the database's");
        if off > CLOCK_LIMIT {
            self.health.down(CLOCK, words.as_str());
        } else {
            self.health.up(CLOCK);
        }
        let (is_off, was_off) = (off > CLOCK_BOUND, told.borrow().is_some());
        if is_off == was_off {
            return;
        }
        if is_off {
            tracing::warn!(
                seconds,
                "the node's clock is wrong; the database's clock is used"
            );
        } else {
            tracing::info!(seconds, "the node's clock is correct again");
        }
        told.send_replace(is_off.then(|| self.clock_event(&words, seconds)));
    }

    fn clock_event(&self, words: &str, seconds: f64) -> SystemEvent {
        let details = [
            ("node", self.node_name.as_str().into()),
            ("seconds", seconds.into()),
        ];
        let details = details.map(|(name, value): (&str, Value)| (name.to_owned(), value));
        SystemEvent {
            event_type: CLOCK_OFF.to_owned(),
            severity: Severity::Medium,
            description: format!("node `{}`: {words}", self.node_name),
            details: Map::from_iter(details),
            tenant_id: None,
            user_id: None,
        }
    }

    /// Whether others still take it for living is not known: no call is started on a guess, though the
    /// lease may last for a while. It is told once.
    fn failed(&self, held: &mut HeldLease, error: &StoreError) {
        let Some(run) = held.run.as_ref().map(|held| held.run) else {
            self.health.down(PART, error.to_string());
            let told = std::mem::replace(&mut held.told, true);
            if !told {
                tracing::warn!(%error, "no run could be registered; trying again");
            }
            return;
        };
        self.lease_gate.renew(run, clock::uptime());
        if clock::uptime() >= held.until {
            self.health.down(PART, error.to_string());
        }
        if !std::mem::replace(&mut held.told, true) {
            // Whatever has happened to this session may have happened to the others.
            self.database.distrust();
            tracing::warn!(%error, "the heartbeat failed; no provider is called until the lease is renewed");
        }
    }

    async fn end(&self, held: &mut HeldLease) -> Result<(), StoreError> {
        let Some(run) = &held.run else { return Ok(()) };
        match &mut held.session {
            Some(session) => session.end(run).await,
            None => {
                let mut session =
                    LeaseConnection::open(&self.database, self.attempt_timeout()).await?;
                session.end(run).await
            }
        }
    }

    /// What takes longer counts as failed: a connection over a broken network would else be believed
    /// in until TCP gives up, and there must be time for another before the lease is over.
    fn attempt_timeout(&self) -> Duration {
        self.lease / TRIES
    }

    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.attempt_timeout(), work).await {
            Ok(done) => done,
            Err(_) => Err(StoreError::Unavailable("no answer in time".to_owned())),
        }
    }
}

/// Ends the runs whose leases are over. When that fails, the next heartbeat tries again.
async fn bury(connection: &mut LeaseConnection) {
    match connection.bury().await {
        Ok(buried) => {
            for dead in buried {
                let (run, node) = (dead.run.0, dead.node_name);
                tracing::warn!(
                    run,
                    node,
                    "another run's lease expired; its work is taken over"
                );
            }
        }
        Err(error) => tracing::debug!(%error, "expired runs could not be ended"),
    }
}
