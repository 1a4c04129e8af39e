//! Providers' calls, as the HTTP API takes them.

mod accounts;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use self::accounts::HookAccounts;
use super::desk::{Desk, DeskError};
use crate::domain::{Account, EventRefusal, ProviderKind, Teller};
use crate::ops::provider_events::EventIntake;
use crate::providers::events::{self, EventHead};
use crate::runtime::clock;
use crate::store::Database;
use crate::store::provider_events::listing::{self, EventLook, ProviderEventFilter};
use crate::store::seal::Sealer;
use crate::telemetry::Metrics;

/// Large bodies that are read at once: each may hold some megabytes.
const MOST_LARGE: usize = 64;
/// Calls that are stored at once.
const MOST_STORED: usize = 64;
/// Time from one log line about an account's refused calls to the next.
const SAID_EVERY: Duration = Duration::from_secs(60);
/// Longest that a call waits for its turn to be stored.
const STORED_WITHIN: Duration = Duration::from_secs(5);

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
    large: Arc<Semaphore>,
    storing: Arc<Semaphore>,
    /// When it was said last that calls are refused.
    said: Arc<Mutex<HashMap<(String, EventRefusal), Instant>>>,
    public_url: Option<Arc<str>>,
}

/// A call whose head is good: its body is worth reading.
#[derive(Debug, Clone)]
pub struct AdmittedCall {
    account: Arc<Account>,
    speaks_for: Arc<[String]>,
}

impl AdmittedCall {
    fn teller(&self) -> Teller<'_> {
        Teller {
            account: &self.account,
            speaks_for: &self.speaks_for,
        }
    }
}

/// Leave to read a large body. It ends with this value.
#[derive(Debug)]
pub struct LargeBody {
    _place: OwnedSemaphorePermit,
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
            large: Arc::new(Semaphore::new(MOST_LARGE)),
            storing: Arc::new(Semaphore::new(MOST_STORED)),
            said: Arc::default(),
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
    /// There is no such account, the call is not its provider's, or the database is out of reach.
    pub async fn admit(
        &self,
        kind: ProviderKind,
        name: &str,
        head: &EventHead<'_>,
    ) -> Result<AdmittedCall, HookError> {
        let account = self.accounts.find(name).await?;
        let call = account.filter(|call| call.account.kind == kind);
        let call = call.ok_or_else(|| self.refused(EventRefusal::UnknownAccount))?;
        events::admit(&call.account, head).map_err(|why| self.refused_of(&call.account, why))?;
        Ok(call)
    }

    /// Leave to read a body that is not small.
    ///
    /// # Errors
    /// Too many are being read.
    pub fn leave(&self) -> Result<LargeBody, HookError> {
        let place = Arc::clone(&self.large).try_acquire_owned();
        let place = place.map_err(|_| HookError::Overloaded)?;
        Ok(LargeBody { _place: place })
    }

    /// Takes a call in: what it tells is stored, with what follows from it.
    ///
    /// # Errors
    /// The call is not the provider's: nothing is touched. Or too many are being stored, or the database is out of
    /// reach.
    pub async fn take(
        &self,
        call: AdmittedCall,
        head: &EventHead<'_>,
        body: &[u8],
    ) -> Result<usize, HookError> {
        let heard = events::read(&call.account, head, body);
        let heard = heard.map_err(|why| self.refused_of(&call.account, why))?;
        let turn = timeout(STORED_WITHIN, self.storing.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(HookError::Overloaded);
        };
        let intake = self.intake.clone();
        let work = async move |_: Database| {
            let taken = intake.take_in(call.teller(), &heard).await;
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
    ) -> Result<EventLook, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(listing::look(&mut connection, filter, before, most).await?)
        };
        self.desk.with("list provider events", work).await
    }

    /// A provider that signs with another key than we know is told nothing by us, and nobody else would notice.
    fn refused_of(&self, account: &Account, why: EventRefusal) -> HookError {
        let now = clock::instant();
        let is_new = {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            let last = said.entry((account.name.clone(), why));
            let is_new = match &last {
                Entry::Vacant(_) => true,
                Entry::Occupied(last) => now.saturating_duration_since(*last.get()) >= SAID_EVERY,
            };
            if is_new {
                last.insert_entry(now);
            }
            is_new
        };
        if is_new {
            tracing::warn!(
                provider = account.name,
                reason = why.as_str(),
                "calls that tell events of this provider are refused; see docs/providers.md, Events"
            );
        }
        self.refused(why)
    }

    fn refused(&self, why: EventRefusal) -> HookError {
        self.metrics.refused_events(why);
        HookError::Refused(why)
    }
}
