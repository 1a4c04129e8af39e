//! How PostgreSQL is reached.

use secrecy::SecretString;

use super::DatabaseSettings;
use crate::tls::Files;

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
