//! Lanes that are left alone while nobody can take their messages.

use std::sync::Arc;
use std::time::Duration;

use herald::broker::connection::BrokerAddress;
use herald::broker::consumer::{Consumers, LaneConsumer, QueueDepths};
use herald::broker::{Arrival, receipt};
use herald::config::AmqpUrl;
use herald::domain::{Channel, Lane, Priority, Proof};
use herald::resilience::Backoff;
use herald::runtime::{Ending, Health, Permits, Shutdown, Tasks};
use herald::tls::Files;
use loadtest::harness::proxy::Proxy;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::publisher::TestPublisher;
use crate::stage::{PATIENCE, Vhost};

const LANE: &str = "email.normal";
const QUEUE: &str = "herald.email.normal";
/// A message that only shows whether the lane is consumed.
const MARKER: &str = "marker";

/// One lane that is consumed into a channel, and paused by hand.
struct Scene {
    vhost: Vhost,
    publisher: TestPublisher,
    paused: watch::Sender<bool>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    depths: QueueDepths,
    stop: Shutdown,
    consuming: JoinHandle<()>,
}

impl Scene {
    async fn new(vhost: Vhost, url: String) -> Self {
        let (paused, stop) = (watch::Sender::new(false), Shutdown::new());
        let (sender, arrivals) = mpsc::unbounded_channel();
        let (tasks, health) = (Tasks::new(Handle::current()), Health::new());
        health.down("broker", "starting");
        let depths = QueueDepths::default();
        let consumers = Consumers {
            address: BrokerAddress {
                url: AmqpUrl::parse(&url).unwrap(),
                tls: Files::default(),
                connect_timeout: Duration::from_secs(5),
                operation_timeout: Duration::from_secs(5),
                heartbeat: Duration::from_secs(5),
            },
            lanes: vec![LaneConsumer {
                lane: Lane::new(Channel::Email, Priority::Normal),
                permits: Permits::new(100),
                prefetch: 100,
                paused: paused.subscribe(),
            }],
            delivery_limit: 50,
            reconnect: Backoff::new(Duration::from_millis(50), Duration::from_millis(500)),
            tasks: tasks.clone(),
            health: health.clone(),
            stop: stop.clone(),
            sink: Arc::new(move |arrivals| {
                for arrival in arrivals {
                    // After the test nobody takes them: they return.
                    let _ = sender.send(arrival);
                }
            }),
            depths: depths.clone(),
        };
        let consuming = tasks.spawn("consume", async move {
            drop(consumers.run().await);
        });
        let ready = timeout(PATIENCE, health.ready()).await;
        assert!(ready.is_ok(), "{:?}", health.parts());
        let scene = Self {
            publisher: vhost.publisher().await,
            vhost,
            paused,
            arrivals,
            depths,
            stop,
            consuming,
        };
        scene.publisher.publish_until_taken(b"first", LANE).await;
        scene
    }

    async fn publish(&self, bodies: &[&str]) {
        for body in bodies {
            self.publisher.publish_raw(body.as_bytes(), LANE).await;
        }
    }

    /// The next message but for markers, which must be this one.
    async fn next(&mut self, body: &str) -> Arrival {
        loop {
            let arrival = timeout(PATIENCE, self.arrivals.recv()).await;
            let arrival = arrival.expect("nothing arrives").unwrap();
            if arrival.body != MARKER.as_bytes() {
                assert_eq!(String::from_utf8_lossy(&arrival.body), body);
                return arrival;
            }
            acknowledge(vec![arrival]).await;
        }
    }

    /// Pauses the lane, and waits until a message stays where it is: a consumer that was cancelled
    /// counts as one until all that it was handed is acknowledged.
    async fn pause(&self) {
        self.paused.send_replace(true);
        let cancelled = async {
            while self.vhost.waiting(QUEUE).await == 0 {
                self.publish(&[MARKER]).await;
            }
        };
        assert!(timeout(PATIENCE, cancelled).await.is_ok(), "it is consumed");
    }

    async fn stop(self) {
        self.stop.raise(Ending::Asked);
        let ended = timeout(PATIENCE, self.consuming).await;
        assert!(ended.is_ok(), "it does not stop");
    }
}

async fn acknowledge(arrivals: Vec<Arrival>) {
    /// The test has seen it, and wants no more of it.
    struct Seen;
    impl Proof for Seen {}
    let receipts = arrivals.into_iter();
    let receipts = receipts.map(|arrival| arrival.receipt.proven(&Seen));
    receipt::acknowledge(receipts.collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_lane_leaves_its_messages_in_rabbitmq_and_goes_on_where_it_was() {
    let vhost = Vhost::create().await;
    let url = vhost.url().to_owned();
    let mut scene = Scene::new(vhost, url).await;
    let in_hand = vec![scene.next("first").await];
    scene.pause().await;
    scene.publish(&["a", "b", "c"]).await;
    assert_eq!(scene.vhost.waiting(QUEUE).await, 1 + 3);
    assert!(in_hand[0].receipt.is_live());
    acknowledge(in_hand).await;
    scene.paused.send_replace(false);
    let mut rest = vec![];
    for body in ["a", "b", "c"] {
        let arrival = scene.next(body).await;
        assert_eq!(arrival.deliveries_before, 0, "{body} was delivered before");
        rest.push(arrival);
    }
    acknowledge(rest).await;
    // Once more, at once, on the same channel.
    scene.pause().await;
    scene.paused.send_replace(false);
    scene.publish(&["d"]).await;
    acknowledge(vec![scene.next("d").await]).await;
    scene.stop().await;
}

/// RabbitMQ ends the connection when a consumer has the tag of one before it, of which something is
/// unacknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_goes_on_beside_what_was_in_hand_before_its_pauses() {
    let vhost = Vhost::create().await;
    let url = vhost.url().to_owned();
    let mut scene = Scene::new(vhost, url).await;
    let mut in_hand = vec![scene.next("first").await];
    for body in ["a", "b", "c"] {
        scene.pause().await;
        scene.paused.send_replace(false);
        scene.publish(&[body]).await;
        let arrival = scene.next(body).await;
        assert_eq!(arrival.deliveries_before, 0, "{body} was delivered before");
        in_hand.push(arrival);
    }
    assert!(in_hand.iter().all(|arrival| arrival.receipt.is_live()));
    acknowledge(in_hand).await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_lane_outlives_its_connection_and_its_queue() {
    let vhost = Vhost::create().await;
    let proxy = Proxy::before(vhost.url()).await.unwrap();
    let url = proxy.url(vhost.url());
    let mut scene = Scene::new(vhost, url).await;
    acknowledge(vec![scene.next("first").await]).await;
    scene.pause().await;
    scene.publish(&["cut"]).await;
    proxy.cut();
    // Whoever connects again learns how many wait.
    let lane = Lane::new(Channel::Email, Priority::Normal);
    let known = async {
        while scene.depths.of(lane).is_none_or(|waiting| waiting == 0) {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, known).await.is_ok());
    scene.paused.send_replace(false);
    let arrival = scene.next("cut").await;
    scene.pause().await;
    acknowledge(vec![arrival]).await;
    scene.vhost.delete_queue(QUEUE).await.unwrap();
    scene.paused.send_replace(false);
    scene
        .publisher
        .publish_until_taken(b"a new queue", LANE)
        .await;
    acknowledge(vec![scene.next("a new queue").await]).await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_lane_does_not_hold_up_the_end() {
    let vhost = Vhost::create().await;
    let url = vhost.url().to_owned();
    let mut scene = Scene::new(vhost, url).await;
    acknowledge(vec![scene.next("first").await]).await;
    scene.pause().await;
    scene.stop().await;
}
