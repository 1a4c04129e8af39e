//! A PostgreSQL that speaks TLS, started for this test alone.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use herald::store::{Access, Database, DatabaseSettings, StoreError, migrations};
use herald::tls::Files;
use loadtest::harness::certificates::{Authority, Issued, Validity};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::database::lines;

/// A server of its own, which is stopped when this is dropped.
struct Server {
    folder: TempDir,
    admin: AsyncPgConnection,
    /// `user:password@`.
    login: String,
    port: String,
}

fn script(folder: &TempDir, arguments: &[&str]) -> String {
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/script/servers"))
        .args(arguments)
        .env("HERALD_SERVERS_FOLDER", folder.path())
        .env_remove("HERALD__DATABASE__URL")
        .env_remove("HERALD__BROKER__URL")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        script(&folder, &["start", "postgresql"]);
        let environment = script(&folder, &["env"]);
        let url = environment
            .lines()
            .find_map(|line| line.strip_prefix("export HERALD_TEST_DATABASE_URL='"))
            .and_then(|rest| rest.strip_suffix('\''))
            .unwrap();
        let admin = AsyncPgConnection::establish(url).await.unwrap();
        let (login, place) = url
            .strip_prefix("postgres://")
            .unwrap()
            .split_once('@')
            .unwrap();
        let (_, port) = place.split('/').next().unwrap().split_once(':').unwrap();
        Self {
            login: format!("{login}@"),
            port: port.to_owned(),
            folder,
            admin,
        }
    }

    /// Has the server write a file of its own, which nobody else may read.
    async fn write(&mut self, name: &str, text: &str) {
        let write = format!(
            "COPY (SELECT unnest(string_to_array($text${text}$text$, E'\\n')))
             TO PROGRAM 'umask 077; cat > {name}'"
        );
        self.admin.batch_execute(&write).await.unwrap();
    }

    /// Shows this certificate from now on; nothing that is not encrypted is let in over the network.
    async fn shows(&mut self, issued: &Issued) {
        self.write("server.crt", &issued.certificate).await;
        self.write("server.key", &issued.key).await;
        self.write(
            "pg_hba.conf",
            "local all all trust\nhostssl all all all scram-sha-256",
        )
        .await;
        self.sets("ssl = on").await;
    }

    async fn sets(&mut self, setting: &str) {
        self.admin
            .batch_execute(&format!("ALTER SYSTEM SET {setting}"))
            .await
            .unwrap();
        self.admin
            .batch_execute("SELECT pg_reload_conf()")
            .await
            .unwrap();
    }

    fn settings(&self, host: &str, parameters: &str, ca: Option<PathBuf>) -> DatabaseSettings {
        let url = format!(
            "postgres://{}{host}:{}/herald?{parameters}",
            self.login, self.port
        );
        DatabaseSettings {
            url: url.into(),
            role: herald::store::DatabaseRole::Notifications,
            tls: Files {
                section: "database",
                ca,
                ..Files::default()
            },
            pool_size: 2,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(20),
            application_name: "secured".to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        script(&self.folder, &["stop", "postgresql"]);
    }
}

/// Tries again while the server has not taken up its new settings, as long as it takes.
async fn until(
    settings: &DatabaseSettings,
    wanted: impl Fn(&Result<Database, StoreError>) -> bool,
) {
    let reached = tokio::time::timeout(Duration::from_secs(20), async {
        while !wanted(&Database::connect(settings, &Handle::current()).await) {}
    });
    assert!(reached.await.is_ok(), "{:?}", refusal(settings).await);
}

async fn refusal(settings: &DatabaseSettings) -> String {
    match Database::connect(settings, &Handle::current()).await {
        Ok(_) => "it is let in".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_as_secure_as_its_url_says_and_certificates_are_renewed_under_way() {
    let mut server = Server::start().await;
    let (ours, strange) = (
        Authority::new("Ours").unwrap(),
        Authority::new("Strange").unwrap(),
    );
    let files = tempfile::tempdir().unwrap();
    let ca = files.path().join("ca.pem");
    std::fs::write(&ca, ours.certificate()).unwrap();
    let full = "sslmode=verify-full&channel_binding=require";
    let right = server.settings("localhost", full, Some(ca.clone()));

    assert!(
        refusal(&right).await.contains("speaks no TLS"),
        "{}",
        refusal(&right).await
    );
    let good = ours.issue(&["localhost"], Validity::Now).unwrap();
    server.shows(&good).await;
    // Whoever migrates is secured as well.
    let mut refused = migrations::migrate(Access::from(&right), |_| {}).await;
    while matches!(&refused, Err(error) if error.to_string().contains("speaks no TLS")) {
        refused = migrations::migrate(Access::from(&right), |_| {}).await;
    }
    assert!(!refused.unwrap().is_empty());
    let pool = Database::connect(&right, &Handle::current()).await.unwrap();
    // The engine's role may not see this of its own session; the server's owner may.
    let secured = "SELECT DISTINCT ssl::text AS text FROM pg_stat_ssl
        JOIN pg_stat_activity USING (pid) WHERE application_name = 'secured'";
    let lent = pool.get().await.unwrap();
    assert_eq!(lines(&mut server.admin, secured).await, ["true"]);
    drop(lent);

    let other = server.settings("127.0.0.1", "sslmode=verify-full", Some(ca.clone()));
    let said = refusal(&other).await;
    assert!(
        said.contains("is for localhost, and not for 127.0.0.1"),
        "{said}"
    );
    for (parameters, ca) in [
        ("sslmode=verify-ca", Some(ca.clone())),
        ("sslmode=require", None),
    ] {
        let lenient = server.settings("127.0.0.1", parameters, ca);
        assert_eq!(refusal(&lenient).await, "it is let in", "{parameters}");
    }
    let plain = server.settings("127.0.0.1", "", None);
    let said = refusal(&plain).await;
    assert!(said.contains("28000") && said.contains("sslmode"), "{said}");

    std::fs::write(&ca, strange.certificate()).unwrap();
    let said = refusal(&right).await;
    assert!(said.contains("signed by no authority of"), "{said}");
    std::fs::write(&ca, ours.certificate()).unwrap();
    server
        .shows(&ours.issue(&["localhost"], Validity::Past).unwrap())
        .await;
    until(
        &right,
        |tried| matches!(tried, Err(error) if error.to_string().contains("expired on")),
    )
    .await;

    // The pool that is open takes both sides' new certificates for its next connection.
    server
        .shows(&strange.issue(&["localhost"], Validity::Now).unwrap())
        .await;
    std::fs::write(&ca, strange.certificate()).unwrap();
    until(&right, Result::is_ok).await;
    pool.dedicated().await.unwrap();
}
