//! How the database is reached.

use std::time::Duration;

use secrecy::SecretString;

use crate::tls::Files;

/// Whose schema a session works in, with whose role: neither can read the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseRole {
    /// The engine's: `herald_notifications`, in `notification_schema`.
    Notifications,
    /// The support desk's: `herald_tickets`, in `ticket_schema`.
    Tickets,
}

impl DatabaseRole {
    /// The role and its schema.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Notifications => ("herald_notifications", "notification_schema"),
            Self::Tickets => ("herald_tickets", "ticket_schema"),
        }
    }
}

/// How the database is reached.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `postgres://user:password@host:port/database`; the user must be a member of the role, as whoever migrated is.
    pub url: SecretString,
    /// With whose role.
    pub role: DatabaseRole,
    /// Whom to trust and who we are, where the URL asks for TLS.
    pub tls: Files,
    /// Most connections at once.
    pub pool_size: u32,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest that one statement may take; a transaction may also be idle no longer.
    pub statement_timeout: Duration,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
}

/// How a server is reached: its URL, and the files for TLS.
#[derive(Debug, Clone)]
pub struct Access {
    /// `postgres://user:password@host:port/database`.
    pub url: SecretString,
    /// Whom to trust and who we are, where the URL asks for TLS.
    pub tls: Files,
}

impl From<&DatabaseSettings> for Access {
    fn from(settings: &DatabaseSettings) -> Self {
        Self {
            url: settings.url.clone(),
            tls: settings.tls.clone(),
        }
    }
}

/// With the system's roots, and nothing to show.
impl From<&str> for Access {
    fn from(url: &str) -> Self {
        Self {
            url: url.into(),
            tls: Files {
                section: "database",
                ..Files::default()
            },
        }
    }
}

impl From<&String> for Access {
    fn from(url: &String) -> Self {
        Self::from(url.as_str())
    }
}
