//! A virtual host of its own for each round, and what an operator does to it.

use std::time::Duration;

use anyhow::{Context, Error, Result};
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use serde_json::Value;
use tokio::time::timeout;

use crate::broker_admin::BrokerAdmin;
use crate::database::url_with;

const ANSWER: Duration = Duration::from_secs(20);
/// Where the engine puts what it cannot accept.
const REJECTED: &str = "herald.rejected";

/// A virtual host.
#[derive(Clone, Debug)]
pub(super) struct Vhost {
    name: String,
    url: String,
    admin: BrokerAdmin,
}

/// A message that was set aside.
#[derive(Debug)]
pub(super) struct Rejected {
    /// Why: the engine's word for it, or that the broker did it.
    pub(super) reason: String,
    pub(super) body: Vec<u8>,
}

impl Vhost {
    /// One that need not exist yet.
    pub(super) fn named(broker: &str, admin: &str, name: &str) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            url: url_with(broker, name).context("the broker's URL")?,
            admin: BrokerAdmin::new(admin).map_err(Error::msg)?,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn create(&self) -> Result<()> {
        self.admin.make_vhost(&self.name).await.map_err(Error::msg)
    }

    pub(super) async fn remove(&self) -> Result<()> {
        let removed = self.admin.delete_vhost(&self.name).await;
        removed.map_err(Error::msg)
    }

    /// Closes every connection of this vhost that is listed, as an operator or a network would.
    pub(super) async fn cut_connections(&self) -> Result<()> {
        let listed: Vec<Value> = self.admin.json("connections").await.map_err(Error::msg)?;
        let ours = listed.iter();
        let ours = ours.filter(|connection| connection["vhost"] == self.name.as_str());
        for name in ours.filter_map(|connection| connection["name"].as_str()) {
            let name = name.replace(' ', "%20").replace('>', "%3E");
            // One that was closing anyway is gone.
            let _ = self
                .admin
                .ask("DELETE", &format!("connections/{name}"))
                .await;
        }
        Ok(())
    }

    /// Deletes a queue: its consumer is cancelled by the server.
    pub(super) async fn delete_queue(&self, queue: &str) -> Result<()> {
        let path = format!("queues/{}/{queue}", self.name);
        let deleted = self.admin.ask("DELETE", &path).await;
        deleted.map(drop).map_err(Error::msg)
    }

    /// Messages in the lanes that no consumer holds.
    pub(super) async fn ready(&self, lanes: &[&str]) -> Result<u64> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        let mut ready = 0;
        for lane in lanes {
            let passive = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::durable()
            };
            let name = format!("herald.{lane}");
            let queue = channel.queue_declare(name.into(), passive, FieldTable::default());
            ready += u64::from(queue.await?.message_count());
        }
        Ok(ready)
    }

    /// Takes all that was set aside.
    pub(super) async fn take_rejected(&self) -> Result<Vec<Rejected>> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        let mut all = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(got) = channel.basic_get(REJECTED.into(), options).await? {
            let headers = got
                .delivery
                .properties
                .headers()
                .clone()
                .unwrap_or_default();
            let reason = match headers.inner().get("x-herald-reason") {
                Some(AMQPValue::LongString(reason)) => reason.to_string(),
                _ => "set aside by the broker".to_owned(),
            };
            all.push(Rejected {
                reason,
                body: got.delivery.data,
            });
        }
        Ok(all)
    }

    async fn connect(&self) -> Result<Connection> {
        let connect = Connection::connect(&self.url, ConnectionProperties::default());
        timeout(ANSWER, connect)
            .await
            .context("RabbitMQ does not answer")?
            .context("RabbitMQ")
    }
}
