//! Connecting to RabbitMQ.

use std::time::Duration;

use lapin::{Connection, ConnectionProperties};

use super::error::{BrokerError, within};

/// How to reach the broker.
#[derive(Clone)]
pub struct Address {
    /// AMQP URI with credentials.
    pub uri: String,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for any other answer.
    pub operation_timeout: Duration,
    /// Interval of AMQP heartbeats; a dead peer is noticed after about two.
    pub heartbeat: Duration,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").finish_non_exhaustive()
    }
}

impl Address {
    /// Opens a connection, shown to the broker's operators under `name`.
    ///
    /// Must be called on the IO runtime: lapin's own thread works with the runtime that connected.
    /// Nothing recovers by itself: what loses its connection builds everything anew.
    ///
    /// # Errors
    /// When the broker is out of reach or refuses the credentials.
    pub async fn connect(&self, name: &str) -> Result<Connection, BrokerError> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let uri = self.uri_with_heartbeat();
        within(
            self.connect_timeout,
            "connecting",
            Connection::connect(&uri, properties),
        )
        .await
    }

    fn uri_with_heartbeat(&self) -> String {
        if self.uri.contains("heartbeat=") {
            return self.uri.clone();
        }
        let separator = if self.uri.contains('?') { '&' } else { '?' };
        format!(
            "{}{separator}heartbeat={}",
            self.uri,
            self.heartbeat.as_secs().max(1)
        )
    }
}
