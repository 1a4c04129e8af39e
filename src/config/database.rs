//! Settings of the PostgreSQL connection.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::postgres_url::{PostgresUrl, TlsMode};
use super::reader::Reader;
use super::tls;
use crate::tls::Files;

/// Where PostgreSQL is and how it is used.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host:port/database`.
    pub url: SecretString,
    /// Whom to trust and who we are, where the URL asks for TLS.
    pub tls: Files,
    /// Connections that this node keeps.
    pub pool_size: u32,
    /// Longest wait for a connection to be opened or lent.
    pub connect_timeout: Duration,
    /// Longest that PostgreSQL may work on one statement.
    pub statement_timeout: Duration,
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let wait = Duration::from_millis(100)..=Duration::from_secs(300);
        let work = Duration::from_millis(100)..=Duration::from_secs(3_600);
        let tls = tls::read(reader, "database");
        Self {
            url: url(reader, &tls),
            tls,
            pool_size: reader.integer("database.pool_size", 2..=512, "connections"),
            connect_timeout: reader.duration("database.connect_timeout", wait),
            statement_timeout: reader.duration("database.statement_timeout", work),
        }
    }
}

fn url(reader: &mut Reader<'_>, files: &Files) -> SecretString {
    const FORM: &str = "postgres://user:password@host:port/database";
    let url = reader.secret("database.url");
    let read = match url.expose_secret() {
        "" => return url,
        text => PostgresUrl::read(text),
    };
    match read.map(|read| read.tls) {
        Ok(TlsMode::Disable) => {
            let mend = "sslmode=verify-full in database.url, or no such file";
            tls::refuse_unused(reader, files, mend);
        }
        Ok(TlsMode::VerifyCa) if files.ca.is_none() => {
            let problem = "asks for `sslmode=verify-ca`, which with the system's authorities would take \
                           the certificate of any site";
            let allowed = "database.ca_file beside it, or sslmode=verify-full";
            let () = reader.refuse("database.url", problem, allowed);
        }
        Ok(_) => {}
        Err(problem) => {
            let () = reader.refuse("database.url", problem, FORM);
        }
    }
    url
}
