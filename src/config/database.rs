//! Settings of the PostgreSQL connection.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::postgres_url::PostgresUrl;
use super::reader::Reader;

/// Where PostgreSQL is and how it is used.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://user:password@host:port/database`.
    pub url: SecretString,
    /// Connections that this node keeps.
    pub pool_size: u32,
    /// Longest wait for a connection to be opened or lent.
    pub connect_timeout: Duration,
    /// Longest that PostgreSQL may work on one statement.
    pub statement_timeout: Duration,
}

impl Database {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let wait = Duration::from_millis(100)..=Duration::from_secs(300);
        let work = Duration::from_millis(100)..=Duration::from_secs(3_600);
        Self {
            url: url(reader),
            pool_size: reader.integer("database.pool_size", 2..=512, "connections"),
            connect_timeout: reader.duration("database.connect_timeout", wait),
            statement_timeout: reader.duration("database.statement_timeout", work),
        }
    }
}

fn url(reader: &mut Reader<'_>) -> SecretString {
    const FORM: &str = "postgres://user:password@host:port/database";
    let url = reader.secret("database.url");
    let read = match url.expose_secret() {
        "" => Ok(()),
        text => PostgresUrl::read(text).map(drop),
    };
    if let Err(problem) = read {
        let () = reader.refuse("database.url", problem, FORM);
    }
    url
}
