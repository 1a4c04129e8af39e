//! What can go wrong with the broker.

use std::time::Duration;

/// Trouble with RabbitMQ. Every kind is passing: the caller waits and tries again.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// No answer in time.
    #[error("RabbitMQ did not answer within {0:?} while {1}")]
    Timeout(Duration, &'static str),
    /// The client reports an error.
    #[error("RabbitMQ failed while {1}: {0}")]
    Amqp(lapin::Error, &'static str),
    /// RabbitMQ did not take a published message.
    #[error("RabbitMQ did not take the message: {0}")]
    NotTaken(&'static str),
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
