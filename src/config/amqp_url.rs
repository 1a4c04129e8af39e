//! Where RabbitMQ is, by its URL: all of it is read and checked here, at the start.
//!
//! The client library gets the parts. Its own reading asks localhost where it does not understand the
//! host, and passes over parameters that it does not know.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

/// What a URL should look like.
pub(super) const FORM: &str = "amqp://user:password@host:port/vhost, amqps:// with TLS; several hosts \
                               of one cluster with commas between them; parameters heartbeat, \
                               channel_max, frame_max, connection_timeout, auth_mechanism";

/// Login of a RabbitMQ that nobody configured; it takes it from its own machine only.
const GUEST: &str = "guest";
/// Longest name of a virtual host, in bytes.
const LONGEST_VHOST: usize = 255;
/// Smallest frames that leave room for what a message says besides its body.
const FRAME_MAX: std::ops::RangeInclusive<u32> = 8_192..=1_048_576;

/// The parts of `amqp://user:password@host:port/vhost?heartbeat=5`. `Debug` shows no login.
#[derive(Clone, Default)]
pub struct AmqpUrl {
    /// Whether it begins with `amqps`.
    pub is_secured: bool,
    /// The user; `None` when the URL names none.
    pub user: Option<String>,
    /// The password; `None` when the URL names none.
    pub password: Option<SecretString>,
    /// The nodes of one cluster, at least one: the first that answers is used.
    pub hosts: Vec<Host>,
    /// The virtual host.
    pub vhost: String,
    /// Heartbeat asked for, in seconds; wins over `broker.heartbeat`.
    pub heartbeat: Option<u16>,
    /// Most channels on one connection.
    pub channel_max: Option<u16>,
    /// Largest frame, in bytes.
    pub frame_max: Option<u32>,
    /// Longest wait for a connection, in milliseconds; wins over `broker.connect_timeout`.
    pub connection_timeout: Option<u32>,
    /// How to log in, where the URL says so.
    pub login: Option<AmqpLogin>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name, or an address without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

/// How the broker learns who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmqpLogin {
    /// By user and password.
    Plain,
    /// By the certificate of the connection (SASL EXTERNAL).
    Certificate,
}

impl std::fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AmqpUrl")
            .field("hosts", &self.hosts)
            .field("vhost", &self.vhost)
            .finish_non_exhaustive()
    }
}

impl AmqpUrl {
    /// Whether there is one.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// User and password to log in with. The broker's own default stands in for both together.
    #[must_use]
    pub fn user_and_password(&self) -> (String, SecretString) {
        match (&self.user, &self.password) {
            (Some(user), password) => (user.clone(), password.clone().unwrap_or_default()),
            (None, _) => (GUEST.to_owned(), SecretString::from(GUEST)),
        }
    }

    /// Reads a URL. An empty text is none.
    ///
    /// # Errors
    /// What is wrong with it; a text that may be part of a password is never shown.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(
                "has a blank in it; in user, password or vhost it is written %20".to_owned(),
            );
        }
        let (is_secured, rest) = scheme(text)?;
        if rest.contains('#') {
            return Err("has a # in it; in user, password or vhost it is written %23".to_owned());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, Some(path)),
            None => (rest, None),
        };
        if query.contains('@') || path.is_some_and(|path| path.contains('@')) {
            return Err(
                "has an @ behind a / or ?; in user or password they are written %2F, %3F, in a \
                        virtual host @ is written %40"
                    .to_owned(),
            );
        }
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let mut url = Self {
            is_secured,
            hosts: hosts
                .split(',')
                .map(|host| self::host(host, default_port(is_secured)))
                .collect::<Result<_, _>>()?,
            vhost: vhost(path)?,
            ..Self::default()
        };
        url.set_login(login)?;
        url.set_parameters(query)?;
        Ok(url)
    }

    fn set_login(&mut self, login: Option<&str>) -> Result<(), String> {
        let Some(login) = login else {
            return Ok(());
        };
        if login.contains('@') {
            return Err("has two @; in user and password it is written %40".to_owned());
        }
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        let user = decoded(user, "user")?;
        if user.is_empty() {
            return Err("names no user before the password".to_owned());
        }
        self.user = Some(user);
        self.password = password
            .map(|password| decoded(password, "password").map(SecretString::from))
            .transpose()?;
        Ok(())
    }

    fn set_parameters(&mut self, query: &str) -> Result<(), String> {
        let mut seen: Vec<&str> = vec![];
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if seen.contains(&name) {
                return Err(format!("gives the parameter `{}` twice", known(name)));
            }
            seen.push(name);
            self.set_parameter(name, value)?;
        }
        Ok(())
    }

    fn set_parameter(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "heartbeat" => self.heartbeat = Some(number(name, value, 1..=300, "seconds")?),
            "channel_max" => {
                self.channel_max = Some(number(name, value, 1..=u16::MAX, "channels")?);
            }
            "frame_max" => self.frame_max = Some(number(name, value, FRAME_MAX, "bytes")?),
            "connection_timeout" => {
                let milliseconds = number(name, value, 100..=300_000, "milliseconds")?;
                self.connection_timeout = Some(milliseconds);
            }
            "auth_mechanism" => self.login = Some(mechanism(value)?),
            "cacertfile" | "ca_certs" => return Err(ours(name, "broker.ca_file")),
            "certfile" => return Err(ours(name, "broker.cert_file")),
            "keyfile" => return Err(ours(name, "broker.key_file")),
            "verify" | "fail_if_no_peer_cert" | "server_name_indication" | "ssl_options" => {
                return Err(format!(
                    "has the parameter `{name}`; with amqps:// the server's certificate is always \
                     checked, and its name is the host's"
                ));
            }
            _ => {
                return Err(format!(
                    "has a parameter that is not known: `{}`",
                    known(name)
                ));
            }
        }
        Ok(())
    }
}

fn scheme(text: &str) -> Result<(bool, &str), String> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or("does not begin with amqp://")?;
    match scheme.to_ascii_lowercase().as_str() {
        "amqp" => Ok((false, rest)),
        "amqps" => Ok((true, rest)),
        _ => Err("begins with neither amqp:// nor amqps://".to_owned()),
    }
}

const fn default_port(is_secured: bool) -> u16 {
    if is_secured { 5671 } else { 5672 }
}

fn host(text: &str, default_port: u16) -> Result<Host, String> {
    const PORT: &str = "has a port that is not a number from 1 to 65535; a / ? : or @ in user or \
                        password is written %2F, %3F, %3A, %40";
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or("has a [ without its ]")?;
            let address: std::net::Ipv6Addr = address
                .parse()
                .map_err(|_| "has something in brackets that is no IPv6 address")?;
            let port = match rest {
                "" => None,
                rest => Some(
                    rest.strip_prefix(':')
                        .ok_or("has something between ] and the port")?,
                ),
            };
            (address.to_string(), port)
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(
                    "has an IPv6 address that is not in brackets, or a : too many".to_owned(),
                );
            }
            Some((name, port)) => (host_name(name)?, Some(port)),
            None => (host_name(text)?, None),
        },
    };
    let port = match port {
        None => default_port,
        Some(port) if port.bytes().all(|digit| digit.is_ascii_digit()) => {
            port.parse().ok().filter(|port| *port != 0).ok_or(PORT)?
        }
        Some(_) => return Err(PORT.to_owned()),
    };
    Ok(Host { name, port })
}

fn host_name(name: &str) -> Result<String, String> {
    if name.is_empty() {
        return Err("names no host".to_owned());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.chars().all(is_plain) {
        let problem = "names a host with other signs than letters, digits, - _ and . (a domain of \
                       other letters is written in its form for machines, xn--...)";
        return Err(problem.to_owned());
    }
    Ok(name.to_owned())
}

/// RabbitMQ has no virtual host without a name: nothing, or a slash alone, is the usual one.
fn vhost(path: Option<&str>) -> Result<String, String> {
    match path {
        None | Some("" | "/") => Ok("/".to_owned()),
        Some(path) if path.contains('/') => {
            Err("has a / within the virtual host's name, where it is written %2F".to_owned())
        }
        Some(path) => {
            let vhost = decoded(path, "virtual host")?;
            if vhost.len() > LONGEST_VHOST {
                return Err(format!(
                    "names a virtual host of more than {LONGEST_VHOST} bytes"
                ));
            }
            Ok(vhost)
        }
    }
}

/// Undoes the escapes. One that is none would be taken literally, and another name asked for.
fn decoded(text: &str, what: &str) -> Result<String, String> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let digits = rest.get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(format!(
                "has a % in its {what} that begins no escape; % is written %25"
            ));
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(decoded) if decoded.contains('\0') => Err(format!("has a NUL in its {what}")),
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(format!("has escapes in its {what} that are no UTF-8")),
    }
}

fn number<T>(
    name: &str,
    value: &str,
    range: std::ops::RangeInclusive<T>,
    unit: &str,
) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let (least, most) = (range.start(), range.end());
    let wrong = || format!("has a `{name}` that is not a number from {least} to {most} ({unit})");
    let number: T = value.parse().map_err(|_| wrong())?;
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(wrong())
    }
}

fn mechanism(value: &str) -> Result<AmqpLogin, String> {
    match value.to_ascii_lowercase().as_str() {
        "plain" => Ok(AmqpLogin::Plain),
        "external" => Ok(AmqpLogin::Certificate),
        _ => Err("has an `auth_mechanism` that is neither plain nor external".to_owned()),
    }
}

fn ours(name: &str, setting: &str) -> String {
    format!("has the parameter `{name}`; its place is the setting {setting}")
}

/// A parameter's name as far as it can be shown: behind a password with a `?` in it anything may stand.
fn known(name: &str) -> String {
    let letters = name
        .chars()
        .take_while(|c| c.is_ascii_lowercase() || *c == '_');
    letters.take(24).collect()
}

#[cfg(test)]
mod tests;
