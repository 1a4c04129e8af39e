//! The connections: opened on a runtime of their own, each with the engine's role and schema.

use std::fmt;
use std::time::Duration;

use bb8::{ErrorSink, PooledConnection};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError, PoolableConnection, RecyclingMethod,
};
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncPgConnection, SimpleAsyncConnection,
    TransactionManager,
};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;

use super::StoreError;

/// How the database is reached.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `postgres://user:password@host:port/database`; the user must be a member of the role
    /// `herald_notifications`, as whoever migrated is.
    pub url: SecretString,
    /// Most connections at once.
    pub pool_size: u32,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest that one statement may take; a transaction may also be idle no longer.
    pub statement_timeout: Duration,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
}

type Manager = AsyncDieselConnectionManager<AsyncPgConnection>;

/// A connection lent by the pool; it goes back when dropped.
pub type Connection<'a> = PooledConnection<'a, Manager>;

/// The pool. Clones share it.
#[derive(Clone)]
pub struct Database {
    pool: bb8::Pool<Manager>,
    settings: DatabaseSettings,
    runtime: Handle,
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
        let database = Self::lazy(settings, runtime);
        let first = open(settings.clone(), runtime.clone())
            .await
            .map_err(StoreError::of_connecting)?;
        // A full pool only means that others were quicker.
        let _ = database.pool.add(first);
        Ok(database)
    }

    /// A pool that opens its first connection when it is asked for one.
    #[must_use]
    pub fn lazy(settings: &DatabaseSettings, runtime: &Handle) -> Self {
        let manager = Manager::new_with_config(
            settings.url.expose_secret(),
            manager_config(settings, runtime),
        );
        let pool = bb8::Pool::builder()
            .max_size(settings.pool_size)
            .connection_timeout(settings.connect_timeout)
            .error_sink(Box::new(LogSink))
            .build_unchecked(manager);
        Self {
            pool,
            settings: settings.clone(),
            runtime: runtime.clone(),
        }
    }

    /// Opens a connection outside of the pool; its session ends when it is dropped.
    ///
    /// # Errors
    /// The server is out of reach, or does not let us in.
    pub async fn dedicated(&self) -> Result<AsyncPgConnection, StoreError> {
        open(self.settings.clone(), self.runtime.clone())
            .await
            .map_err(StoreError::of_connecting)
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// None became free, or none could be opened, within the connect timeout.
    pub async fn get(&self) -> Result<Connection<'_>, StoreError> {
        Ok(self.pool.get().await?)
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

    /// Does all of the work in one transaction, or none of it.
    ///
    /// # Errors
    /// Those of the work, or no connection. [`StoreError::Unavailable`] may also mean that the
    /// commit went through and its answer was lost.
    pub async fn transaction<T>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.get().await?;
        AnsiTransactionManager::begin_transaction(&mut *connection).await?;
        match work(&mut connection).await {
            Ok(done) => {
                AnsiTransactionManager::commit_transaction(&mut *connection).await?;
                Ok(done)
            }
            Err(error) => {
                // What went wrong first says more than a rollback that fails because of it; such a
                // connection is thrown away by the pool.
                let _ = AnsiTransactionManager::rollback_transaction(&mut *connection).await;
                Err(error)
            }
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

/// Does work inside a transaction in such a way that its failure undoes the work alone.
///
/// # Errors
/// Those of the work; those of the savepoint itself.
pub async fn savepoint<T, E: From<StoreError>>(
    connection: &mut AsyncPgConnection,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
) -> Result<T, E> {
    // Inside of a transaction, beginning one makes a savepoint.
    AnsiTransactionManager::begin_transaction(&mut *connection)
        .await
        .map_err(StoreError::from)?;
    match work(&mut *connection).await {
        Ok(done) => {
            let commit = AnsiTransactionManager::commit_transaction(&mut *connection).await;
            commit.map_err(StoreError::from)?;
            Ok(done)
        }
        Err(error) => {
            let rollback = AnsiTransactionManager::rollback_transaction(&mut *connection).await;
            rollback.map_err(StoreError::from)?;
            Err(error)
        }
    }
}

fn manager_config(
    settings: &DatabaseSettings,
    runtime: &Handle,
) -> ManagerConfig<AsyncPgConnection> {
    let (settings, runtime) = (settings.clone(), runtime.clone());
    let mut config = ManagerConfig::default();
    // `Fast` would lend connections that the server has closed; a test query would cost a round
    // trip. Asking the client whether its socket is closed costs nothing.
    config.recycling_method = RecyclingMethod::CustomFunction(Box::new(|connection| {
        let broken = PoolableConnection::is_broken(connection);
        let verdict = if broken {
            Err(diesel::result::Error::BrokenTransactionManager)
        } else {
            Ok(())
        };
        std::future::ready(verdict).boxed()
    }));
    config.custom_setup = Box::new(move |_url| open(settings.clone(), runtime.clone()).boxed());
    config
}

/// Opens a connection on the given runtime: its driver task then lives there, and not on whichever
/// arbiter happened to ask for it.
async fn open(settings: DatabaseSettings, runtime: Handle) -> ConnectionResult<AsyncPgConnection> {
    let limit = settings.connect_timeout;
    let establish = async move {
        let mut connection = AsyncPgConnection::establish(settings.url.expose_secret()).await?;
        connection
            .batch_execute(&session_settings(&settings))
            .await
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the task ends with the connection's opening, and its end is awaited right here"
    )]
    let task = runtime.spawn(tokio::time::timeout(limit, establish));
    match task.await {
        Ok(Ok(connection)) => connection,
        Ok(Err(_)) => Err(unavailable("the server does not answer")),
        Err(error) => Err(unavailable(&error.to_string())),
    }
}

fn unavailable(reason: &str) -> ConnectionError {
    ConnectionError::BadConnection(reason.to_owned())
}

/// What every session starts with. The messages' language is asked for last and may be refused:
/// see `error`.
fn session_settings(settings: &DatabaseSettings) -> String {
    let timeout = settings.statement_timeout.as_millis();
    let name: String = settings
        .application_name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '@'))
        .take(63)
        .collect();
    format!(
        "SET ROLE herald_notifications; \
         SET search_path TO notification_schema; \
         SET statement_timeout = {timeout}; \
         SET idle_in_transaction_session_timeout = {timeout}; \
         SET application_name = '{name}'; \
         DO $$ BEGIN PERFORM set_config('lc_messages', 'C', false); \
         EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;"
    )
}

/// The pool keeps trying until its timeout and then says only that it timed out: what it met on
/// the way is in the log.
#[derive(Debug, Clone, Copy)]
struct LogSink;

impl ErrorSink<PoolError> for LogSink {
    fn sink(&self, error: PoolError) {
        tracing::warn!(%error, "a database connection could not be opened");
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<PoolError>> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_name_cannot_carry_a_statement() {
        let settings = DatabaseSettings {
            url: "postgres://".into(),
            pool_size: 1,
            connect_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(1),
            application_name: "herald'; DROP TABLE users; --".to_owned(),
        };
        let text = session_settings(&settings);
        assert!(text.contains("application_name = 'herald DROP TABLE users --'"));
    }
}
