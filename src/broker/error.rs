//! What can go wrong with the broker.

use std::io;
use std::time::Duration;

use crate::config::Host;
use crate::tls::TlsError;

/// Trouble with RabbitMQ. Every kind is passing: the caller waits and tries again.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// No answer in time.
    #[error("RabbitMQ did not answer within {0:?} while {1}")]
    Timeout(Duration, &'static str),
    /// The client reports an error.
    #[error("RabbitMQ failed while {1}: {0}")]
    Amqp(#[source] lapin::Error, &'static str),
    /// There is no connection to be had.
    #[error("RabbitMQ cannot be reached: {0}")]
    Unreachable(#[source] io::Error),
    /// The connection cannot be secured.
    #[error("no TLS connection to RabbitMQ: {0}")]
    Tls(#[from] TlsError),
    /// None of several nodes takes a connection.
    #[error("no node of RabbitMQ takes a connection: {0}")]
    NoNode(String),
    /// The connection may not have a channel for each lane.
    #[error("RabbitMQ allows the connection {allowed} channels, and {lanes} lanes need {needed}")]
    TooFewChannels {
        /// Channels that it allows.
        allowed: u16,
        /// Lanes that this node consumes.
        lanes: usize,
        /// Channels that they need.
        needed: usize,
    },
    /// RabbitMQ blocks whoever publishes.
    #[error("RabbitMQ takes no messages: its alarm for memory or disk is on")]
    Blocked,
    /// RabbitMQ did not take a published message.
    #[error("RabbitMQ did not take the message: {0}")]
    NotTaken(&'static str),
}

impl BrokerError {
    /// What happened, with what mends it where that is known.
    #[must_use]
    pub fn words(&self) -> String {
        match self.mend() {
            Some(mend) => format!("{self}; {mend}"),
            None => self.to_string(),
        }
    }

    /// Whether the connection is good, and RabbitMQ takes nothing at present.
    pub(super) const fn is_blocked(&self) -> bool {
        matches!(self, Self::Blocked)
    }

    /// Whether an object of this name exists with other arguments.
    pub(super) fn is_of_other_arguments(&self) -> bool {
        match self {
            Self::Amqp(error, _) => match error.kind() {
                lapin::ErrorKind::ProtocolError(said) => said.kind().get_id() == 406,
                _ => false,
            },
            _ => false,
        }
    }

    fn mend(&self) -> Option<&'static str> {
        match self {
            Self::TooFewChannels { .. } => Some(
                "raise channel_max (RabbitMQ's setting, or the URL's parameter), or consume fewer \
                 lanes on each node (broker.lanes)",
            ),
            Self::Blocked => Some("free memory or disk on its machine"),
            Self::Amqp(error, _) => match error.kind() {
                lapin::ErrorKind::ProtocolError(said) => mend_of(said.kind().get_id()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The failures of every node that was tried, in one.
    pub(super) fn of_nodes(mut failures: Vec<(&Host, Self)>) -> Self {
        if failures.len() == 1
            && let Some((_, error)) = failures.pop()
        {
            return error;
        }
        let each = failures
            .iter()
            .map(|(host, error)| format!("{}:{}: {error}", host.name, host.port));
        Self::NoNode(each.collect::<Vec<_>>().join("; "))
    }
}

/// What an operator can do about a refusal, by AMQP's code.
fn mend_of(code: u16) -> Option<&'static str> {
    match code {
        403 => Some(
            "check user and password, and grant the user configure, write and read on herald\\..* in the \
             virtual host",
        ),
        404 => Some("a node that consumes this lane (broker.lanes) declares it: start one"),
        405 | 406 => Some(
            "an exchange or queue of this name is of another kind or has other arguments: move its \
             messages, delete it, and it is declared anew",
        ),
        530 => Some("make the virtual host, or grant the user access to it"),
        _ => None,
    }
}

/// Puts a limit on a lapin future: some never end when the broker dies at the wrong moment.
pub(super) async fn within<T>(
    limit: Duration,
    doing: &'static str,
    future: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerError> {
    match tokio::time::timeout(limit, future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(BrokerError::Amqp(error, doing)),
        Err(_) => Err(BrokerError::Timeout(limit, doing)),
    }
}
