//! Publishing to a test's vhost.

use lapin::types::{AMQPValue, FieldTable};
use loadtest::publisher::{Properties, PublishError, Publisher};
use serde_json::Value;

/// Publishes envelopes.
pub(crate) struct TestPublisher(Publisher);

impl TestPublisher {
    /// A connection to a virtual host.
    pub(crate) async fn at(url: &str) -> Self {
        Self(Publisher::connect(url).await.unwrap())
    }

    /// Publishes an envelope through its own lane.
    pub(crate) async fn publish(&self, envelope: &Value) {
        let text =
            |field: &str, default: &str| envelope[field].as_str().unwrap_or(default).to_owned();
        let key = format!(
            "{}.{}",
            text("channel", "email"),
            text("priority", "normal")
        );
        self.publish_raw(envelope.to_string().as_bytes(), &key)
            .await;
    }

    /// Publishes any bytes.
    pub(crate) async fn publish_raw(&self, body: &[u8], key: &str) {
        self.0
            .publish_one(body, key, Properties::default())
            .await
            .unwrap();
    }

    /// Publishes an event.
    pub(crate) async fn publish_event(&self, body: &[u8], kind: &str) {
        self.0
            .publish_to("herald.events", body, kind, Properties::default())
            .await
            .unwrap();
    }

    /// Publishes an event with a header that says how it is traced.
    pub(crate) async fn publish_traced_event(&self, body: &[u8], kind: &str, traceparent: &str) {
        let mut headers = FieldTable::default();
        let value = AMQPValue::LongString(traceparent.into());
        headers.insert("traceparent".into(), value);
        let properties = Properties::default().with_headers(headers);
        let published = self.0.publish_to("herald.events", body, kind, properties);
        published.await.unwrap();
    }

    /// Publishes until a queue takes it.
    pub(crate) async fn publish_until_taken(&self, body: &[u8], key: &str) {
        loop {
            match self.0.publish_one(body, key, Properties::default()).await {
                Ok(()) => return,
                Err(PublishError::Unroutable { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Whether a queue takes it; without the exchange it is of no more use.
    pub(crate) async fn publishes(&self, body: &[u8], key: &str) -> bool {
        let published = self.0.publish_one(body, key, Properties::default()).await;
        published.is_ok()
    }

    pub(crate) async fn publish_with(&self, body: &[u8], key: &str, properties: Properties) {
        self.0.publish_one(body, key, properties).await.unwrap();
    }
}
