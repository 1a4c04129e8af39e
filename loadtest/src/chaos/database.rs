//! A database of its own for each round, and what committed rows say.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::database::url_with;

/// Longest wait for an answer, and for a server that is starting.
const ANSWER: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(50);
/// The database that `herald migrate` has run in; the others are copies of it.
pub(super) const TEMPLATE: &str = "chaos_template";

/// Ends every session that an engine has, and waits for their ends.
const END_SESSIONS: &str = "
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'herald %'";

/// A database; its name and where it is.
#[derive(Clone, Debug)]
pub(super) struct Database {
    server: String,
    name: String,
}

/// A transaction that is open; dropped, it is rolled back.
#[derive(Debug)]
pub(super) struct Held {
    connection: JoinHandle<()>,
    client: Client,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Rows of text; NULL is empty.
pub(super) type Rows = Vec<Vec<String>>;

impl Database {
    /// One that need not exist yet.
    pub(super) fn named(server: &str, name: &str) -> Self {
        Self {
            server: server.to_owned(),
            name: name.to_owned(),
        }
    }

    pub(super) fn url(&self) -> String {
        url_with(&self.server, &self.name).unwrap_or_default()
    }

    /// Makes an empty one.
    pub(super) async fn create(&self) -> Result<()> {
        let statement = format!("CREATE DATABASE {}", self.name);
        ask(&self.server, &statement).await.map(drop)
    }

    /// Makes a copy of the migrated one, in a tablespace.
    pub(super) async fn clone_template(&self, tablespace: Option<&str>) -> Result<()> {
        let place = tablespace.map_or(String::new(), |name| format!("TABLESPACE {name}"));
        let statement = format!("CREATE DATABASE {} TEMPLATE {TEMPLATE} {place}", self.name);
        ask(&self.server, &statement).await.map(drop)
    }

    pub(super) async fn remove(&self) -> Result<()> {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        ask(&self.server, &statement).await.map(drop)
    }

    /// A statement to the server as a whole.
    pub(super) async fn tell_server(&self, statement: &str) -> Result<Rows> {
        ask(&self.server, statement).await
    }

    /// The rows of a query; a server that is just starting is waited for.
    pub(super) async fn ask(&self, query: &str) -> Result<Rows> {
        let patient = async {
            loop {
                match ask(&self.url(), query).await {
                    Ok(rows) => return Ok(rows),
                    Err(error) if error.is::<tokio_postgres::Error>() && is_starting(&error) => {
                        sleep(AGAIN).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let answer = timeout(ANSWER, patient).await;
        answer.with_context(|| format!("PostgreSQL does not answer to {query}"))?
    }

    /// One number.
    pub(super) async fn count(&self, query: &str) -> Result<u64> {
        let rows = self.ask(query).await?;
        let cell = rows.first().and_then(|row| row.first());
        cell.and_then(|text| text.parse().ok())
            .with_context(|| format!("no number: {query}"))
    }

    /// The notifications that any engine has claimed or taken and not stored an outcome of.
    pub(super) async fn in_flight(&self) -> Result<Vec<String>> {
        self.owned("IS NOT NULL").await
    }

    /// The same, of these runs of an engine.
    pub(super) async fn in_flight_of(&self, runs: &[String]) -> Result<Vec<String>> {
        self.owned(&format!("= ANY('{{{}}}')", runs.join(",")))
            .await
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
    pub(super) async fn runs(&self, node: &str) -> Result<Vec<String>> {
        let query = format!(
            "SELECT run_id::text FROM notification_schema.engine_nodes WHERE node_name = '{node}'"
        );
        Ok(self.ask(&query).await?.into_iter().flatten().collect())
    }

    /// The rows among them, without claims of what has no row yet.
    pub(super) async fn rows_in_flight_of(&self, runs: &[String]) -> Result<u64> {
        self.count(&format!(
            "SELECT count(*) FROM notification_schema.notifications
             WHERE owner = ANY('{{{}}}') AND status = 'pending'",
            runs.join(",")
        ))
        .await
    }

    /// Runs a query in a transaction that stays open, with its locks, until the value is dropped.
    pub(super) async fn hold(&self, query: &str) -> Result<Held> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        let connection = tokio::spawn(async move {
            // It ends with the value.
            let _ = connection.await;
        });
        let held = Held { connection, client };
        let begin = format!("BEGIN; {query}");
        timeout(ANSWER, held.client.batch_execute(&begin)).await??;
        Ok(held)
    }

    /// Ends every session of an engine; returns how many.
    pub(super) async fn end_sessions(&self) -> Result<usize> {
        Ok(self.ask(END_SESSIONS).await?.len())
    }
}

/// Refused, or told to come again: the server is on its way up.
fn is_starting(error: &anyhow::Error) -> bool {
    let Some(error) = error.downcast_ref::<tokio_postgres::Error>() else {
        return false;
    };
    error
        .as_db_error()
        .is_none_or(|answer| answer.code().code().starts_with("57P"))
}

async fn ask(url: &str, query: &str) -> Result<Rows> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let work = async {
        let messages = client.simple_query(query).await?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|column| row.get(column).unwrap_or_default().to_owned())
                    .collect(),
            ),
            _ => None,
        });
        Ok(rows.collect())
    };
    tokio::select! {
        rows = work => rows,
        ended = connection => {
            ended?;
            anyhow::bail!("PostgreSQL closed the connection during {query}")
        }
    }
}
