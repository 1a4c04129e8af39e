//! What an SMTP account needs: a server, how to secure the connection, and a sender.

use std::sync::Arc;
use std::time::Duration;

use lettre::address::Address;
use lettre::message::Mailbox;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::SecretString;
use tokio_rustls::TlsConnector;

use super::wire::Tls;
use crate::domain::Account;
use crate::domain::address::ascii_domain;
use crate::providers::SettingsError;
use crate::providers::fields::{Fields, Secret};

/// An SMTP account's settings.
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) login: Option<Login>,
    pub(crate) from: Mailbox,
    pub(crate) timeout: Duration,
}

/// Who we say to be.
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: SecretString,
}

/// How the connection is secured.
pub(crate) enum Security {
    /// Not at all: for a server on the same machine.
    None,
    /// By STARTTLS; a server that does not offer it is refused (RFC 3207).
    Starttls(Tls),
    /// TLS from the first byte (RFC 8314).
    Implicit(Tls),
}

impl Settings {
    pub(crate) fn from_account(account: &Account) -> Result<Self, SettingsError> {
        let mut fields = Fields::of(account, &["host", "port", "tls", "from"]);
        let host = fields.required_text("host", "the server's name");
        let tls = fields.text("tls").unwrap_or("starttls");
        let (security, usual_port) = security(&mut fields, tls, host);
        let port = fields.port("port").unwrap_or(usual_port);
        let login = login(&mut fields);
        let from = from(&mut fields);
        let timeout = fields.timeout();
        let (Some(security), Some(from)) = fields.finish((security, from))? else {
            return Err(SettingsError::incomplete(account));
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            security,
            login,
            from,
            timeout,
        })
    }
}

/// The security and the port that usually goes with it.
fn security(fields: &mut Fields<'_>, tls: &str, host: &str) -> (Option<Security>, u16) {
    let mut parameters = || match tls_to(host) {
        Ok(tls) => Some(tls),
        Err(error) => {
            fields.mistake(format!("TLS cannot be set up for `host`: {error}"));
            None
        }
    };
    match tls {
        "none" => (Some(Security::None), 25),
        "starttls" => (parameters().map(Security::Starttls), 587),
        "implicit" => (parameters().map(Security::Implicit), 465),
        _ => {
            fields.mistake("config key `tls` must be one of none, starttls, implicit");
            (None, 0)
        }
    }
}

/// TLS with the machine's roots, and the one cryptographic provider.
fn tls_to(host: &str) -> Result<Tls, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| error.to_string())?
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    Ok(Tls { connector, name })
}

/// User and password, or neither: many servers inside a company ask for none.
fn login(fields: &mut Fields<'_>) -> Option<Login> {
    match (fields.secret(Secret::Key), fields.secret(Secret::Secret)) {
        (Some(user), Some(password)) => Some(Login {
            user: user.to_owned(),
            password: SecretString::from(password),
        }),
        (None, None) => None,
        _ => {
            fields.mistake(
                "`api_key` (user) and `api_secret` (password) are needed both, or neither",
            );
            None
        }
    }
}

/// What we greet with, and what stands in headers, needs no SMTPUTF8 for a domain that has an ASCII
/// spelling. A name without a dot stays: a server inside a company may take it.
fn with_ascii_domain(from: Mailbox) -> Option<Mailbox> {
    let (user, domain) = (from.email.user(), from.email.domain());
    if domain.is_ascii() {
        return Some(from);
    }
    let email = Address::new(user, ascii_domain(domain)?).ok()?;
    Some(Mailbox::new(from.name, email))
}

fn from(fields: &mut Fields<'_>) -> Option<Mailbox> {
    let text = fields.required_text("from", "the sender's address");
    let from = text.parse::<Mailbox>().ok().and_then(with_ascii_domain);
    if from.is_none() && !text.is_empty() {
        fields.mistake("config key `from` must be an address, or `Name <address>`");
    }
    from
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::ProviderKind;
    use crate::providers::testing::account;

    fn read(key: Option<&str>, secret: Option<&str>, config: Value) -> Result<Settings, String> {
        let account = account(ProviderKind::Smtp, key, secret, config);
        Settings::from_account(&account).map_err(|error| error.mistakes.join("\n"))
    }

    #[test]
    fn all_mistakes_are_told() {
        let config = json!({"tls": "ssl", "port": 70000, "from": "nobody", "user": "x"});
        insta::assert_snapshot!(read(Some("user"), None, config).err().unwrap(), @"
        config key `user` is unknown; allowed: host, port, tls, from
        config key `host` is missing: the server's name
        config key `tls` must be one of none, starttls, implicit
        config key `port` must be a port from 1 to 65535
        `api_key` (user) and `api_secret` (password) are needed both, or neither
        config key `from` must be an address, or `Name <address>`
        ");
    }

    #[test]
    fn tls_can_be_set_up_without_a_default_crypto_provider() {
        for (tls, port) in [("none", 25), ("starttls", 587), ("implicit", 465)] {
            let config =
                json!({"host": "mail.example.com", "tls": tls, "from": "Herald <h@example.com>"});
            let settings = read(None, None, config).ok().unwrap();
            assert_eq!(settings.port, port);
            assert!(settings.login.is_none());
        }
    }
}
