//! A vhost of its own for each test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use loadtest::client::{self, Answer};
use loadtest::publisher::{Properties, PublishError, Publisher};
use serde_json::Value;
use uuid::Uuid;

use crate::stage::PATIENCE;

/// A vhost that is deleted with this value.
pub(crate) struct Vhost {
    name: String,
    url: String,
    admin: String,
}

impl Vhost {
    pub(crate) async fn create() -> Self {
        let name = format!("test-{}", Uuid::now_v7().simple());
        let admin = variable("HERALD_TEST_BROKER_ADMIN");
        let server = variable("HERALD_TEST_BROKER_URL");
        let (address, _) = server.rsplit_once('/').expect("the URL names a vhost");
        let vhost = Self {
            url: format!("{address}/{name}"),
            name,
            admin,
        };
        vhost
            .request("PUT", &format!("vhosts/{}", vhost.name))
            .await;
        vhost
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What waits in a queue, ready or unacknowledged; `None` when it does not exist.
    pub(crate) async fn waiting(&self, queue: &str) -> u32 {
        let connection = self.connect().await;
        let channel = connection.create_channel().await.unwrap();
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::durable()
        };
        let queue = channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await
            .unwrap();
        queue.message_count()
    }

    /// Takes one rejected message: its reason, detail and body.
    pub(crate) async fn take_rejected(&self) -> Option<(String, String, Vec<u8>)> {
        let connection = self.connect().await;
        let channel = connection.create_channel().await.unwrap();
        let options = BasicGetOptions { no_ack: true };
        let got = channel
            .basic_get("herald.rejected".into(), options)
            .await
            .unwrap()?;
        let headers = got
            .delivery
            .properties
            .headers()
            .clone()
            .unwrap_or_default();
        let header = |name: &str| match headers.inner().get(name) {
            Some(lapin::types::AMQPValue::LongString(text)) => text.to_string(),
            other => panic!("{name}: {other:?}"),
        };
        Some((
            header("x-herald-reason"),
            header("x-herald-detail"),
            got.delivery.data,
        ))
    }

    /// Waits for a rejected message and takes it, and no other: its headers and its body.
    pub(crate) async fn next_rejected(&self) -> (FieldTable, Vec<u8>) {
        let connection = self.connect().await;
        let channel = connection.create_channel().await.unwrap();
        let one = channel.basic_qos(1, BasicQosOptions::default());
        one.await.unwrap();
        let (queue, tag) = ("herald.rejected".into(), "test".into());
        let options = BasicConsumeOptions::default();
        let consume = channel.basic_consume(queue, tag, options, FieldTable::default());
        let mut rejected = consume.await.unwrap();
        let next = tokio::time::timeout(PATIENCE, rejected.next()).await;
        let delivery = next.expect("nothing was rejected").unwrap().unwrap();
        delivery.ack(BasicAckOptions::default()).await.unwrap();
        // What is sent in answer goes back; the end of the connection is waited for.
        connection.close(200, "done".into()).await.unwrap();
        let headers = delivery.properties.headers().clone();
        (headers.unwrap_or_default(), delivery.data)
    }

    /// The connections to this vhost.
    pub(crate) async fn connections(&self) -> Vec<String> {
        let listed = self.request("GET", "connections").await;
        let mut connections = listed.as_array().cloned().unwrap_or_default();
        connections.retain(|connection| connection["vhost"] == self.name.as_str());
        let name = |connection: &Value| connection["name"].as_str().unwrap().to_owned();
        connections.iter().map(name).collect()
    }

    /// Cuts every connection of this vhost, as an operator or a network would; returns how many.
    pub(crate) async fn cut_connections(&self) -> usize {
        let connections = self.connections().await;
        for name in &connections {
            let name = name.replace(' ', "%20").replace('>', "%3E");
            let path = format!("connections/{name}");
            // One that was closing anyway is gone.
            self.send("DELETE", &path).await;
        }
        connections.len()
    }

    /// Deletes an exchange with all its bindings.
    pub(crate) async fn delete_exchange(&self, exchange: &str) {
        let path = format!("exchanges/{}/{exchange}", self.name);
        self.request("DELETE", &path).await;
    }

    /// Undoes a binding.
    pub(crate) async fn unbind(&self, exchange: &str, queue: &str, key: &str) {
        let path = format!("bindings/{}/e/{exchange}/q/{queue}/{key}", self.name);
        self.request("DELETE", &path).await;
    }

    /// Declares a queue of the kind that is no quorum queue.
    pub(crate) async fn declare_classic(&self, queue: &str) {
        let path = format!("queues/{}/{queue}", self.name);
        self.request("PUT", &path).await;
    }

    /// Binds a queue to an exchange, whatever the routing key.
    pub(crate) async fn bind_everything(&self, exchange: &str, queue: &str) {
        let path = format!("bindings/{}/e/{exchange}/q/{queue}", self.name);
        self.request("POST", &path).await;
    }

    /// Deletes a queue: its consumer is cancelled by the server.
    pub(crate) async fn delete_queue(&self, queue: &str) {
        let path = format!("queues/{}/{queue}", self.name);
        self.request("DELETE", &path).await;
    }

    pub(crate) async fn publisher(&self) -> TestPublisher {
        TestPublisher(Publisher::connect(&self.url).await.unwrap())
    }

    async fn connect(&self) -> Connection {
        Connection::connect(&self.url, ConnectionProperties::default())
            .await
            .unwrap()
    }

    async fn request(&self, method: &str, path: &str) -> Value {
        let answer = self.send(method, path).await;
        assert!(
            (200..300).contains(&answer.status),
            "{path}: {}",
            answer.head
        );
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    async fn send(&self, method: &str, path: &str) -> Answer {
        let (scheme, rest) = self.admin.split_once("://").unwrap();
        let (login, host) = rest.split_once('@').unwrap();
        let login = format!("authorization: Basic {}", STANDARD.encode(login));
        let headers = [login.as_str(), "content-type: application/json"];
        let url = format!("{scheme}://{host}/api/{path}");
        let answer = client::request(method, &url, &headers, b"{}");
        tokio::time::timeout(PATIENCE, answer)
            .await
            .unwrap()
            .unwrap()
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        let vhost = Self {
            name: String::new(),
            url: String::new(),
            admin,
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let path = format!("vhosts/{name}");
            runtime.block_on(vhost.request("DELETE", &path));
            // Its own drop would delete a vhost without a name.
            std::mem::forget(vhost);
        });
        if thread.join().is_err() {
            eprintln!("a test's vhost could not be deleted");
        }
    }
}

/// Publishes envelopes.
pub(crate) struct TestPublisher(Publisher);

impl TestPublisher {
    /// One at another broker.
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

#[expect(
    clippy::disallowed_methods,
    reason = "settings of the tests themselves"
)]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run script/test, which starts the servers"))
}
