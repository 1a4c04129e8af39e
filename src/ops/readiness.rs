//! Whether claims and outcomes can be stored: what `/readyz` says of the parts `claiming` and
//! `settling`, and the event that operators find afterwards.
//!
//! Ready means that the work succeeds, not that a connection is there. While nothing is to be done,
//! the very statements of the work are tried without a row.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::{Severity, SystemEvent};
use crate::ops::event_reporter::{self, EventReporter};
use crate::runtime::{Health, Shutdown, Tasks};
use crate::store::lease::RunId;
use crate::store::observed::Duty;
use crate::store::{Database, StoreError};
use crate::work::lease_gate::LeaseGate;

/// For how long work may fail before the part is down: a lost connection is no reason.
const DOWN_AFTER: Duration = Duration::from_secs(3);
/// Time without a success after which the statements are tried.
const IDLE: Duration = Duration::from_secs(3);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// The same, until everything has succeeded once.
const FIRST_LOOK: Duration = Duration::from_millis(50);

/// Watches the duties until told to stop.
#[derive(Debug, Clone)]
pub struct ReadinessWatch {
    /// The database.
    pub database: Database,
    /// This run.
    pub run: RunId,
    /// Says which run has the trouble, later on.
    pub lease_gate: LeaseGate,
    /// The node's name, for the event.
    pub node: String,
    /// Where it is told.
    pub health: Health,
    /// Where trials are made.
    pub tasks: Tasks,
    /// Ends it.
    pub stop: Shutdown,
}

/// A duty, as it was seen last.
struct Watched {
    duty: Duty,
    tries: Arc<AtomicBool>,
    works: bool,
    /// What operators are told.
    ailment: watch::Sender<Option<SystemEvent>>,
}

impl ReadinessWatch {
    /// Looks until told to stop.
    pub async fn run(self) {
        let mut duties = Duty::ALL.map(|duty| self.watched(duty));
        while !self.stop.is_raised() {
            for watched in &mut duties {
                self.look(watched);
            }
            let all_work = duties.iter().all(|watched| watched.works);
            let pause = if all_work { LOOK } else { FIRST_LOOK };
            self.stop.or(tokio::time::sleep(pause)).await;
        }
    }

    fn watched(&self, duty: Duty) -> Watched {
        let ailment = watch::Sender::new(None);
        let event_reporter = EventReporter {
            database: self.database.clone(),
            lease_gate: self.lease_gate.clone(),
            again: event_reporter::AGAIN,
            stop: self.stop.clone(),
        };
        let told = event_reporter.tell(event_type(duty), ailment.subscribe());
        self.tasks.spawn("write readiness events", told);
        Watched {
            duty,
            tries: Arc::default(),
            works: false,
            ailment,
        }
    }

    fn look(&self, watched: &mut Watched) {
        let duty = watched.duty;
        let standing = self.database.standing(duty);
        match standing.failing {
            Some((age, error)) if age >= DOWN_AFTER => {
                let why = why(age, error.as_ref());
                if watched.works || watched.ailment.borrow().is_none() {
                    tracing::warn!(
                        part = duty.part(),
                        why,
                        "claims or outcomes cannot be stored"
                    );
                }
                watched.works = false;
                self.health.down(duty.part(), why.clone());
                watched.ailment.send_if_modified(|told| {
                    let begins = told.is_none();
                    *told = Some(self.event(duty, why));
                    begins
                });
            }
            _ if standing.succeeded.is_some_and(|age| age < IDLE) => {
                watched.works = true;
                self.health.up(duty.part());
                watched
                    .ailment
                    .send_if_modified(|told| told.take().is_some());
            }
            _ => {}
        }
        if !standing.at_work && standing.succeeded.is_none_or(|age| age >= IDLE) {
            self.try_out(watched);
        }
    }

    /// Tries the statement without a row, one at a time.
    fn try_out(&self, watched: &Watched) {
        if watched.tries.swap(true, Ordering::Relaxed) {
            return;
        }
        let (this, duty) = (self.clone(), watched.duty);
        let tries = Arc::clone(&watched.tries);
        self.tasks.spawn("try to store", async move {
            let tried = this.stop.or(this.database.try_out(duty, this.run)).await;
            if tried.is_some_and(|tried| tried.is_err()) {
                this.stop.or(tokio::time::sleep(LOOK)).await;
            }
            tries.store(false, Ordering::Relaxed);
        });
    }

    fn event(&self, duty: Duty, why: String) -> SystemEvent {
        let mut details = serde_json::Map::new();
        details.insert("node".to_owned(), self.node.clone().into());
        details.insert("why".to_owned(), why.into());
        let what = match duty {
            Duty::Claiming => "Nothing can be taken on: PostgreSQL does not store claims",
            Duty::Settling => "Nothing is acknowledged: PostgreSQL does not store outcomes",
        };
        SystemEvent {
            event_type: event_type(duty).to_owned(),
            severity: Severity::Critical,
            description: what.to_owned(),
            details,
            tenant_id: None,
            user_id: None,
        }
    }
}

const fn event_type(duty: Duty) -> &'static str {
    match duty {
        Duty::Claiming => "claims_not_stored",
        Duty::Settling => "outcomes_not_stored",
    }
}

fn why(age: Duration, error: Option<&StoreError>) -> String {
    match error {
        Some(error) => error.to_string(),
        None => format!("no answer from postgresql for {} s", age.as_secs()),
    }
}
