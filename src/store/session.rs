//! A session with PostgreSQL: how it is opened, driven and given up.
//!
//! The connection is made here and not by diesel-async, since that keeps an error's kind and text
//! but not its SQLSTATE, and waits for an answer for ever. Between the client library and the socket
//! lies a [`stream`] of our own, which writes the code before the text and ends what is silent.

use std::error::Error;
use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::pooled_connection::PoolableConnection as _;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{AsyncMessage, Client, SimpleQueryMessage};

use super::{Access, DatabaseSettings, StoreError};
use dial::{Canceller, DialPlan, Dialled, Driver};
use endpoint::ServerAddress;
use stream::GivenUp;

mod dial;
mod end_point;
mod endpoint;
mod frames;
mod secured;
mod stream;

pub(super) use frames::MarkedText;
pub(super) use stream::Generation;

/// Time that an answer may take beyond what PostgreSQL itself allows a statement: on the way there
/// and back, and for the statement to be stopped.
const MARGIN: Duration = Duration::from_secs(5);

/// Asks whether a server only reads.
const READ_ONLY: &str = "SELECT current_setting('transaction_read_only') AS value";

/// A session with the engine's role and schema.
pub(super) struct Session {
    connection: AsyncPgConnection,
    notices: mpsc::UnboundedReceiver<Notice>,
    /// The generation in which it was opened.
    generation: u64,
}

impl Deref for Session {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.connection
    }
}

impl Session {
    /// Opens a session on the given runtime: its driver then lives there, and not on whichever
    /// arbiter happened to ask for it.
    ///
    /// # Errors
    /// No server that the URL names answers within the connect timeout, or lets us in.
    pub(super) async fn open(
        settings: &DatabaseSettings,
        runtime: &Handle,
        generation: &Generation,
    ) -> Result<Self, StoreError> {
        let opening = Opening {
            settings: settings.clone(),
            runtime: runtime.clone(),
            generation: generation.clone(),
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with the session's opening, and its end is awaited right here"
        )]
        let task = runtime.spawn(opening.first_that_answers());
        match task.await {
            Ok(opened) => opened,
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }

    /// Whether it may be lent: it is open, and nothing has happened since it was opened that makes
    /// it doubtful.
    pub(super) fn is_sound(&mut self, generation: &Generation) -> bool {
        self.generation == generation.current() && !self.connection.is_broken()
    }

    /// Whether it is closed, or in a state that nobody knows.
    pub(super) fn is_broken(&mut self) -> bool {
        self.connection.is_broken()
    }

    /// The connection alone.
    pub(super) fn into_connection(self) -> AsyncPgConnection {
        self.connection
    }

    /// The connection, and the notices that it hears; they end with the session.
    pub(super) fn into_listener(self) -> (AsyncPgConnection, mpsc::UnboundedReceiver<Notice>) {
        (self.connection, self.notices)
    }
}

/// What a session hears that listens.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) channel: String,
    pub(super) payload: String,
}

/// A session on its way.
struct Opening {
    settings: DatabaseSettings,
    runtime: Handle,
    generation: Generation,
}

impl Opening {
    /// Tries every server in turn; each has its share of the time.
    async fn first_that_answers(self) -> Result<Session, StoreError> {
        let way = DialPlan::of(&Access::from(&self.settings))?;
        way.first_that_answers(self.settings.connect_timeout, |endpoint| {
            self.open(&way, endpoint)
        })
        .await
    }

    async fn open(&self, way: &DialPlan, endpoint: ServerAddress) -> Result<Session, StoreError> {
        let patience = self.settings.statement_timeout + MARGIN;
        let generation = self.generation.current();
        let watch = Some((patience, self.generation.clone()));
        let Dialled {
            client,
            driver,
            canceller,
        } = way.dial(&endpoint, watch).await?;
        let (notify, notices) = mpsc::unbounded_channel();
        #[expect(
            clippy::disallowed_methods,
            reason = "the driver ends with the session, whose client it serves"
        )]
        self.runtime.spawn(drive(driver, notify, canceller));
        let mut connection = AsyncPgConnection::try_from(client)
            .await
            .map_err(StoreError::of_connecting)?;
        writable(&mut connection, way.url.config.get_target_session_attrs()).await?;
        connection
            .batch_execute(&session_settings(&self.settings))
            .await
            .map_err(|error| StoreError::from(error).while_connecting())?;
        Ok(Session {
            connection,
            notices,
            generation,
        })
    }
}

/// A connection of its own for work that takes as long as it takes, with whatever rights the login has.
///
/// # Errors
/// No server that the URL names answers within the limit, or lets us in.
pub(super) async fn plain(access: &Access, limit: Duration) -> Result<Client, StoreError> {
    let way = DialPlan::of(access)?;
    way.first_that_answers(limit, |endpoint| plain_at(&way, endpoint))
        .await
}

async fn plain_at(way: &DialPlan, endpoint: ServerAddress) -> Result<Client, StoreError> {
    let Dialled { client, driver, .. } = way.dial(&endpoint, None).await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the driver ends with the session, whose client it serves"
    )]
    tokio::spawn(async move {
        if let Err(error) = driver.await {
            tracing::warn!(error = words(&error), "a session with postgresql ended");
        }
    });
    if way.url.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite {
        // By the simple protocol: nothing is prepared, which a pooler might not carry.
        let asked = client.simple_query(READ_ONLY).await;
        let answers = asked.map_err(|error| StoreError::Unavailable(words(&error)))?;
        let is_on = |answer: &SimpleQueryMessage| matches!(answer, SimpleQueryMessage::Row(row) if row.get(0) == Some("on"));
        if answers.iter().any(is_on) {
            return Err(StoreError::ReadOnly);
        }
    }
    Ok(client)
}

/// Drives a session until it ends: passes on what is asked, answered and noticed.
async fn drive(
    mut connection: Driver,
    notify: mpsc::UnboundedSender<Notice>,
    canceller: Canceller,
) {
    let ended = loop {
        match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            // Nobody listens on most sessions, and then there is nothing to hear.
            Some(Ok(AsyncMessage::Notification(notice))) => {
                let _ = notify.send(Notice {
                    channel: notice.channel().to_owned(),
                    payload: notice.payload().to_owned(),
                });
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => return,
        }
    };
    // Whoever waits for an answer is told first.
    drop(connection);
    tracing::warn!(error = words(&ended), "a session with postgresql ended");
    if let Some(GivenUp::Silent(_) | GivenUp::Suspect) = given_up(&ended) {
        // What it was asked may still be running there, and hold locks.
        canceller.cancel().await;
    }
}

fn given_up(error: &tokio_postgres::Error) -> Option<GivenUp> {
    let cause = error.source()?.downcast_ref::<std::io::Error>()?;
    cause.get_ref()?.downcast_ref::<GivenUp>().copied()
}

/// Refuses a session that is not what the URL asks for.
async fn writable(
    connection: &mut AsyncPgConnection,
    wanted: TargetSessionAttrs,
) -> Result<(), StoreError> {
    #[derive(QueryableByName)]
    struct SessionSetting {
        #[diesel(sql_type = Text)]
        value: String,
    }
    if wanted == TargetSessionAttrs::Any {
        return Ok(());
    }
    let read_only: SessionSetting = diesel::sql_query(READ_ONLY).get_result(connection).await?;
    match (wanted, read_only.value.as_str()) {
        (TargetSessionAttrs::ReadWrite, "on") => Err(StoreError::ReadOnly),
        (TargetSessionAttrs::ReadOnly, "off") => {
            let why = "the URL asks for a server that only reads, and this one writes";
            Err(StoreError::Refused(why.to_owned()))
        }
        _ => Ok(()),
    }
}

/// An error with its causes: the client library's own words leave them out.
pub(super) fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a text cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// What every session starts with. What is committed is on the disk, whatever the server's setting: a
/// delivery is acknowledged for it. No statement is compiled or spread over several processes: each touches a few
/// rows, but where a million wait PostgreSQL expects so much of it that it would compile for a second, for
/// every look of the scheduler anew.
fn session_settings(settings: &DatabaseSettings) -> String {
    let timeout = settings.statement_timeout.as_millis();
    let name: String = settings
        .application_name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '@'))
        .take(63)
        .collect();
    let (role, schema) = settings.role.names();
    format!(
        "SET ROLE {role}; \
         SET search_path TO {schema}; \
         SET statement_timeout = {timeout}; \
         SET idle_in_transaction_session_timeout = {timeout}; \
         SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'; \
         SET jit = off; \
         SET max_parallel_workers_per_gather = 0; \
         SET application_name = '{name}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_carry_a_statement() {
        let settings = DatabaseSettings {
            url: "postgres://".into(),
            role: crate::store::DatabaseRole::Notifications,
            tls: Default::default(),
            pool_size: 1,
            connect_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(1),
            application_name: "herald'; DROP TABLE users; --".to_owned(),
        };
        let text = session_settings(&settings);
        assert!(text.contains("application_name = 'herald DROP TABLE users --'"));
    }
}
