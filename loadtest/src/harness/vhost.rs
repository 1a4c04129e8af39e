//! Virtual hosts that are made for a test, a round or a measurement, and what an operator does to them.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use serde_json::Value;
use tokio::time::timeout;

use super::database::url_with;
use super::management::Management;

const ANSWER: Duration = Duration::from_secs(30);
/// Where the engine puts what it cannot accept.
const REJECTED: &str = "herald.rejected";

/// A virtual host.
#[derive(Clone, Debug)]
pub struct Vhost {
    name: String,
    url: String,
    admin: Management,
}

/// A message that was set aside.
#[derive(Debug)]
pub struct Rejected {
    /// All its headers.
    pub headers: FieldTable,
    /// What it holds.
    pub body: Vec<u8>,
}

impl Rejected {
    fn of(message: lapin::message::Delivery) -> Self {
        let headers = message.properties.headers().clone();
        Self {
            headers: headers.unwrap_or_default(),
            body: message.data,
        }
    }

    /// Why: the engine's word for it; `None` when the broker did it.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.header("x-herald-reason")
    }

    /// A header that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        match self.headers.inner().get(name) {
            Some(AMQPValue::LongString(text)) => Some(text.to_string()),
            _ => None,
        }
    }
}

impl Vhost {
    /// One that need not exist yet, on the broker at `amqp://user:password@host:port/vhost`.
    ///
    /// # Errors
    /// When a URL has another form.
    pub fn named(broker: &str, admin: &str, name: &str) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            url: url_with(broker, name).context("the broker's URL must end in /NAME")?,
            admin: Management::new(admin)?,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The broker's management interface.
    #[must_use]
    pub fn management(&self) -> &Management {
        &self.admin
    }

    /// Makes it.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn create(&self) -> Result<()> {
        self.admin.make_vhost(&self.name).await
    }

    /// Deletes it with all its queues, if it is there.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn remove(&self) -> Result<()> {
        self.admin.delete_vhost(&self.name).await
    }

    /// The names of its connections that are listed.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn connections(&self) -> Result<Vec<String>> {
        let listed: Vec<Value> = self.admin.json("connections").await?;
        let ours = listed.iter();
        let ours = ours.filter(|connection| connection["vhost"] == self.name.as_str());
        let named = ours.filter_map(|connection| connection["name"].as_str());
        Ok(named.map(ToOwned::to_owned).collect())
    }

    /// Closes every connection that is listed, as an operator or a network would; returns how many.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn cut_connections(&self) -> Result<usize> {
        let connections = self.connections().await?;
        for name in &connections {
            let name = name.replace(' ', "%20").replace('>', "%3E");
            // One that was closing anyway is gone.
            let path = format!("connections/{name}");
            self.admin.delete_if_there(&path).await?;
        }
        Ok(connections.len())
    }

    /// Asks the management interface for something of this vhost: `queues`, `{vhost}` in the path.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn operate(&self, method: &str, path: &str) -> Result<()> {
        let path = path.replace("{vhost}", &self.name);
        self.admin.ask(method, &path).await.map(drop)
    }

    /// Deletes a queue: its consumer is cancelled by the server.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub async fn delete_queue(&self, queue: &str) -> Result<()> {
        let path = format!("queues/{{vhost}}/{queue}");
        self.operate("DELETE", &path).await
    }

    /// Messages in queues that no consumer holds.
    ///
    /// # Errors
    /// When a queue does not exist, or the broker does not answer.
    pub async fn ready(&self, queues: &[impl AsRef<str>]) -> Result<u64> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        let mut ready = 0;
        for queue in queues {
            ready += u64::from(ready_in(&channel, queue.as_ref()).await?);
        }
        Ok(ready)
    }

    /// Makes a quorum queue that keeps all that comes to a topic exchange, which need not exist yet.
    ///
    /// # Errors
    /// When the broker does not answer, or has another queue or exchange of the name.
    pub async fn keep_all_of(&self, exchange: &str, queue: &str) -> Result<()> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let none = FieldTable::default;
        channel
            .exchange_declare(exchange.into(), ExchangeKind::Topic, durable, none())
            .await?;
        let mut kind = FieldTable::default();
        kind.insert(
            "x-queue-type".into(),
            AMQPValue::LongString("quorum".into()),
        );
        channel
            .queue_declare(queue.into(), QueueDeclareOptions::durable(), kind)
            .await?;
        let options = QueueBindOptions::default();
        channel
            .queue_bind(queue.into(), exchange.into(), "#".into(), options, none())
            .await?;
        Ok(connection.close(200, "done".into()).await?)
    }

    /// Takes all that is in a queue, in its order.
    ///
    /// # Errors
    /// When the queue does not exist, or the broker does not answer.
    pub async fn take_all(&self, queue: &str) -> Result<Vec<Vec<u8>>> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        let waiting = usize::try_from(ready_in(&channel, queue).await?)?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let mut taken = channel
            .basic_consume(queue.into(), "all".into(), options, FieldTable::default())
            .await?;
        let mut all = vec![];
        while all.len() < waiting {
            let next = timeout(ANSWER, taken.next()).await;
            let next = next.with_context(|| format!("{queue} gives {} of {waiting}", all.len()))?;
            all.push(next.context("the consumer has ended")??.data);
        }
        // What came meanwhile was given to us too.
        let cancelled = BasicCancelOptions::default();
        channel.basic_cancel("all".into(), cancelled).await?;
        while let Some(next) = timeout(ANSWER, taken.next()).await? {
            all.push(next?.data);
        }
        Ok(all)
    }

    /// Takes a message that was set aside, if there is one.
    ///
    /// # Errors
    /// When the queue does not exist, or the broker does not answer.
    pub async fn take_rejected(&self) -> Result<Option<Rejected>> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        let options = BasicGetOptions { no_ack: true };
        let got = channel.basic_get(REJECTED.into(), options).await?;
        Ok(got.map(|got| Rejected::of(got.delivery)))
    }

    /// Waits for a message that was set aside and takes it, and no other.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn next_rejected(&self) -> Result<Rejected> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(1, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let mut rejected = channel
            .basic_consume(
                REJECTED.into(),
                "test".into(),
                options,
                FieldTable::default(),
            )
            .await?;
        let next = timeout(ANSWER, rejected.next()).await;
        let next = next.context("nothing was set aside")?;
        let delivery = next.context("the consumer was cancelled")??;
        delivery.ack(BasicAckOptions::default()).await?;
        // What is sent in answer goes back; the end of the connection is waited for.
        connection.close(200, "done".into()).await?;
        Ok(Rejected::of(delivery))
    }

    async fn connect(&self) -> Result<Connection> {
        let connect = Connection::connect(&self.url, ConnectionProperties::default());
        timeout(ANSWER, connect)
            .await
            .context("RabbitMQ does not answer")?
            .context("RabbitMQ")
    }
}

/// Messages in a queue that no consumer holds.
async fn ready_in(channel: &Channel, queue: &str) -> Result<u32> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::durable()
    };
    let declared = channel.queue_declare(queue.into(), passive, FieldTable::default());
    Ok(declared.await?.message_count())
}
