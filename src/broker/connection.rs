//! Connecting to RabbitMQ: to a node that answers, with TLS where the URL says so.
//!
//! The socket is opened here and handed to the client library, which would else decide by itself what
//! a URL means, what a certificate is worth and what it can read.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lapin::uri::{
    AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism,
};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;

use super::error::{BrokerError, within};
use crate::config::{AmqpLogin, AmqpUrl, Host};
use crate::tls::{self, Checks, Files};
use wire::BrokerWire;

mod frames;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod kit;
mod properties;
mod wire;

/// How to reach the broker.
#[derive(Debug, Clone)]
pub struct BrokerAddress {
    /// Where it is and who we are.
    pub url: AmqpUrl,
    /// Whom to trust, with `amqps`.
    pub tls: Files,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for any other answer.
    pub operation_timeout: Duration,
    /// Interval of AMQP heartbeats; a dead peer is noticed after about two.
    pub heartbeat: Duration,
}

impl BrokerAddress {
    /// Opens a connection, shown to the broker's operators under `name`, to the first node that takes
    /// one.
    ///
    /// Must be called on the IO runtime: the socket lives with the runtime that opened it. Nothing
    /// recovers by itself: what loses its connection builds everything anew.
    ///
    /// # Errors
    /// When no node can be reached, is who it should be, and lets us in.
    pub async fn connect(&self, name: &str) -> Result<Connection, BrokerError> {
        let nodes = u32::try_from(self.url.hosts.len()).unwrap_or(u32::MAX);
        let share = self.connect_timeout / nodes.max(1);
        let mut failures = vec![];
        for host in &self.url.hosts {
            let connecting = tokio::time::timeout(share, self.connect_to(host, name)).await;
            match connecting {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => failures.push((host, error)),
                Err(_) => failures.push((host, BrokerError::Timeout(share, "connecting"))),
            }
        }
        Err(BrokerError::of_nodes(failures))
    }

    async fn connect_to(&self, host: &Host, name: &str) -> Result<Connection, BrokerError> {
        let wire = self.open(host).await?;
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let wire = Mutex::new(Some(wire));
        // Asked once: nothing recovers by itself.
        let hand_over = async move |_: AMQPUri, _: kit::Runtime| {
            let wire = wire.lock().unwrap_or_else(PoisonError::into_inner).take();
            wire.map(AsyncTcpStream::Plain)
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
        };
        let connecting = Connection::connector(self.uri(), kit::current(), hand_over, properties);
        let connected = within(self.connect_timeout, "connecting", connecting).await;
        connected.map_err(|error| self.explained(error))
    }

    async fn open(&self, host: &Host) -> Result<BrokerWire, BrokerError> {
        let socket = TcpStream::connect((host.name.as_str(), host.port)).await;
        let socket = socket.and_then(|socket| socket.set_nodelay(true).map(|()| socket));
        let socket = socket.map_err(BrokerError::Unreachable)?;
        if !self.url.is_secured {
            return Ok(BrokerWire::new(socket, self.url.frame_max));
        }
        let secured = self.tls.secure(socket, &host.name, Checks::ChainAndName);
        Ok(BrokerWire::new(secured.await?, self.url.frame_max))
    }

    /// What the client library must know of the URL. It opens no socket, so that its scheme and host
    /// are for show.
    fn uri(&self) -> AMQPUri {
        let (username, password) = self.url.user_and_password();
        let heartbeat = self.heartbeat.as_secs().max(1);
        AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username,
                    password: password.expose_secret().to_owned(),
                },
                ..AMQPAuthority::default()
            },
            vhost: self.url.vhost.clone(),
            query: AMQPQueryString {
                frame_max: self.url.frame_max,
                channel_max: self.url.channel_max,
                heartbeat: Some(u16::try_from(heartbeat).unwrap_or(u16::MAX)),
                connection_timeout: None,
                auth_mechanism: Some(self.mechanism()),
            },
        }
    }

    /// Whoever shows a certificate and gives no password logs in by the certificate.
    fn mechanism(&self) -> SASLMechanism {
        let login = self.url.login.unwrap_or_else(|| {
            if self.tls.has_identity() && self.url.password.is_none() {
                AmqpLogin::Certificate
            } else {
                AmqpLogin::Plain
            }
        });
        match login {
            AmqpLogin::Plain => SASLMechanism::Plain,
            AmqpLogin::Certificate => SASLMechanism::External,
        }
    }

    /// In TLS 1.3 a server refuses our certificate after the handshake, in the midst of AMQP's own.
    fn explained(&self, error: BrokerError) -> BrokerError {
        match tls::explain(&error, &self.tls) {
            Some(words) => BrokerError::Tls(tls::TlsError::Handshake(words)),
            None => error,
        }
    }
}
