//! Where PostgreSQL is: the servers that a URL names, and how one of them is reached.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, TargetSessionAttrs};

use super::super::StoreError;
use super::stream::RawSocket;
use crate::config::PostgresUrl;
use crate::runtime::lack;

/// A silent connection is asked for a sign of life after this time, where the URL does not say
/// otherwise. The client library's own default is two hours.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// Time between two such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Questions without an answer after which the connection is dead.
const KEEPALIVE_RETRIES: u32 = 3;
/// Time after which what was sent and not confirmed makes a connection dead.
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// A server: one address of one host.
#[derive(Debug, Clone)]
pub(super) enum ServerAddress {
    /// Over the network, and the host's name.
    Tcp(SocketAddr, String),
    /// The socket file of a server on this machine.
    Unix(PathBuf),
}

/// Reads a URL, and adds what holds where it says nothing.
pub(super) fn read(url: &str) -> Result<PostgresUrl, StoreError> {
    let unread = |why| StoreError::Refused(format!("HERALD__DATABASE__URL {why}"));
    let mut url = PostgresUrl::read(url).map_err(unread)?;
    let (idle, timeout) = (url.says("keepalives_idle"), url.says("tcp_user_timeout"));
    let attributes = url.says("target_session_attrs");
    let config = &mut url.config;
    if !idle {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }
    if !timeout {
        config.tcp_user_timeout(USER_TIMEOUT);
    }
    let several = config.get_hosts().len().max(config.get_hostaddrs().len()) > 1;
    if several && !attributes {
        // Of several servers, the one that can do our work is meant.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok(url)
}

/// Every address of every host of a configuration, in the order in which they are tried.
///
/// # Errors
/// No name could be resolved.
pub(super) async fn all(config: &Config) -> Result<Vec<ServerAddress>, StoreError> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let (mut endpoints, mut failure) = (vec![], None);
    for index in 0..hosts.len().max(addresses.len()) {
        let ports = config.get_ports();
        let port = ports.get(index).or_else(|| ports.first());
        let port = port.copied().unwrap_or(5432);
        match (addresses.get(index), hosts.get(index)) {
            (Some(address), host) => {
                let name = match host {
                    Some(Host::Tcp(name)) => name.clone(),
                    _ => address.to_string(),
                };
                endpoints.push(ServerAddress::Tcp((*address, port).into(), name));
            }
            (None, Some(Host::Unix(folder))) => {
                endpoints.push(ServerAddress::Unix(folder.join(format!(".s.PGSQL.{port}"))));
            }
            (None, Some(Host::Tcp(name))) => match lookup_host((name.as_str(), port)).await {
                Ok(found) => {
                    endpoints
                        .extend(found.map(|address| ServerAddress::Tcp(address, name.clone())));
                }
                Err(error) => failure = Some(unavailable(&format!("the host {name}"), &error)),
            },
            (None, None) => {}
        }
    }
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        let len = endpoints.len().max(1);
        endpoints.rotate_left(rand::random_range(0..len));
    }
    match failure {
        Some(error) if endpoints.is_empty() => Err(error),
        _ if endpoints.is_empty() => Err(StoreError::Refused("the URL names no host".to_owned())),
        _ => Ok(endpoints),
    }
}

impl ServerAddress {
    /// Opens a connection of the operating system.
    pub(super) async fn connect(&self, config: &Config) -> io::Result<Box<dyn RawSocket>> {
        match self {
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Tcp(address, _) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let socket = SockRef::from(&stream);
                #[cfg(target_os = "linux")]
                socket.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
                if config.get_keepalives() {
                    let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
                    if let Some(interval) = config.get_keepalives_interval() {
                        keepalive = keepalive.with_interval(interval);
                    }
                    if let Some(retries) = config.get_keepalives_retries() {
                        keepalive = keepalive.with_retries(retries);
                    }
                    socket.set_tcp_keepalive(&keepalive)?;
                }
                Ok(Box::new(stream))
            }
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address, _) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A failure to reach a place, with its cause. What this machine lacks is nothing that the server
/// could help.
pub(super) fn unavailable(place: &str, error: &io::Error) -> StoreError {
    if let Some(lack) = lack::behind(error) {
        return StoreError::Unavailable(format!("{lack}: {error}"));
    }
    let meaning = match error.kind() {
        io::ErrorKind::ConnectionRefused => ": the server does not listen there",
        io::ErrorKind::NotFound => ": there is no such socket",
        io::ErrorKind::PermissionDenied => ": this user may not",
        _ => "",
    };
    StoreError::Unavailable(format!("{place}{meaning}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_noticed_soon_where_the_url_does_not_say_otherwise() {
        let config = read("postgres://herald@db.example/herald").unwrap().config;
        assert_eq!(config.get_keepalives_idle(), KEEPALIVE_IDLE);
        assert_eq!(config.get_tcp_user_timeout(), Some(&USER_TIMEOUT));
        let said = "postgres://herald@db.example/herald?keepalives_idle=60&tcp_user_timeout=90";
        let config = read(said).unwrap().config;
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(60));
        assert_eq!(
            config.get_tcp_user_timeout(),
            Some(&Duration::from_secs(90))
        );
    }

    #[test]
    fn of_several_servers_one_that_can_write_is_meant() {
        let attrs = |url: &str| read(url).unwrap().config.get_target_session_attrs();
        assert_eq!(
            attrs("postgres://a@one,two/db"),
            TargetSessionAttrs::ReadWrite
        );
        assert_eq!(attrs("postgres://a@one/db"), TargetSessionAttrs::Any);
        let said = "postgres://a@one,two/db?target_session_attrs=any";
        assert_eq!(attrs(said), TargetSessionAttrs::Any);
    }

    #[tokio::test]
    async fn every_host_has_its_port_and_what_cannot_be_resolved_stops_no_other() {
        let url = read("postgres://a@127.0.0.1:1,no.such.host.invalid:2,[::1]:3/db").unwrap();
        let found: Vec<String> = all(&url.config)
            .await
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["127.0.0.1:1", "[::1]:3"]);
        let unix = read("postgres:///db?host=/run/pg&port=7").unwrap();
        let found = all(&unix.config).await.unwrap();
        assert!(matches!(&found[..], [ServerAddress::Unix(path)] if path.ends_with(".s.PGSQL.7")));
        let unknown = read("postgres://a@no.such.host.invalid/db").unwrap();
        let unknown = all(&unknown.config).await;
        assert!(
            matches!(&unknown, Err(StoreError::Unavailable(why)) if why.starts_with("the host no.such.host.invalid: ")),
            "{unknown:?}"
        );
    }

    #[test]
    fn a_lack_of_files_is_told_from_a_server_that_refuses() {
        let files = unavailable("[::1]:3", &io::Error::from_raw_os_error(24));
        assert!(files.to_string().contains("no further file"), "{files}");
        let refused = unavailable("[::1]:3", &io::Error::from_raw_os_error(111));
        let words = "[::1]:3: the server does not listen there: Connection refused";
        assert!(refused.to_string().contains(words), "{refused}");
    }
}
