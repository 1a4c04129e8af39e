//! Providers' calls, as the HTTP API takes them.

mod accounts;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use self::accounts::HookAccounts;
use super::desk::{Desk, DeskError};
use crate::domain::{Account, EventRefusal, ProviderKind};
use crate::ops::provider_events::EventIntake;
use crate::providers::events::{self, EventHead};
use crate::store::Database;
use crate::store::provider_events::listing::{self, ProviderEventFilter, StoredProviderEvent};
use crate::store::seal::Sealer;
use crate::telemetry::Metrics;

/// Calls whose bodies are read or stored at once: each may hold some megabytes.
const MOST: usize = 64;

/// Why a provider's call is not taken.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It is not the provider's, or the account takes no events.
    #[error("{}", .0.as_str())]
    Refused(EventRefusal),
    /// Too many are being read.
    #[error("too many calls are being read")]
    Overloaded,
    /// Not for a reason of the call's.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// Takes providers' calls. Clones share it.
#[derive(Debug, Clone)]
pub struct HookDesk {
    desk: Desk,
    accounts: HookAccounts,
    intake: EventIntake,
    metrics: Arc<Metrics>,
    room: Arc<Semaphore>,
    public_url: Option<Arc<str>>,
}

/// A call whose head is good: its body is worth reading.
#[derive(Debug)]
pub struct AdmittedCall {
    account: Arc<Account>,
    _room: OwnedSemaphorePermit,
}

impl HookDesk {
    /// A desk that others reach at `public_url`.
    #[must_use]
    pub fn new(
        desk: Desk,
        sealer: Sealer,
        intake: EventIntake,
        metrics: Arc<Metrics>,
        public_url: Option<&str>,
    ) -> Self {
        let public_url = public_url.map(|url| Arc::from(url.trim_end_matches('/')));
        Self {
            accounts: HookAccounts::new(desk.clone(), sealer),
            desk,
            intake,
            metrics,
            room: Arc::new(Semaphore::new(MOST)),
            public_url,
        }
    }

    /// The URL that was called, as whoever called it knows it.
    #[must_use]
    pub fn url_of(&self, path_and_query: &str) -> Option<String> {
        let public_url = self.public_url.as_ref()?;
        Some(format!("{public_url}{path_and_query}"))
    }

    /// Whether an account of this kind listens to a call with this head.
    ///
    /// # Errors
    /// There is no such account, the call is not its provider's, too much is being read, or the database is out
    /// of reach.
    pub async fn admit(
        &self,
        kind: ProviderKind,
        name: &str,
        head: &EventHead<'_>,
    ) -> Result<AdmittedCall, HookError> {
        let account = self.accounts.find(name).await?;
        let account = account.filter(|account| account.kind == kind);
        let account = account.ok_or_else(|| self.refused(EventRefusal::UnknownAccount))?;
        events::admit(&account, head).map_err(|why| self.refused(why))?;
        let room = Arc::clone(&self.room).try_acquire_owned();
        Ok(AdmittedCall {
            account,
            _room: room.map_err(|_| HookError::Overloaded)?,
        })
    }

    /// Takes a call in: what it tells is stored, with what follows from it.
    ///
    /// # Errors
    /// The call is not the provider's: nothing is touched. Or the database is out of reach.
    pub async fn take(
        &self,
        call: AdmittedCall,
        head: &EventHead<'_>,
        body: &[u8],
    ) -> Result<usize, HookError> {
        let heard = events::read(&call.account, head, body).map_err(|why| self.refused(why))?;
        let intake = self.intake.clone();
        let work = async move |_: Database| {
            let taken = intake.take_in(&call.account, &heard).await;
            taken.map_err(DeskError::from)
        };
        Ok(self.desk.with("take events in", work).await?)
    }

    /// At most so many events before an id, the newest first.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        filter: ProviderEventFilter,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredProviderEvent>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(listing::page(&mut connection, filter, before, most).await?)
        };
        self.desk.with("list provider events", work).await
    }

    fn refused(&self, why: EventRefusal) -> HookError {
        self.metrics.refused_events(why);
        HookError::Refused(why)
    }
}
