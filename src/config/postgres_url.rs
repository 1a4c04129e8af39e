//! Where PostgreSQL is, as a URL says: all of it is read and checked here.
//!
//! The client library's own reader takes what it does not understand for something else, and is asked
//! only when a connection is opened. What is wrong is told at the start instead, in words that never
//! show a part of the URL that could be a secret.

mod parameters;

use std::net::Ipv6Addr;

use tokio_postgres::Config;

use self::parameters::Parameters;

/// A PostgreSQL URL that was understood. `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct PostgresUrl {
    /// What the client library has to know. Says nothing of TLS, which lies below it.
    pub config: Config,
    /// How the connection is secured.
    pub tls: TlsMode,
    /// The parameters that the URL has.
    given: Vec<String>,
}

/// How much a connection promises: libpq's `sslmode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// `disable`, or nothing said: not encrypted.
    #[default]
    Disable,
    /// `require`: encrypted. Who answers is not known, unless a file of authorities is given: then as
    /// `verify-ca`, as libpq does.
    Require,
    /// `verify-ca`: encrypted, with whoever has a certificate of a known authority.
    VerifyCa,
    /// `verify-full`: encrypted, and with the host that the URL names.
    VerifyFull,
}

impl PostgresUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence without a secret.
    pub fn read(url: &str) -> Result<Self, String> {
        let rest = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme))
            .ok_or("is not a URL of this kind")?;
        if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("holds a blank or a control character: a blank is written %20".to_owned());
        }
        if !escapes_are_whole(rest) {
            let why = "holds a % that is not followed by two hexadecimal digits: a % itself is written %25";
            return Err(why.to_owned());
        }
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') {
            let why = "has an @ after its first ?: in a password a ? is written %3F, in a parameter an @ %40";
            return Err(why.to_owned());
        }
        let hosts = check_address(address)?;
        let parameters = Parameters::read(query)?;
        parameters.check_places(hosts)?;
        let plain = format!("postgres://{address}?{}", parameters.for_the_library());
        let config: Config = plain
            .parse()
            .map_err(|error| format!("is not understood: {}", words(&error)))?;
        Ok(Self {
            config,
            tls: parameters.tls(),
            given: parameters.names(),
        })
    }

    /// Whether the URL has this parameter.
    #[must_use]
    pub fn says(&self, parameter: &str) -> bool {
        self.given.iter().any(|given| given == parameter)
    }
}

/// Checks what stands before the parameters; says how many hosts there are.
fn check_address(address: &str) -> Result<usize, String> {
    // As the library splits it: the first @ ends user and password.
    let (login, place) = match address.split_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, address),
    };
    if place.contains('@') {
        return Err("has more than one @: in a user or password it is written %40".to_owned());
    }
    if login.is_some_and(|login| login.split(':').next() == Some("")) {
        return Err("names no user before its @".to_owned());
    }
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    if database.contains('/') {
        return Err("has a / in the name of the database: there it is written %2F".to_owned());
    }
    if hosts.is_empty() {
        return Ok(0);
    }
    let mut count = 0;
    for host in hosts.split(',') {
        check_host(host)?;
        count += 1;
    }
    Ok(count)
}

/// Checks one `host:port`.
fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, after) = rest.split_once(']').ok_or("has a [ without a ]")?;
            if !name.contains('%') && name.parse::<Ipv6Addr>().is_err() {
                return Err("has something in brackets that is no IPv6 address".to_owned());
            }
            match after.strip_prefix(':') {
                Some(port) => (name, Some(port)),
                None if after.is_empty() => (name, None),
                None => return Err("has something between a ] and its port".to_owned()),
            }
        }
        None => match host.split_once(':') {
            Some((_, rest)) if rest.contains(':') => {
                let why = "has a host with several colons: an IPv6 address stands in brackets, \
                           in a user or password a : is written %3A";
                return Err(why.to_owned());
            }
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    if name.is_empty() {
        return Err("names no host before a port or a comma".to_owned());
    }
    if !name.is_ascii() {
        return Err("has a host that is not written in ASCII (`xn--...`)".to_owned());
    }
    port.map_or(Ok(()), check_port)
}

fn check_port(port: &str) -> Result<(), String> {
    match port.parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => Err("has a port that is none: 1 to 65535".to_owned()),
    }
}

fn escapes_are_whole(text: &str) -> bool {
    let is_digits = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    text.split('%').skip(1).all(is_digits)
}

/// The library's words. It shows names of parameters and never values.
fn words(error: &tokio_postgres::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    #[track_caller]
    fn refused(url: &str) -> String {
        let why = PostgresUrl::read(url).unwrap_err();
        assert!(!why.contains("hunter2"), "{why}");
        why
    }

    #[test]
    fn valid_postgres_urls_are_read() {
        let url = "postgres://ana%40x:hunter2%2F@[2001:db8::1]:6432,db-2.example/herald%20x\
                   ?application_name=me&keepalives_idle=30";
        let read = PostgresUrl::read(url).unwrap();
        assert_eq!(read.config.get_user(), Some("ana@x"));
        assert_eq!(read.config.get_password(), Some(&b"hunter2/"[..]));
        let tcp = |name: &str| Host::Tcp(name.to_owned());
        assert_eq!(
            read.config.get_hosts(),
            [tcp("2001:db8::1"), tcp("db-2.example")]
        );
        assert_eq!(read.config.get_ports(), [6432, 5432]);
        assert_eq!(read.config.get_dbname(), Some("herald x"));
        assert!(read.says("keepalives_idle") && !read.says("connect_timeout"));
        assert_eq!(read.tls, TlsMode::Disable);
        assert!(!format!("{read:?}").contains("hunter2"));
    }

    #[test]
    fn the_socket_of_a_server_on_this_machine_is_a_host() {
        for url in [
            "postgres:///herald?host=/run/postgresql",
            "postgres://ana@%2Frun%2Fpostgresql/herald",
        ] {
            let hosts = PostgresUrl::read(url).unwrap().config;
            assert_eq!(
                hosts.get_hosts(),
                [Host::Unix("/run/postgresql".into())],
                "{url}"
            );
        }
        assert!(refused("postgres:///herald").contains("names no host"));
    }

    #[test]
    fn postgres_url_mistake_shows_no_secret() {
        for (url, why) in [
            ("mysql://a@db/x", "not a URL of this kind"),
            ("postgres://a:hunter2@db:54o2/x", "port that is none"),
            ("postgres://a:hunter2@db:0/x", "port that is none"),
            ("postgres://a:hunter2@db:70000/x", "port that is none"),
            ("postgres://a:hunter2@2001:db8::1/x", "in brackets"),
            ("postgres://a:hunter2@[2001:db8::1/x", "without a ]"),
            ("postgres://a:hunter2@[db]/x", "no IPv6 address"),
            ("postgres://a:hunter2@[::1]5432/x", "between a ]"),
            ("postgres://a:hun@ter2@db/x", "%40"),
            ("postgres://a:hun?ter2@db/x", "%3F"),
            ("postgres://a:hunter2%@db/x", "%25"),
            ("postgres://a:hunter2 @db/x", "%20"),
            ("postgres://:hunter2@db/x", "names no user"),
            ("postgres://a:hunter2@one,,two/x", "names no host"),
            ("postgres://a:hunter2@/x", "names no host"),
            ("postgres://a:hunter2@db/x/y", "%2F"),
            ("postgres://a:hunter2@dätenbank/x", "ASCII"),
        ] {
            let told = refused(url);
            assert!(told.contains(why), "{url}: {told}");
        }
    }
}
