//! A RabbitMQ of a test's own: with settings of its own, or as a cluster.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::stage::PATIENCE;
use loadtest::harness::ports::free_port;
use loadtest::harness::process::{Log, Process};

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

    /// Without TLS, for a user of it.
    pub(super) fn url_of(&self, user: &str, password: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/%2f", self.port)
    }

    pub(super) async fn boot(&mut self) {
        let node = Process::start(self.command(), Log::Shown).unwrap();
        node.says(STARTED).await.unwrap();
        self.node = Some(node);
    }

    /// SIGKILL to the whole node, as when its machine dies.
    pub(super) async fn kill(&mut self) {
        let node = self.node.take().unwrap();
        self.signal();
        node.ended(PATIENCE).await.unwrap();
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
    Arc::new(Process::start(mapper, Log::Shown).unwrap())
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
