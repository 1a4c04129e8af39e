//! What becomes of an account's health is told: in the log, in `provider_health`, and to operators.

mod words;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::{Account, CircuitState, Severity, SystemEvent};
use crate::machine::account::CircuitCause;
use crate::resilience::LimitChange;
use crate::runtime::{Shutdown, Tasks};
use crate::store::provider_health::{self, HealthChange};
use crate::store::{Database, StoreError, rates, system_events};
use crate::work::lease_gate::LeaseGate;
use crate::work::retry::retry_until_ok;
use words::{
    ACCOUNT_REFUSED, CIRCUIT_OPEN, CREDENTIALS_REFUSED, LIMIT_REACHED, PLATFORM_REFUSED,
    TOO_MANY_DEAD, event_of, words,
};

/// What is to be told of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HealthReport {
    /// It is not asked for a while.
    Open {
        cause: CircuitCause,
        /// A probe has failed: it was open before.
        again: bool,
        wait: Duration,
        /// The provider's last code.
        code: Option<String>,
        /// What was said of the account with it.
        said: Option<String>,
    },
    /// It works.
    Closed {
        /// It did not before, and this node knows it.
        recovered: bool,
    },
    /// It is no longer used.
    Gone,
}

/// Tells of one account. What changes faster than it can be written is written as it is last.
pub struct Reporter {
    database: Database,
    lease_gate: LeaseGate,
    tasks: Tasks,
    giving_up: Shutdown,
    provider_id: Uuid,
    provider: String,
    queue: Mutex<ReportQueue>,
}

#[derive(Default)]
struct ReportQueue {
    next: Option<HealthReport>,
    writing: bool,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

impl Reporter {
    /// The reporter of an account; what it has not written when `giving_up` is raised stays unsaid.
    #[must_use]
    pub fn new(
        account: &Account,
        database: Database,
        lease_gate: LeaseGate,
        tasks: Tasks,
        giving_up: Shutdown,
    ) -> Self {
        Self {
            database,
            lease_gate,
            tasks,
            giving_up,
            provider_id: account.id,
            provider: account.name.clone(),
            queue: Mutex::default(),
        }
    }

    pub(super) fn tell(self: &Arc<Self>, report: HealthReport) {
        self.log(&report);
        let mut queue = self.queue();
        queue.next = Some(report);
        if std::mem::replace(&mut queue.writing, true) {
            return;
        }
        drop(queue);
        let reporter = Arc::clone(self);
        self.tasks
            .spawn("report trouble", async move { reporter.write_all().await });
    }

    /// The provider asks everybody to wait: other nodes learn it with their next question for
    /// tokens. Those of an account without a limit ask no such question, and learn it themselves.
    pub(super) fn share_pause(&self, wait: Duration, limit: Option<u32>) {
        if limit.is_none() {
            return;
        }
        let (database, provider_id) = (self.database.clone(), self.provider_id);
        self.tasks.spawn("share a pause", async move {
            if let Err(error) = rates::pause(&database, provider_id, wait).await {
                tracing::warn!(%error, "a provider's pause could not be shared with other nodes");
            }
        });
    }

    /// It calls too many addresses dead to be believed, or is believed again.
    pub(super) fn tell_of_dead_addresses(self: &Arc<Self>, change: LimitChange) {
        let provider = &self.provider;
        match change {
            LimitChange::Exceeded => tracing::error!(
                provider,
                "an account reports too many dead addresses; no address is retired or suppressed for now"
            ),
            LimitChange::Over => {
                tracing::info!(
                    provider,
                    "the account reports few dead addresses again; they are retired and suppressed again"
                );
            }
        }
        let reporter = Arc::clone(self);
        self.tasks.spawn("report dead addresses", async move {
            let write = || reporter.write_dead_addresses(change);
            retry_until_ok("reporting dead addresses", &reporter.giving_up, write).await;
        });
    }

    async fn write_dead_addresses(&self, change: LimitChange) -> Result<(), StoreError> {
        let words = "it calls more addresses dead than is usual, or than \
                     providers.dead_addresses_a_minute: for now none is retired or suppressed, \
                     and messages that are refused by a bare code are tried again";
        let exceeded = change == LimitChange::Exceeded;
        self.write_event(TOO_MANY_DEAD, Severity::High, words, exceeded)
            .await
    }

    /// One platform behind it refuses the account's key for it, or does so no more.
    pub(super) fn tell_of_platform(self: &Arc<Self>, refused: bool) {
        let provider = &self.provider;
        match refused {
            true => tracing::error!(
                provider,
                "a platform refuses the account's key; notifications for that platform wait"
            ),
            false => tracing::info!(provider, "no platform refuses the account's key any more"),
        }
        let reporter = Arc::clone(self);
        self.tasks.spawn("report a platform", async move {
            let write = || reporter.write_platform(refused);
            retry_until_ok("reporting a platform", &reporter.giving_up, write).await;
        });
    }

    async fn write_platform(&self, refused: bool) -> Result<(), StoreError> {
        let words = "a platform (APNs, web push) refuses this account's key for it: what is for that \
                     platform waits; renew the key at the provider";
        self.write_event(PLATFORM_REFUSED, Severity::Critical, words, refused)
            .await
    }

    /// Opens an event about the account, or resolves it.
    async fn write_event(
        &self,
        event_type: &'static str,
        severity: Severity,
        words: &str,
        opens: bool,
    ) -> Result<(), StoreError> {
        let provider = &self.provider;
        let mut connection = self.database.get().await?;
        if !opens {
            let run = self.lease_gate.run();
            system_events::close_of(&mut connection, run, event_type, Some(provider)).await?;
            return Ok(());
        }
        let mut details = Map::new();
        details.insert("provider".to_owned(), Value::from(provider.as_str()));
        let event = SystemEvent {
            event_type: event_type.to_owned(),
            severity,
            description: format!("provider `{provider}`: {words}"),
            details,
            tenant_id: None,
            user_id: None,
        };
        system_events::open_of(&mut connection, self.lease_gate.run(), &event).await?;
        Ok(())
    }

    fn log(&self, report: &HealthReport) {
        let provider = &self.provider;
        match report {
            HealthReport::Open {
                again: true,
                wait,
                code,
                said,
                ..
            } => {
                tracing::info!(
                    provider,
                    code,
                    said,
                    wait_ms = millis(*wait),
                    "the probe failed; the circuit stays open"
                );
            }
            HealthReport::Open {
                cause: CircuitCause::Refused(fault),
                wait,
                code,
                said,
                ..
            } => tracing::error!(
                provider,
                code,
                said,
                cause = words(CircuitCause::Refused(*fault)),
                wait_ms = millis(*wait),
                "the provider refuses the account; it is paused, then probed"
            ),
            HealthReport::Open {
                cause,
                wait,
                code,
                said,
                ..
            } => tracing::warn!(
                provider,
                code,
                said,
                cause = words(*cause),
                wait_ms = millis(*wait),
                "the account's circuit opened; the account is not called for a while"
            ),
            HealthReport::Closed { recovered: true } => {
                tracing::info!(
                    provider,
                    "the account's circuit closed; the account is called again"
                );
            }
            HealthReport::Closed { recovered: false } | HealthReport::Gone => {}
        }
    }

    async fn write_all(&self) {
        while let Some(report) = self.next() {
            let write = || self.write(&report);
            if retry_until_ok("reporting an account's health", &self.giving_up, write)
                .await
                .is_none()
            {
                self.queue().writing = false;
                return;
            }
        }
    }

    fn next(&self) -> Option<HealthReport> {
        let mut queue = self.queue();
        let next = queue.next.take();
        queue.writing = next.is_some();
        next
    }

    async fn write(&self, report: &HealthReport) -> Result<(), StoreError> {
        let (state, available_in, cause) = match report {
            HealthReport::Open {
                cause,
                wait,
                code,
                said,
                ..
            } => {
                let last = (code.as_deref(), said.as_deref());
                self.open_event(*cause, last).await?;
                (
                    CircuitState::Open,
                    Some(*wait),
                    Some(words(*cause).to_owned()),
                )
            }
            HealthReport::Closed { .. } => {
                self.resolve_events().await?;
                (CircuitState::Closed, None, None)
            }
            HealthReport::Gone => {
                self.resolve_events().await?;
                let Some(run) = self.lease_gate.run() else {
                    return Ok(());
                };
                return provider_health::remove(&self.database, run, self.provider_id).await;
            }
        };
        let change = HealthChange {
            provider_id: self.provider_id,
            state,
            available_in,
            cause,
        };
        match self.lease_gate.run() {
            Some(run) => provider_health::upsert(&self.database, run, &change).await,
            // Nobody's judgement; a new run judges for itself.
            None => Ok(()),
        }
    }

    async fn open_event(
        &self,
        cause: CircuitCause,
        (code, said): (Option<&str>, Option<&str>),
    ) -> Result<(), StoreError> {
        let provider = &self.provider;
        let (words, (event_type, severity)) = (words(cause), event_of(cause));
        let mut description = match cause {
            CircuitCause::Refused(_) => format!("provider `{provider}` is taken out: {words}"),
            CircuitCause::Failing | CircuitCause::Slow => {
                format!("provider `{provider}` is left alone for a while: {words}")
            }
        };
        let mut details = Map::new();
        details.insert("provider".to_owned(), Value::from(provider.as_str()));
        details.insert("code".to_owned(), Value::from(code));
        if let Some(said) = said {
            description.push_str(&format!(": {said}"));
            details.insert("said".to_owned(), Value::from(said));
        }
        let event = SystemEvent {
            event_type: event_type.to_owned(),
            severity,
            description,
            details,
            tenant_id: None,
            user_id: None,
        };
        let mut connection = self.database.get().await?;
        system_events::open_of(&mut connection, self.lease_gate.run(), &event).await
    }

    async fn resolve_events(&self) -> Result<(), StoreError> {
        let (run, provider) = (self.lease_gate.run(), Some(self.provider.as_str()));
        let mut connection = self.database.get().await?;
        for event_type in [
            CREDENTIALS_REFUSED,
            ACCOUNT_REFUSED,
            LIMIT_REACHED,
            CIRCUIT_OPEN,
            PLATFORM_REFUSED,
        ] {
            system_events::close_of(&mut connection, run, event_type, provider).await?;
        }
        Ok(())
    }

    fn queue(&self) -> MutexGuard<'_, ReportQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
