//! Databases that are made for a test, a round or a measurement, and what committed rows say in them.
//!
//! What must never happen here: a database that was not made here is touched.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Longest wait for an answer, and for a server that is starting.
const ANSWER: Duration = Duration::from_secs(20);
/// Longest wait for a template that somebody else makes.
const TEMPLATE: Duration = Duration::from_secs(170);
const AGAIN: Duration = Duration::from_millis(50);
/// Held while a template is made, by whoever is first.
const TEMPLATE_LOCK: i64 = 0x7465_7374;

/// Ends every session that an engine has, and waits for their ends.
const END_SESSIONS: &str = "
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'herald %'";

/// A server, by the URL of somebody who may make databases there.
#[derive(Clone, Debug)]
pub struct DatabaseServer {
    url: String,
}

/// A database: its server and its name.
#[derive(Clone, Debug)]
pub struct Database {
    server: DatabaseServer,
    name: String,
}

/// A transaction that is open; dropped, it is rolled back.
#[derive(Debug)]
pub struct Held {
    connection: JoinHandle<()>,
    client: Client,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Rows of text; NULL is empty.
pub type Rows = Vec<Vec<String>>;

impl DatabaseServer {
    /// The server at `postgres://user:password@host:port/database`.
    ///
    /// # Errors
    /// When the URL has another form.
    pub fn new(url: &str) -> Result<Self> {
        url_with(url, "x").context("the database's URL must end in /NAME")?;
        Ok(Self {
            url: url.to_owned(),
        })
    }

    /// One of its databases, which need not exist yet.
    #[must_use]
    pub fn database(&self, name: &str) -> Database {
        Database {
            server: self.clone(),
            name: name.to_owned(),
        }
    }

    /// A statement to the server as a whole.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub async fn ask(&self, statement: &str) -> Result<Rows> {
        ask(&self.url, statement).await
    }

    /// Makes a template once for all who come, also at once: `fill` gets the URL of an empty database,
    /// which has the name only when it is complete.
    ///
    /// # Errors
    /// When the server or `fill` fails.
    pub async fn template(
        &self,
        name: &str,
        fill: impl AsyncFnOnce(&str) -> Result<()>,
    ) -> Result<()> {
        let lock = format!("SELECT pg_advisory_xact_lock({TEMPLATE_LOCK})");
        let _alone = hold(&self.url, &lock, TEMPLATE).await?;
        let known = format!("SELECT FROM pg_database WHERE datname = '{name}'");
        if !self.ask(&known).await?.is_empty() {
            return Ok(());
        }
        let raw = self.database(&format!("{name}_raw"));
        raw.remove().await?;
        raw.create("template0", "").await?;
        fill(&raw.url()).await?;
        let rename = format!("ALTER DATABASE {} RENAME TO {name}", raw.name);
        self.ask(&rename).await.map(drop)
    }
}

impl Database {
    /// Its URL, for its owner.
    #[must_use]
    pub fn url(&self) -> String {
        url_with(&self.server.url, &self.name).unwrap_or_default()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes it as a copy of a template; `further` are words of CREATE DATABASE, such as STRATEGY.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create(&self, template: &str, further: &str) -> Result<()> {
        let create = format!(
            "CREATE DATABASE {} TEMPLATE {template} {further}",
            self.name
        );
        self.server.ask(&create).await.map(drop)
    }

    /// Drops it, if it is there; whoever is still connected is cut off.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn remove(&self) -> Result<()> {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        self.server.ask(&drop).await.map(std::mem::drop)
    }

    /// A connection as its owner, with the engine's tables in sight.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect(&self) -> Result<Client> {
        connect(&self.url()).await
    }

    /// The rows of a query; a server that is just starting is waited for.
    ///
    /// # Errors
    /// When the server does not answer in time, or refuses.
    pub async fn ask(&self, query: &str) -> Result<Rows> {
        let url = self.url();
        let patient = async {
            loop {
                match ask(&url, query).await {
                    Err(error) if is_starting(&error) => sleep(AGAIN).await,
                    answer => return answer,
                }
            }
        };
        let answer = timeout(ANSWER, patient).await;
        answer.with_context(|| format!("PostgreSQL does not answer to {query}"))?
    }

    /// One number.
    ///
    /// # Errors
    /// As [`Database::ask`], or when the answer is none.
    pub async fn count(&self, query: &str) -> Result<u64> {
        let rows = self.ask(query).await?;
        let cell = rows.first().and_then(|row| row.first());
        cell.and_then(|text| text.parse().ok())
            .with_context(|| format!("no number: {query}"))
    }

    /// The notifications that any engine has claimed or taken and not stored an outcome of, by
    /// committed rows alone.
    ///
    /// # Errors
    /// As [`Database::ask`].
    pub async fn in_flight(&self) -> Result<Vec<String>> {
        self.owned("IS NOT NULL").await
    }

    /// The same, of these runs of an engine.
    ///
    /// # Errors
    /// As [`Database::ask`].
    pub async fn in_flight_of(&self, runs: &[String]) -> Result<Vec<String>> {
        let whose = format!("= ANY('{{{}}}')", runs.join(","));
        self.owned(&whose).await
    }

    async fn owned(&self, whose: &str) -> Result<Vec<String>> {
        let query = format!(
            "SELECT d.notification_id::text
             FROM notification_schema.notification_deduplication d
             WHERE d.owner {whose} AND NOT EXISTS (
                 SELECT FROM notification_schema.notifications n WHERE n.id = d.notification_id)
             UNION ALL
             SELECT n.id::text FROM notification_schema.notifications n
             WHERE n.owner {whose} AND n.status = 'pending'"
        );
        Ok(self.ask(&query).await?.into_iter().flatten().collect())
    }

    /// All runs of a node so far.
    ///
    /// # Errors
    /// As [`Database::ask`].
    pub async fn runs(&self, node: &str) -> Result<Vec<String>> {
        let query = format!(
            "SELECT run_id::text FROM notification_schema.engine_nodes WHERE node_name = '{node}'"
        );
        Ok(self.ask(&query).await?.into_iter().flatten().collect())
    }

    /// The ids of all stored notifications, by what their senders call them.
    ///
    /// # Errors
    /// As [`Database::ask`].
    pub async fn ids(&self) -> Result<super::judge::Ids> {
        let query = "SELECT source_id, id::text FROM notification_schema.notifications";
        let rows = self.ask(query).await?.into_iter();
        let pair = |row: Vec<String>| <[String; 2]>::try_from(row).ok().map(|[a, b]| (a, b));
        Ok(rows.filter_map(pair).collect())
    }

    /// Runs a query in a transaction that stays open, with its locks, until the value is dropped.
    ///
    /// # Errors
    /// When the server does not answer, or refuses.
    pub async fn hold(&self, query: &str) -> Result<Held> {
        hold(&self.url(), query, ANSWER).await
    }

    /// Ends every session of an engine; returns how many.
    ///
    /// # Errors
    /// As [`Database::ask`].
    pub async fn end_sessions(&self) -> Result<usize> {
        Ok(self.ask(END_SESSIONS).await?.len())
    }
}

/// A connection to a database of the engine, with its tables in sight.
///
/// # Errors
/// When the database cannot be reached.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = open(url).await?;
    // It ends with its client; what fails here fails the statement that waits for it.
    tokio::spawn(connection);
    let path = "SET search_path TO notification_schema";
    client.batch_execute(path).await.context(path)?;
    Ok(client)
}

type Connection =
    tokio_postgres::Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>;

async fn open(url: &str) -> Result<(Client, Connection)> {
    tokio_postgres::connect(url, NoTls).await.context(
        "PostgreSQL; script/servers start starts a server, script/servers env prints its URL as \
         HERALD_TEST_DATABASE_URL",
    )
}

async fn hold(url: &str, query: &str, limit: Duration) -> Result<Held> {
    let (client, connection) = open(url).await?;
    let connection = tokio::spawn(async move {
        // It ends with the value.
        let _ = connection.await;
    });
    let held = Held { connection, client };
    let begin = format!("BEGIN; {query}");
    let begun = timeout(limit, held.client.batch_execute(&begin)).await;
    begun
        .with_context(|| format!("PostgreSQL does not answer to {query}"))?
        .with_context(|| query.to_owned())?;
    Ok(held)
}

/// Refused, or told to come again: the server is on its way up.
fn is_starting(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<tokio_postgres::Error>();
    error.is_some_and(|error| {
        let answer = error.as_db_error();
        answer.is_none_or(|answer| answer.code().code().starts_with("57P"))
    })
}

async fn ask(url: &str, query: &str) -> Result<Rows> {
    let (client, connection) = open(url).await?;
    let connection = tokio::spawn(connection);
    let asked = client.simple_query(query).await;
    drop(client);
    let messages = asked.with_context(|| query.to_owned())?;
    // A template must have no session left when it is copied.
    let _ended = connection.await;
    let cells = |row: tokio_postgres::SimpleQueryRow| {
        let cell = |column| row.get(column).unwrap_or_default().to_owned();
        (0..row.len()).map(cell).collect()
    };
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(cells(row)),
        _ => None,
    });
    Ok(rows.collect())
}

/// The URL with another database or virtual host at its end.
pub(super) fn url_with(url: &str, name: &str) -> Option<String> {
    let (address, parameters) = match url.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let (server, _) = address.rsplit_once('/')?;
    // The slashes of `postgres://` are not the one before a name.
    (!server.ends_with('/')).then(|| format!("{server}/{name}{parameters}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_url_is_exchanged() {
        let url = |text| url_with(text, "new");
        assert_eq!(
            url("postgres://a:b@h:1/old?x=1").as_deref(),
            Some("postgres://a:b@h:1/new?x=1")
        );
        assert_eq!(url("amqp://h:1/%2f").as_deref(), Some("amqp://h:1/new"));
        assert_eq!(url("postgres://h:1"), None);
    }
}
