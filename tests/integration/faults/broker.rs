//! RabbitMQ itself is killed and started again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use loadtest::ports::free_port;
use loadtest::publisher::{Expectations, Pace, Plan, Publisher};

use super::process::{Process, Watched};
use super::scene::{Scene, mix, slow};
use crate::stage::PATIENCE;

/// Messages published before the broker is killed, and after.
const BEFORE: u64 = 4_000;
const AFTER: u64 = 500;
/// Messages a second: they take four seconds before the kill. A RabbitMQ 3.10 that was killed half a
/// second after a quorum queue was declared started again with a queue that never had a leader.
const PER_SECOND: f64 = 1_000.0;
/// What the broker writes when it has started.
const STARTED: &str = "Server startup complete";

/// A RabbitMQ of this test's own; its folder goes with it.
pub(super) struct Broker {
    folder: tempfile::TempDir,
    name: String,
    /// Where the cookie lies, which the nodes of a cluster share.
    home: PathBuf,
    port: u16,
    distribution: u16,
    mapper_port: u16,
    /// The port mapper, which would else be started in the background and stay.
    _mapper: Arc<Process>,
    node: Option<Process>,
}

impl Broker {
    async fn start() -> Self {
        Self::start_with("", "[].").await
    }

    /// One with further settings and these plugins.
    pub(super) async fn start_with(further: &str, plugins: &str) -> Self {
        let mapper_port = free_port().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_owned();
        let mapper = mapper(mapper_port);
        let mut broker = Self::laid_out(
            "herald-faults",
            folder,
            home,
            (mapper_port, mapper),
            further,
            plugins,
        );
        broker.boot().await;
        broker
    }

    /// Three nodes of one cluster, none of which runs: the first to boot must be the first.
    pub(super) fn three() -> [Self; 3] {
        let names = ["herald-a", "herald-b", "herald-c"];
        let mut settings = vec![
            "cluster_formation.peer_discovery_backend = classic_config".to_owned(),
            "cluster_formation.randomized_startup_delay_range.min = 0".to_owned(),
            "cluster_formation.randomized_startup_delay_range.max = 0".to_owned(),
        ];
        for (number, name) in names.iter().enumerate() {
            settings.push(format!(
                "cluster_formation.classic_config.nodes.{} = {name}@localhost",
                number + 1
            ));
        }
        let (settings, mapper_port) = (settings.join("\n"), free_port().unwrap());
        let mapper = mapper(mapper_port);
        let folders = names.map(|_| tempfile::tempdir().unwrap());
        let home = folders[0].path().to_owned();
        let mut folders = folders.into_iter();
        names.map(|name| {
            let (folder, mapper) = (folders.next().unwrap(), (mapper_port, Arc::clone(&mapper)));
            Self::laid_out(name, folder, home.clone(), mapper, &settings, "[].")
        })
    }

    fn laid_out(
        name: &str,
        folder: tempfile::TempDir,
        home: PathBuf,
        (mapper_port, mapper): (u16, Arc<Process>),
        further: &str,
        plugins: &str,
    ) -> Self {
        let [port, distribution] = [(); 2].map(|()| free_port().unwrap());
        let settings =
            format!("listeners.tcp.local = 127.0.0.1:{port}\nlog.console = true\n{further}\n");
        std::fs::write(folder.path().join("rabbitmq.conf"), settings).unwrap();
        std::fs::write(folder.path().join("plugins"), plugins).unwrap();
        Self {
            folder,
            name: name.to_owned(),
            home,
            port,
            distribution,
            mapper_port,
            _mapper: mapper,
            node: None,
        }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    fn url(&self) -> String {
        self.url_of("guest", "guest")
    }

    /// Without TLS, for a user of it.
    pub(super) fn url_of(&self, user: &str, password: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/%2f", self.port)
    }

    pub(super) async fn boot(&mut self) {
        let node = Process::start(self.command(), Watched::Output);
        node.says(STARTED).await;
        self.node = Some(node);
    }

    /// SIGKILL to the whole node, as when its machine dies.
    pub(super) async fn kill(&mut self) {
        let node = self.node.take().unwrap();
        self.signal();
        node.ended(PATIENCE).await;
    }

    /// The node is a child of the script that started it.
    fn signal(&self) {
        let node = std::fs::read_to_string(self.folder.path().join("pid")).unwrap_or_default();
        if !node.is_empty() {
            let kill = Command::new("kill")
                .args(["-s", "KILL", node.trim()])
                .status();
            assert!(kill.unwrap().success());
        }
    }

    fn command(&self) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(server());
        command
            .current_dir(folder)
            .env("HOME", &self.home)
            .env("RABBITMQ_NODENAME", format!("{}@localhost", self.name))
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("none"))
            .env("RABBITMQ_CONF_ENV_FILE", folder.join("none"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_DIST_PORT", self.distribution.to_string())
            .env("ERL_EPMD_PORT", self.mapper_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            );
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.node.is_some() {
            self.signal();
        }
    }
}

fn mapper(port: u16) -> Arc<Process> {
    let mut mapper = Command::new("epmd");
    mapper.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
    Arc::new(Process::start(mapper, Watched::Errors))
}

/// The script itself: the one in PATH insists on a user and on the system's own folders.
fn server() -> std::path::PathBuf {
    let versions = std::fs::read_dir("/usr/lib/rabbitmq/lib").unwrap();
    let script = |entry: std::fs::DirEntry| entry.path().join("sbin/rabbitmq-server");
    let mut found: Vec<_> = versions.map(|entry| script(entry.unwrap())).collect();
    found.retain(|script| Path::is_file(script));
    found.sort();
    found.pop().expect("RabbitMQ is installed")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_again_it_has_lost_no_confirmed_message() {
    let mut scene = Scene::with(slow()).await;
    let mut broker = Broker::start().await;
    scene.stage.set("HERALD__BROKER__URL", broker.url());
    let engine = scene.stage.start().await;
    let mut plan = Plan::new(mix(), 1, "broker");
    let mut expected = Expectations::default();
    publish(&broker, &mut plan, BEFORE, &mut expected).await;
    broker.kill().await;
    let left = expected.acceptances() - scene.stage.ledger.distinct();
    assert!(left > 0, "it was killed when all was done");
    broker.boot().await;
    let ready = tokio::time::timeout(PATIENCE, engine.health.ready()).await;
    assert!(ready.is_ok(), "{:?}", engine.health.parts());
    publish(&broker, &mut plan, AFTER, &mut expected).await;
    assert_eq!(expected.messages(), BEFORE + AFTER);
    scene.nothing_is_lost(&expected).await;
    scene.nothing_is_sent_twice().await;
    assert!(engine.stop().await.drained);
}

/// Publishes; what is expected is what the broker has confirmed.
async fn publish(broker: &Broker, plan: &mut Plan, count: u64, expected: &mut Expectations) {
    let publisher = Publisher::connect(&broker.url()).await.unwrap();
    let (pace, progress) = (Pace::starting_now(PER_SECOND), Arc::default());
    let published = publisher.run(plan, count, pace, 200, &progress).await;
    let confirmed = published.unwrap().expected;
    for (sequence, acceptances) in confirmed.wanted() {
        let lane = confirmed.lane(sequence).unwrap();
        expected.add(sequence, lane, acceptances);
    }
}
