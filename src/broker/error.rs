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
    /// RabbitMQ did not take a published message.
    #[error("RabbitMQ did not take the message: {0}")]
    NotTaken(&'static str),
}

impl BrokerError {
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
