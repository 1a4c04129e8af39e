//! Publishing to RabbitMQ with confirms, or by HTTP, at a rate or flat out.
//!
//! It publishes only: exchanges and queues are the engine's to declare. Every message is `mandatory`,
//! so that one which no queue wants is an error and not silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::lane::{EXCHANGE, Lane};

mod envelope;
mod expectation;
mod http;
mod mix;
mod pace;
mod plan;

pub(crate) use envelope::template_name;
pub use expectation::Expectations;
pub use http::{ByHttp, HttpPublisher};
/// AMQP message properties, as lapin has them.
pub use lapin::BasicProperties as Properties;
pub use mix::{Mix, Weights};
pub use pace::Pace;
pub use plan::{Draft, Plan};

/// No answer of the broker within this time is an error.
const BROKER_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const PERSISTENT: u8 = 2;

/// Why a message was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No queue is bound to the routing key.
    #[error(
        "no queue takes {exchange} with the key {routing_key}: start the engine, which declares them"
    )]
    Unroutable {
        /// The exchange published to.
        exchange: String,
        /// The routing key.
        routing_key: String,
    },
    /// The broker refused it.
    #[error("the broker refused a message for {routing_key}: look for full queues or alarms")]
    Refused {
        /// The routing key.
        routing_key: String,
    },
    /// The broker did not answer in time.
    #[error("no answer from the broker within {} seconds: is it blocked by an alarm?", .0.as_secs())]
    Silent(Duration),
    /// The connection or channel failed.
    #[error("the broker connection failed: {0}")]
    Broker(#[from] lapin::Error),
}

/// A connection that publishes.
#[derive(Debug)]
pub struct Publisher {
    connection: Connection,
    channel: Channel,
}

/// What is counted while a load is published; several loads may share one.
#[derive(Debug, Default)]
pub struct Progress {
    published: AtomicU64,
    confirmed: AtomicU64,
}

impl Progress {
    /// Messages handed to the broker so far.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Messages the broker has confirmed so far.
    #[must_use]
    pub fn confirmed(&self) -> u64 {
        self.confirmed.load(Ordering::Relaxed)
    }
}

/// What became of a published load.
#[derive(Debug, Default)]
pub struct Published {
    /// Messages handed to the broker, repeated ones included.
    pub published: u64,
    /// Messages the broker confirmed and routed.
    pub confirmed: u64,
    /// Messages that no queue took.
    pub unroutable: u64,
    /// Messages that were refused, or never answered.
    pub failed: u64,
    /// The first error in words.
    pub first_error: Option<String>,
    /// What the confirmed messages must lead to.
    pub expected: Expectations,
    /// How long calls by HTTP took to be answered, in microseconds; `None` where there were none.
    pub answer_micros: Option<Histogram<u64>>,
    /// From the first call by HTTP to the last answer.
    pub answered_in: Duration,
}

impl Published {
    /// Adds what somebody else published of the same load.
    fn add(&mut self, other: Self) {
        self.published += other.published;
        self.confirmed += other.confirmed;
        self.unroutable += other.unroutable;
        self.failed += other.failed;
        self.first_error = self.first_error.take().or(other.first_error);
        self.expected.merge(other.expected);
        match (&mut self.answer_micros, other.answer_micros) {
            // Both have the same bounds.
            (Some(all), Some(more)) => drop(all.add(more)),
            (all, more) => *all = all.take().or(more),
        }
    }
}

impl Publisher {
    /// Connects to `url` (`amqp://user:password@host:port/vhost`).
    ///
    /// # Errors
    /// When the broker cannot be reached, or refuses the credentials or the vhost.
    pub async fn connect(url: &str) -> Result<Self, PublishError> {
        let properties =
            ConnectionProperties::default().with_connection_name("herald-loadtest".into());
        let connect = async {
            let connection = Connection::connect(url, properties).await?;
            let channel = connection.create_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            Ok(Self {
                connection,
                channel,
            })
        };
        in_time(CONNECT_TIMEOUT, connect).await
    }

    /// Publishes one envelope to `herald.notifications` and waits for the confirm. Missing
    /// properties are filled in: persistent, `application/json`.
    ///
    /// # Errors
    /// When the message cannot be routed, or the broker refuses it or does not answer.
    pub async fn publish_one(
        &self,
        envelope: &[u8],
        routing_key: &str,
        properties: Properties,
    ) -> Result<(), PublishError> {
        self.publish_to(EXCHANGE, envelope, routing_key, properties)
            .await
    }

    /// The same to another exchange, for example `herald.events`.
    ///
    /// # Errors
    /// As [`Publisher::publish_one`].
    pub async fn publish_to(
        &self,
        exchange: &str,
        body: &[u8],
        routing_key: &str,
        properties: Properties,
    ) -> Result<(), PublishError> {
        let sent = self.send(exchange, body, routing_key, properties).await?;
        judge(exchange, routing_key, confirmation(sent).await?)
    }

    /// Publishes `count` messages of `plan` at `pace`, with at most `window` unconfirmed; fewer when
    /// the time of `pace` is over before.
    ///
    /// # Errors
    /// When the connection fails; single refusals are counted in the result instead.
    pub async fn run(
        &self,
        plan: &mut Plan,
        count: u64,
        pace: Pace,
        window: usize,
        progress: &Arc<Progress>,
    ) -> Result<Published, PublishError> {
        let (pending, waiting) = mpsc::channel(window.max(1));
        let collector = tokio::spawn(collect(waiting, progress.clone(), plan.first()));
        let mut handed_over = 0;
        for number in 0..count {
            if pace.is_over() {
                break;
            }
            let draft = plan.draft(pace.due(number).await);
            let key = draft.lane.to_string();
            let sent = self
                .send(EXCHANGE, &draft.body, &key, Properties::default())
                .await;
            let sent = match sent {
                Ok(sent) => sent,
                Err(error) => {
                    collector.abort();
                    return Err(error);
                }
            };
            progress.published.fetch_add(1, Ordering::Relaxed);
            handed_over += 1;
            let noted = (draft.sequence, draft.lane, draft.acceptances, sent);
            if pending.send(noted).await.is_err() {
                break;
            }
        }
        drop(pending);
        let mut published = collector.await.unwrap_or_default();
        published.published = handed_over;
        Ok(published)
    }

    /// Closes the connection in good order.
    pub async fn close(self) {
        // What does not close by itself is closed when the process ends.
        let _ = timeout(CONNECT_TIMEOUT, self.connection.close(200, "done".into())).await;
    }

    async fn send(
        &self,
        exchange: &str,
        body: &[u8],
        routing_key: &str,
        properties: Properties,
    ) -> Result<PublisherConfirm, PublishError> {
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let publish = self.channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            options,
            body,
            completed(properties),
        );
        in_time(BROKER_TIMEOUT, async { Ok(publish.await?) }).await
    }
}

fn completed(properties: Properties) -> Properties {
    let properties = match properties.content_type() {
        Some(_) => properties,
        None => properties.with_content_type("application/json".into()),
    };
    let properties = match properties.delivery_mode() {
        Some(_) => properties,
        None => properties.with_delivery_mode(PERSISTENT),
    };
    match properties.headers() {
        Some(_) => properties,
        None => properties.with_headers(published_now()),
    }
}

/// When it is published: the AMQP property counts whole seconds only.
fn published_now() -> FieldTable {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut headers = FieldTable::default();
    let ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    headers.insert("timestamp_in_ms".into(), AMQPValue::LongLongInt(ms));
    headers
}

async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, PublishError>>,
) -> Result<T, PublishError> {
    timeout(limit, work)
        .await
        .unwrap_or(Err(PublishError::Silent(limit)))
}

async fn confirmation(sent: PublisherConfirm) -> Result<Confirmation, PublishError> {
    in_time(BROKER_TIMEOUT, async { Ok(sent.await?) }).await
}

fn judge(
    exchange: &str,
    routing_key: &str,
    confirmation: Confirmation,
) -> Result<(), PublishError> {
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) => Err(PublishError::Unroutable {
            exchange: exchange.to_owned(),
            routing_key: routing_key.to_owned(),
        }),
        Confirmation::Nack(_) | Confirmation::NotRequested => Err(PublishError::Refused {
            routing_key: routing_key.to_owned(),
        }),
    }
}

type Pending = (u64, Lane, u32, PublisherConfirm);

/// Waits for the confirms in the order of publishing.
async fn collect(
    mut waiting: mpsc::Receiver<Pending>,
    progress: Arc<Progress>,
    first: u64,
) -> Published {
    let mut result = Published {
        expected: Expectations::starting_at(first),
        ..Published::default()
    };
    while let Some((sequence, lane, acceptances, sent)) = waiting.recv().await {
        let outcome = match confirmation(sent).await {
            Ok(confirmation) => judge(EXCHANGE, &lane.to_string(), confirmation),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                result.confirmed += 1;
                progress.confirmed.fetch_add(1, Ordering::Relaxed);
                result.expected.add(sequence, lane, acceptances);
            }
            Err(error) => {
                match error {
                    PublishError::Unroutable { .. } => result.unroutable += 1,
                    _ => result.failed += 1,
                }
                result.first_error.get_or_insert_with(|| error.to_string());
            }
        }
    }
    result
}
