//! A stage for the engine: a database, a vhost and simulated providers of its own.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

use herald::app::{self, RunReport};
use herald::config::{Required, Settings, Sources};
use herald::runtime::{Ending, Health, Shutdown};
use loadtest::harness::engine::Installation;
use loadtest::harness::environment::to_its_end;
use loadtest::harness::ports::free_port;
use loadtest::harness::{http, vhost};
use loadtest::ledger::Ledger;
use loadtest::simulator::{Behaviour, Provider, Simulator};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use crate::database::PATIENCE;
use crate::database::{TestDatabase, servers};
use crate::outcomes::Outcomes;
use crate::publisher::TestPublisher;

/// The person of most tests.
pub(crate) const ANA: &str = "0190c1a0-0000-7000-8000-000000000001";

/// A vhost that is deleted with this value.
pub(crate) struct Vhost(vhost::Vhost);

impl Vhost {
    pub(crate) async fn create() -> Self {
        let (servers, name) = (servers(), format!("test-{}", Uuid::now_v7().simple()));
        let vhost = vhost::Vhost::named(&servers.broker, &servers.broker_admin, &name).unwrap();
        vhost.create().await.unwrap();
        Self(vhost)
    }

    /// Messages of a queue that no consumer holds.
    pub(crate) async fn waiting(&self, queue: &str) -> u64 {
        self.ready(&[queue]).await.unwrap()
    }

    pub(crate) async fn publisher(&self) -> TestPublisher {
        TestPublisher::at(self.url()).await
    }
}

impl Deref for Vhost {
    type Target = vhost::Vhost;

    fn deref(&self) -> &vhost::Vhost {
        &self.0
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let vhost = self.0.clone();
        if let Err(error) = to_its_end(async move { vhost.remove().await }) {
            eprintln!("a test's vhost could not be deleted: {error:#}");
        }
    }
}

/// Everything that an engine needs around it.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) vhost: Vhost,
    pub(crate) ledger: Arc<Ledger>,
    installation: Installation,
    files: tempfile::TempDir,
}

impl Stage {
    /// A stage on which only the named lanes are consumed.
    pub(crate) async fn with_lanes(lanes: &str) -> Self {
        let (database, vhost) = tokio::join!(TestDatabase::create(), Vhost::create());
        let files = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_herald"));
        let (url, broker) = (database.url(), vhost.url());
        let mut installation = Installation::new(program, files.path(), url, broker).quick();
        installation.set("HERALD__BROKER__LANES", lanes);
        let bind = format!("127.0.0.1:{}", free_port().unwrap());
        installation.set("HERALD__HTTP__BIND", bind);
        let attachments = files.path().join("attachments");
        let attachments = attachments.to_str().unwrap();
        installation.set("HERALD__TICKETS__ATTACHMENTS__FOLDER", attachments);
        Self {
            database,
            vhost,
            ledger: Arc::new(Ledger::new()),
            installation,
            files,
        }
    }

    /// A stage on which mail is sent to Ana through one account, and what becomes of it.
    pub(crate) async fn mailing() -> (Self, Simulator, Outcomes) {
        let stage = Self::with_lanes("email.normal").await;
        let sendgrid = stage.simulator(Provider::SendGrid);
        stage.apply_ana_and(&[&sendgrid]);
        let outcomes = stage.outcomes().await;
        (stage, sendgrid, outcomes)
    }

    /// Where its engines keep files.
    pub(crate) fn attachments(&self) -> PathBuf {
        self.files.path().join("attachments")
    }

    /// Changes a setting of the engines that start from now on.
    pub(crate) fn set(&mut self, variable: &str, value: impl Into<String>) {
        self.installation.set(variable, value);
    }

    /// A simulated provider that writes into the stage's ledger.
    pub(crate) fn simulator(&self, provider: Provider) -> Simulator {
        self.behaving(provider, Behaviour::default())
    }

    pub(crate) fn behaving(&self, provider: Provider, behaviour: Behaviour) -> Simulator {
        let builder = Simulator::builder(provider).ledger(Arc::clone(&self.ledger));
        builder.behaviour(behaviour).record(50).start().unwrap()
    }

    /// Runs `herald apply` on a file of this text; it must succeed.
    pub(crate) fn apply(&self, text: &str) {
        let path = self.files.path().join("apply.toml");
        std::fs::write(&path, text).unwrap();
        let output = self
            .herald(&["apply", path.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Ana, who can be reached by everything, and an account of each given simulator.
    pub(crate) fn apply_ana_and(&self, simulators: &[&Simulator]) {
        let accounts: Vec<String> = simulators
            .iter()
            .map(|simulator| account(simulator))
            .collect();
        self.apply(&format!("{}\n{}", ana(), accounts.join("\n")));
    }

    /// Ana, and two accounts of one channel, of which `first` is tried before `second`.
    pub(crate) fn apply_ana_and_choices(&self, first: &Simulator, second: &Simulator) {
        let first = account_named(first, "first", 10);
        let second = account_named(second, "second", 1);
        self.apply(&format!("{}{first}{second}", ana()));
    }

    /// The real program with the stage's settings.
    pub(crate) fn herald(&self, arguments: &[&str]) -> Command {
        self.installation.command(arguments)
    }

    /// The same, started by a shell that does something before.
    pub(crate) fn herald_after(&self, before: &str, arguments: &str) -> Command {
        let command = self.herald(&[]);
        let program = command.get_program().to_str().unwrap().to_owned();
        let mut shell = Command::new("sh");
        let settings = command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        shell
            .args(["-c", &format!("{before}; exec {program} {arguments}")])
            .envs(settings)
            .current_dir(self.files.path());
        shell
    }

    pub(crate) fn settings(&self) -> Settings {
        let sources = Sources {
            config_file: None,
            directory: PathBuf::from(self.files.path()),
            environment: self.installation.environment().clone(),
            hostname: "test".to_owned(),
            cores: 2,
            ..Sources::default()
        };
        Settings::load(&sources, Required::ALL).unwrap()
    }

    /// The settings of an engine that nobody configured.
    pub(crate) fn default_settings() -> Settings {
        let sources = Sources {
            config_file: None,
            directory: PathBuf::new(),
            environment: BTreeMap::new(),
            hostname: "test".to_owned(),
            cores: 2,
            ..Sources::default()
        };
        Settings::load(&sources, &[]).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let bind = &self.installation.environment()["HERALD__HTTP__BIND"];
        format!("http://{bind}{path}")
    }

    /// Waits until an engine in a process of its own is ready, as its probe says.
    pub(crate) async fn ready(&self) {
        let url = self.url("/readyz");
        let mut said = String::new();
        let looked = async {
            while let answer = http::get(&url).await
                && !answer.as_ref().is_ok_and(|answer| answer.status == 200)
            {
                said = answer.map_or_else(|error| error.to_string(), |answer| answer.text());
            }
        };
        let ready = tokio::time::timeout(PATIENCE, looked).await;
        assert!(ready.is_ok(), "the engine is not ready: {said}");
    }

    /// Waits until no node has anything in hand any more, as the metrics say.
    pub(crate) async fn nothing_in_hand(&self) {
        let url = self.url("/metrics");
        let looked = async {
            loop {
                let metrics = http::get(&url).await.unwrap().text();
                let mut in_flight = metrics
                    .lines()
                    .filter(|line| line.starts_with("herald_in_flight{"));
                if in_flight.all(|line| line.ends_with(" 0")) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, looked).await;
        assert!(ended.is_ok(), "something is in hand still");
    }

    /// Starts the engine in this process and waits until it is ready.
    pub(crate) async fn start(&self) -> TestEngine {
        let engine = self.start_unready();
        let ready = tokio::time::timeout(PATIENCE, engine.health.ready()).await;
        assert!(
            ready.is_ok(),
            "the engine is not ready: {:?}",
            engine.health.parts()
        );
        engine
    }

    pub(crate) fn start_unready(&self) -> TestEngine {
        let (settings, shutdown, health) = (self.settings(), Shutdown::new(), Health::new());
        let (stop, seen) = (shutdown.clone(), health.clone());
        let thread = std::thread::spawn(move || app::run_observed(settings, stop, seen).unwrap());
        TestEngine {
            shutdown,
            health,
            thread: Some(thread),
        }
    }

    pub(crate) async fn publisher(&self) -> TestPublisher {
        self.vhost.publisher().await
    }

    /// Takes one rejected message: its reason, detail and body.
    pub(crate) async fn take_rejected(&self) -> Option<(String, String, Vec<u8>)> {
        let rejected = self.vhost.take_rejected().await.unwrap()?;
        let header = |name: &str| rejected.header(name).unwrap();
        let (reason, detail) = (header("x-herald-reason"), header("x-herald-detail"));
        Some((reason, detail, rejected.body))
    }

    /// Looks at what the engine has stored, and waits for it.
    pub(crate) async fn outcomes(&self) -> Outcomes {
        Outcomes::watch(&self.database).await
    }
}

/// An engine in this process.
pub(crate) struct TestEngine {
    pub(crate) shutdown: Shutdown,
    pub(crate) health: Health,
    thread: Option<JoinHandle<RunReport>>,
}

impl TestEngine {
    /// Asks it to stop and waits for its end.
    pub(crate) async fn stop(mut self) -> RunReport {
        self.shutdown.raise(Ending::Asked);
        let thread = self.thread.take().unwrap();
        tokio::task::spawn_blocking(move || thread.join().unwrap())
            .await
            .unwrap()
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        self.shutdown.raise(Ending::Asked);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An envelope for Ana with something to say.
pub(crate) fn envelope(channel: &str) -> Value {
    json!({
        "version": 1,
        "user_id": ANA,
        "channel": channel,
        "priority": "normal",
        "idempotency_key": uuid::Uuid::now_v7().to_string(),
        "content": { "subject": "Hello", "title": "Hello", "body": "It is on its way." },
    })
}

/// An envelope with some fields replaced.
pub(crate) fn envelope_with(channel: &str, fields: Value) -> Value {
    let mut envelope = envelope(channel);
    for (name, value) in fields.as_object().unwrap() {
        envelope[name] = value.clone();
    }
    envelope
}

pub(crate) fn ana() -> String {
    format!(
        r#"
[[users]]
id = "{ANA}"
email = "ana@example.com"
username = "ana"
phone = "+4915112345678"
timezone = "Europe/Berlin"
devices = [{{ token = "token-1", platform = "android" }}]
"#
    )
}

/// An account that points at a simulator.
pub(crate) fn account(simulator: &Simulator) -> String {
    account_named(simulator, simulator.provider().name(), 0)
}

pub(crate) fn account_named(simulator: &Simulator, name: &str, priority: i32) -> String {
    let base_url = simulator.base_url();
    let (channel, rest) = match simulator.provider() {
        Provider::SendGrid => (
            "email",
            format!(
                "api_key = \"SG.key\"\n[providers.config]\nbase_url = \"{base_url}\"\n\
                 from = \"hello@example.com\"\n"
            ),
        ),
        Provider::Twilio => (
            "sms",
            format!(
                "api_key = \"AC00000000000000000000000000000001\"\napi_secret = \"token\"\n\
                 [providers.config]\naccount_sid = \"AC00000000000000000000000000000001\"\n\
                 from = \"+15005550006\"\nbase_url = \"{base_url}\"\n"
            ),
        ),
        Provider::Fcm => (
            "push",
            format!(
                "api_secret = '''{}'''\n[providers.config]\nbase_url = \"{base_url}\"\n",
                simulator.service_account_json().unwrap()
            ),
        ),
        Provider::Smtp => (
            "email",
            format!(
                "[providers.config]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
                 from = \"hello@example.com\"\n",
                simulator.address().port()
            ),
        ),
        Provider::Slack => (
            "chat",
            format!("api_key = \"xoxb-token\"\n[providers.config]\nbase_url = \"{base_url}\"\n"),
        ),
    };
    format!(
        "[[providers]]\nname = \"{name}\"\nkind = \"{}\"\nchannel = \"{channel}\"\n\
         priority = {priority}\ntimeout_seconds = 2\n{rest}\n",
        simulator.provider().name()
    )
}
