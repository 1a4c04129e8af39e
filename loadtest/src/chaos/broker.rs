//! A virtual host of its own for each round, and what an operator does to it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use serde_json::Value;
use tokio::time::timeout;

use crate::client;

const ANSWER: Duration = Duration::from_secs(20);
/// Where the engine puts what it cannot accept.
const REJECTED: &str = "herald.rejected";

/// A virtual host.
#[derive(Clone, Debug)]
pub(super) struct Vhost {
    name: String,
    url: String,
    admin: String,
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
    pub(super) fn named(broker: &str, admin: &str, name: &str) -> Self {
        let (address, _) = broker.rsplit_once('/').unwrap_or((broker, ""));
        Self {
            name: name.to_owned(),
            url: format!("{address}/{name}"),
            admin: admin.to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn create(&self) -> Result<()> {
        self.manage("PUT", &format!("vhosts/{}", self.name))
            .await
            .map(drop)
    }

    pub(super) async fn remove(&self) -> Result<()> {
        self.manage("DELETE", &format!("vhosts/{}", self.name))
            .await
            .map(drop)
    }

    /// Closes every connection of this vhost, as an operator or a network would; returns how many.
    pub(super) async fn cut_connections(&self) -> Result<usize> {
        let listed = self.manage("GET", "connections").await?;
        let listed: Value = serde_json::from_slice(&listed).context("the list of connections")?;
        let ours = listed.as_array().into_iter().flatten();
        let ours = ours.filter(|connection| connection["vhost"] == self.name.as_str());
        let mut cut = 0;
        for name in ours.filter_map(|connection| connection["name"].as_str()) {
            let name = name.replace(' ', "%20").replace('>', "%3E");
            // One that was closing anyway is gone.
            cut += usize::from(
                self.manage("DELETE", &format!("connections/{name}"))
                    .await
                    .is_ok(),
            );
        }
        Ok(cut)
    }

    /// Deletes a queue: its consumer is cancelled by the server.
    pub(super) async fn delete_queue(&self, queue: &str) -> Result<()> {
        let path = format!("queues/{}/{queue}", self.name);
        self.manage("DELETE", &path).await.map(drop)
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

    async fn manage(&self, method: &str, path: &str) -> Result<Vec<u8>> {
        let (scheme, rest) = self.admin.split_once("://").context("the admin's URL")?;
        let (login, host) = rest.split_once('@').context("the admin's URL")?;
        let login = BASE64_STANDARD.encode(login);
        let authorization = format!("authorization: Basic {login}");
        let headers = ["content-type: application/json", authorization.as_str()];
        let url = format!("{scheme}://{host}/api/{path}");
        let answer = timeout(ANSWER, client::request(method, &url, &headers, b""))
            .await
            .with_context(|| format!("no answer to {method} {url}"))??;
        ensure!(
            (200..300).contains(&answer.status),
            "{method} {url}: {} {}",
            answer.status,
            answer.text()
        );
        Ok(answer.body)
    }
}
