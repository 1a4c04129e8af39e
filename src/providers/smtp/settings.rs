//! What an SMTP account needs: a server, how to secure the connection, and a sender.

use std::time::Duration;

use lettre::message::Mailbox;
use secrecy::SecretString;

use super::events::{DOMAIN, SECRET, SECRET_BEFORE};
use super::return_path::{LEAST_SECRET, ReturnPath};
use super::tls::Tls;
use crate::domain::Account;
use crate::domain::address::ascii_domain;
use crate::providers::SettingsError;
use crate::providers::fields::{ConfigFields, Secret};

/// An SMTP account's settings.
pub(crate) struct SmtpSettings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) login: Option<SmtpLogin>,
    pub(crate) from: SmtpSender,
    /// Where mails come back to, each to an address of its own.
    pub(crate) return_path: Option<ReturnPath>,
    pub(crate) timeout: Duration,
    /// Longest wait for the reply to a mail's text.
    pub(crate) text_timeout: Duration,
    /// Most connections at once.
    pub(crate) max_connections: u16,
}

const KEYS: [&str; 10] = [
    "host",
    "port",
    "tls",
    "ca_file",
    "from",
    "max_connections",
    "text_timeout_seconds",
    "return_path_domain",
    "return_path_secret",
    "return_path_secret_before",
];
/// Postfix, for one, lets a client have 50; Exchange Online three.
const CONNECTIONS: u16 = 20;
/// RFC 5321, 4.5.3.2.6: ten minutes.
const TEXT_TIMEOUT: u16 = 600;

/// Whom mails are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SmtpSender {
    /// What readers show instead of the address.
    pub(crate) name: Option<String>,
    /// The address; its domain is ASCII.
    pub(crate) address: String,
}

impl SmtpSender {
    /// What we greet with, and what is unique about our message ids.
    pub(crate) fn domain(&self) -> &str {
        self.address.rsplit('@').next().unwrap_or_default()
    }
}

/// Who we say to be.
pub(crate) struct SmtpLogin {
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

impl SmtpSettings {
    pub(crate) fn from_account(account: &Account) -> Result<Self, SettingsError> {
        let mut fields = ConfigFields::of(account, &KEYS);
        let host = host(&mut fields);
        let tls = fields.text("tls").unwrap_or("starttls");
        let (security, usual_port) = security(&mut fields, tls, &host);
        let port = fields.port("port").unwrap_or(usual_port);
        let login = login(&mut fields);
        let from = from(&mut fields);
        let return_path = return_path(&mut fields);
        let timeout = fields.timeout();
        let text_timeout = fields.number("text_timeout_seconds", 1..=3_600, "seconds");
        let max_connections = fields.number("max_connections", 1..=1_000, "connections");
        let (Some(security), Some(from)) = fields.finish((security, from))? else {
            return Err(SettingsError::incomplete(account));
        };
        Ok(Self {
            host,
            port,
            security,
            login,
            from,
            return_path,
            timeout,
            text_timeout: Duration::from_secs(text_timeout.unwrap_or(TEXT_TIMEOUT).into()),
            max_connections: max_connections.unwrap_or(CONNECTIONS),
        })
    }
}

/// The server's name, in ASCII as the DNS and certificates hold it.
fn host(fields: &mut ConfigFields<'_>) -> String {
    let host = fields.required_text("host", "the server's name");
    let ascii = match host.is_ascii() {
        true => Some(host.to_owned()),
        false => ascii_domain(host),
    };
    if ascii.is_none() {
        fields.mistake("config key `host` must be the name or the address of a server");
    }
    ascii.unwrap_or_default()
}

/// The security and the port that usually goes with it.
fn security(fields: &mut ConfigFields<'_>, tls: &str, host: &str) -> (Option<Security>, u16) {
    let ca_file = fields.text("ca_file");
    let mut parameters = || match Tls::to(host, ca_file) {
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

/// User and password, or neither: many servers inside a company ask for none.
fn login(fields: &mut ConfigFields<'_>) -> Option<SmtpLogin> {
    match (fields.secret(Secret::Key), fields.secret(Secret::Secret)) {
        (Some(user), Some(password)) => Some(SmtpLogin {
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

/// A domain and a secret, or neither.
fn return_path(fields: &mut ConfigFields<'_>) -> Option<ReturnPath> {
    let (domain, secret) = (fields.text(DOMAIN), fields.text(SECRET));
    if domain.is_some() != secret.is_some() {
        fields.mistake(format!(
            "config keys `{DOMAIN}` and `{SECRET}` are needed both, or neither"
        ));
    }
    let before = fields.text(SECRET_BEFORE);
    if before.is_some() && secret.is_none() {
        fields.mistake(format!("config key `{SECRET_BEFORE}` needs `{SECRET}`"));
    }
    let secrets = [(SECRET, secret), (SECRET_BEFORE, before)];
    let is_short = |it: &str| it.len() < LEAST_SECRET;
    for (key, _) in secrets.into_iter().filter(|it| it.1.is_some_and(is_short)) {
        fields.mistake(format!(
            "config key `{key}` must have at least {LEAST_SECRET} bytes, for example those of `openssl rand -hex 32`"
        ));
    }
    let ascii = ascii_domain(domain?);
    if ascii.is_none() {
        fields.mistake(format!("config key `{DOMAIN}` must be a domain"));
    }
    Some(ReturnPath::new(&ascii?, secret?))
}

/// What we greet with, and what stands in headers, needs no SMTPUTF8 for a domain that has an ASCII
/// spelling. A name without a dot stays: a server inside a company may take it.
fn sender(from: &Mailbox) -> Option<SmtpSender> {
    let (user, domain) = (from.email.user(), from.email.domain());
    let domain = match domain.is_ascii() {
        true => domain.to_owned(),
        false => ascii_domain(domain)?,
    };
    Some(SmtpSender {
        name: from.name.clone().filter(|name| !name.trim().is_empty()),
        address: format!("{user}@{domain}"),
    })
}

fn from(fields: &mut ConfigFields<'_>) -> Option<SmtpSender> {
    let text = fields.required_text("from", "the sender's address");
    let mailbox = text.parse::<Mailbox>().ok();
    let from = mailbox.as_ref().and_then(sender);
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

    fn read(
        key: Option<&str>,
        secret: Option<&str>,
        config: Value,
    ) -> Result<SmtpSettings, String> {
        let account = account(ProviderKind::Smtp, key, secret, config);
        SmtpSettings::from_account(&account).map_err(|error| error.mistakes.join("\n"))
    }

    #[test]
    fn all_mistakes_are_told() {
        let config = json!({"tls": "ssl", "port": 70000, "from": "nobody", "user": "x",
            "return_path_domain": "nowhere", "return_path_secret": "short", "return_path_secret_before": "short"});
        insta::assert_snapshot!(read(Some("user"), None, config).err().unwrap(), @"
        config key `user` is unknown; allowed: host, port, tls, ca_file, from, max_connections, text_timeout_seconds, return_path_domain, return_path_secret, return_path_secret_before, sandbox
        config key `host` is missing: the server's name
        config key `tls` must be one of none, starttls, implicit
        config key `port` must be a port from 1 to 65535
        `api_key` (user) and `api_secret` (password) are needed both, or neither
        config key `from` must be an address, or `Name <address>`
        config key `return_path_secret` must have at least 16 bytes, for example those of `openssl rand -hex 32`
        config key `return_path_secret_before` must have at least 16 bytes, for example those of `openssl rand -hex 32`
        config key `return_path_domain` must be a domain
        ");
        let config = json!({"host": "mail.example.com", "from": "h@example.com", "return_path_domain": "b.example.com"});
        insta::assert_snapshot!(read(None, None, config).err().unwrap(), @"config keys `return_path_domain` and `return_path_secret` are needed both, or neither");
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
