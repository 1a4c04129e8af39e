//! The connections: opened on a runtime of their own, each with the engine's role and schema.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bb8::{ErrorSink, ManageConnection, PooledConnection};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::StoreError;
use super::access::DatabaseSettings;
use super::inbox::InboxBoard;
use super::observed::{Duty, DutyStanding, Effort, ObservedDuties};
use super::session::{Generation, Notice, Session};
use super::webhooks::WebhookBoard;

/// Longest wait for a lock of a statement that has much to do: longer than a transaction of ours takes,
/// and short enough that nobody notices.
const LOCK_TIMEOUT: Duration = Duration::from_millis(250);

/// A connection lent by the pool; it goes back when dropped.
///
/// Every statement on it ends, for the caller, a few seconds (`store::session`) after PostgreSQL's own
/// limit at the latest; such a connection is not lent again.
pub struct Connection<'a>(PooledConnection<'a, Sessions>);

impl fmt::Debug for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Deref for Connection<'_> {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.0
    }
}

impl DerefMut for Connection<'_> {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.0
    }
}

/// The pool. Clones share it.
#[derive(Clone)]
pub struct Database {
    pool: bb8::Pool<Sessions>,
    sessions: Sessions,
    observed: ObservedDuties,
    webhooks: WebhookBoard,
    inboxes: InboxBoard,
}

/// Opens sessions for the pool, and says which of them may be lent.
#[derive(Clone)]
struct Sessions {
    settings: DatabaseSettings,
    runtime: Handle,
    generation: Generation,
    failure: LastFailure,
    /// Longest wait for a lock, if less than a statement may take.
    patience: Option<Duration>,
}

/// Why a session is not lent.
#[derive(Debug)]
enum Unlent {
    /// It could not be opened.
    Failed(StoreError),
    /// It was opened before something happened that makes it doubtful, or is closed.
    Doubtful,
}

impl Sessions {
    async fn open(&self) -> Result<Session, StoreError> {
        let mut opened = Session::open(&self.settings, &self.runtime, &self.generation).await;
        if let (Ok(session), Some(patience)) = (&mut opened, self.patience) {
            let set = format!("SET lock_timeout = {}", patience.as_millis());
            if let Err(error) = session.batch_execute(&set).await {
                opened = Err(StoreError::from(error).while_connecting());
            }
        }
        self.failure.set(opened.as_ref().err().cloned());
        opened
    }
}

impl ManageConnection for Sessions {
    type Connection = Session;
    type Error = Unlent;

    async fn connect(&self) -> Result<Session, Unlent> {
        self.open().await.map_err(Unlent::Failed)
    }

    /// Asks nobody: a test query would cost every statement a round trip.
    async fn is_valid(&self, session: &mut Session) -> Result<(), Unlent> {
        if session.is_sound(&self.generation) {
            Ok(())
        } else {
            Err(Unlent::Doubtful)
        }
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        std::thread::panicking() || session.is_broken()
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("state", &self.pool.state())
            .finish()
    }
}

impl Database {
    /// Opens a first connection, so that a mistake in the settings shows at once, and the pool.
    ///
    /// `runtime` must outlive the pool and must not be an arbiter's: a connection stalls and dies
    /// with the runtime that opened it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the server does not let us in, [`StoreError::Unavailable`]
    /// when it does not answer.
    pub async fn connect(
        settings: &DatabaseSettings,
        runtime: &Handle,
    ) -> Result<Self, StoreError> {
        let database = Self::with(settings, runtime, None);
        let first = database.sessions.open().await?;
        // A full pool only means that others were quicker.
        let _ = database.pool.add(first);
        Ok(database)
    }

    /// The engine's pool: it opens its first connection when it is asked for one, and its sessions wait no
    /// longer than a moment for what somebody has locked, since others wait for them.
    #[must_use]
    pub fn lazy(settings: &DatabaseSettings, runtime: &Handle) -> Self {
        Self::with(settings, runtime, Some(LOCK_TIMEOUT))
    }

    fn with(settings: &DatabaseSettings, runtime: &Handle, patience: Option<Duration>) -> Self {
        let sessions = Sessions {
            settings: settings.clone(),
            runtime: runtime.clone(),
            generation: Generation::default(),
            failure: LastFailure::default(),
            patience,
        };
        let pool = bb8::Pool::builder()
            .max_size(settings.pool_size)
            .connection_timeout(settings.connect_timeout)
            .error_sink(Box::new(LogSink))
            .build_unchecked(sessions.clone());
        Self {
            pool,
            sessions,
            observed: ObservedDuties::default(),
            webhooks: WebhookBoard::default(),
            inboxes: InboxBoard::default(),
        }
    }

    /// What is known of webhooks: whoever stores what happens tells them.
    #[must_use]
    pub const fn webhooks(&self) -> &WebhookBoard {
        &self.webhooks
    }

    /// Whose inboxes have changed: whoever changes them tells.
    #[must_use]
    pub const fn inboxes(&self) -> &InboxBoard {
        &self.inboxes
    }

    /// Opens a connection outside of the pool; its session ends when it is dropped.
    ///
    /// # Errors
    /// The server is out of reach, or does not let us in.
    pub async fn dedicated(&self) -> Result<AsyncPgConnection, StoreError> {
        Ok(self.sessions.open().await?.into_connection())
    }

    /// Opens a connection outside of the pool, with the payloads of the notices that it hears; they
    /// end when the session does.
    ///
    /// # Errors
    /// The server is out of reach, or does not let us in.
    pub(super) async fn listener(
        &self,
    ) -> Result<(AsyncPgConnection, mpsc::UnboundedReceiver<Notice>), StoreError> {
        Ok(self.sessions.open().await?.into_listener())
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// None became free, or none could be opened, within the connect timeout.
    pub async fn get(&self) -> Result<Connection<'_>, StoreError> {
        let lent = self.pool.get().await.map_err(|error| match error {
            bb8::RunError::User(Unlent::Failed(error)) => error,
            bb8::RunError::User(Unlent::Doubtful) | bb8::RunError::TimedOut => {
                // The pool tries until its time is up, and keeps the reason to itself.
                self.sessions.failure.get().unwrap_or_else(|| {
                    StoreError::Unavailable("no connection became free in time".to_owned())
                })
            }
        })?;
        Ok(Connection(lent))
    }

    /// How the work stands without which nothing else goes on.
    #[must_use]
    pub fn standing(&self, duty: Duty) -> DutyStanding {
        self.observed.standing(duty)
    }

    /// Does work of a duty, and notes how it ends.
    pub(super) async fn watched<T>(
        &self,
        duty: Duty,
        effort: Effort,
        first: Instant,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.observed.watch(duty, effort, first, work).await
    }

    /// Does work of a duty that was tried `first` at that moment, and notes how it ends.
    pub(super) async fn watch<T>(
        &self,
        duty: Duty,
        first: Instant,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.watched(duty, Effort::Work, first, work).await
    }

    /// Gives up every session that was opened before: none is lent again, and what they are asked at
    /// present must be answered within two seconds. For whoever has found the server changed.
    pub fn distrust(&self) {
        self.sessions.generation.end();
    }

    /// Reads, and tries once more on another connection when the first turns out to be closed: a
    /// server that restarted leaves such ones in the pool. Only for work that may be done twice.
    ///
    /// # Errors
    /// Those of the work, or no connection.
    pub async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        W: for<'c> ReadWork<&'c mut AsyncPgConnection, Result<T, StoreError>, Future: Send>,
        W: AsyncFn(&mut AsyncPgConnection) -> Result<T, StoreError> + Sync,
        T: Send,
    {
        match work(&mut *self.get().await?).await {
            Err(StoreError::Unavailable(reason)) => {
                tracing::debug!(reason, "a pooled connection was closed, reading again");
                work(&mut *self.get().await?).await
            }
            done => done,
        }
    }

    /// Connections in the pool, and how many of them are lent.
    #[must_use]
    pub fn usage(&self) -> (u32, u32) {
        let state = self.pool.state();
        let lent = state.connections.saturating_sub(state.idle_connections);
        (state.connections, lent)
    }
}

/// An async closure whose futures can be asked to be `Send`, which the language has no words for
/// yet: without it, a task that reads could not be spawned.
pub trait ReadWork<C, T>: AsyncFn(C) -> T + Fn(C) -> <Self as ReadWork<C, T>>::Future {
    /// The closure's future.
    type Future: Future<Output = T>;
}

impl<W, C, T, F> ReadWork<C, T> for W
where
    W: AsyncFn(C) -> T + Fn(C) -> F,
    F: Future<Output = T>,
{
    type Future = F;
}

/// Why the last connection could not be opened, if it could not.
#[derive(Debug, Clone, Default)]
struct LastFailure(Arc<Mutex<Option<StoreError>>>);

impl LastFailure {
    fn get(&self) -> Option<StoreError> {
        self.lock().clone()
    }

    fn set(&self, failure: Option<StoreError>) {
        *self.lock() = failure;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<StoreError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the pool meets while nobody waits for it is in the log.
#[derive(Debug, Clone, Copy)]
struct LogSink;

impl ErrorSink<Unlent> for LogSink {
    fn sink(&self, error: Unlent) {
        match error {
            Unlent::Failed(error) => {
                tracing::warn!(%error, "a database connection could not be opened");
            }
            Unlent::Doubtful => tracing::debug!("a database connection is discarded"),
        }
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<Unlent>> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use diesel_async::SimpleAsyncConnection;

    use super::*;

    /// Work on the database happens in spawned tasks: its futures must be able to go there.
    #[test]
    fn work_can_be_spawned() {
        fn spawnable<F: Future<Output: Send> + Send>(_: impl Fn(Database) -> F) {}
        spawnable(async |database: Database| {
            let name = String::from("kept across the await");
            database
                .read(async |connection| {
                    connection.batch_execute(&name).await?;
                    Ok(name.len())
                })
                .await
        });
        spawnable(async |database: Database| {
            let name = String::from("moved in");
            database
                .transaction(async |connection| {
                    connection.batch_execute(&name).await?;
                    Ok(())
                })
                .await
        });
    }
}
