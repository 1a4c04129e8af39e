//! A database of its own for each test, cloned from one that was migrated once.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use herald::store::{Database, DatabaseSettings, migrations};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use uuid::Uuid;

/// Held while the template is made, by whoever is first.
const TEMPLATE_LOCK: i64 = 0x7465_7374;

/// A database that is dropped with this value.
pub(crate) struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// A migrated database.
    pub(crate) async fn create() -> Self {
        let mut server = server().await;
        let template = template(&mut server).await;
        Self::from_template(&mut server, &template).await
    }

    /// A database without a single migration.
    pub(crate) async fn empty() -> Self {
        Self::from_template(&mut server().await, "template0").await
    }

    async fn from_template(server: &mut AsyncPgConnection, template: &str) -> Self {
        let name = format!("herald_test_{}", Uuid::now_v7().simple());
        server
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await
            .unwrap();
        let url = url_of(&name);
        Self { name, url }
    }

    /// The URL for its owner.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn settings(&self) -> DatabaseSettings {
        DatabaseSettings {
            url: self.url.clone().into(),
            tls: Default::default(),
            pool_size: 4,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(20),
            application_name: "herald-test".to_owned(),
        }
    }

    /// A pool as the engine has it: with the engine's role.
    pub(crate) async fn pool(&self) -> Database {
        Database::connect(&self.settings(), &Handle::current())
            .await
            .unwrap()
    }

    /// A connection as the owner: may look at everything, has no `search_path`.
    pub(crate) async fn owner(&self) -> AsyncPgConnection {
        AsyncPgConnection::establish(&self.url).await.unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // Dropping is blocking work inside whatever runtime the test has: it gets its own.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async { server().await.batch_execute(&drop).await })
        });
        if !matches!(thread.join(), Ok(Ok(()))) {
            eprintln!("the test database {} could not be dropped", self.name);
        }
    }
}

/// One text column, under the name `text`.
#[derive(QueryableByName)]
pub(crate) struct Line {
    #[diesel(sql_type = Text)]
    pub(crate) text: String,
}

/// The rows of a query with one column `text`.
pub(crate) async fn lines(connection: &mut AsyncPgConnection, query: &str) -> Vec<String> {
    let rows: Vec<Line> = diesel::sql_query(query).load(connection).await.unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

fn server_url() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "settings of the tests themselves"
    )]
    let url = std::env::var("HERALD_TEST_DATABASE_URL");
    url.expect(
        "HERALD_TEST_DATABASE_URL is not set: run script/test, which starts a server, \
         or name a PostgreSQL superuser's URL",
    )
}

async fn server() -> AsyncPgConnection {
    AsyncPgConnection::establish(&server_url())
        .await
        .expect("the server of HERALD_TEST_DATABASE_URL answers")
}

/// The server's URL with another database.
fn url_of(database: &str) -> String {
    let url = server_url();
    let (address, parameters) = url.split_once('?').unwrap_or((&url, ""));
    let (server, _) = address.rsplit_once('/').expect("the URL names a database");
    format!("{server}/{database}?{parameters}")
}

/// The migrated template, made once for a server and a state of the migrations.
async fn template(server: &mut AsyncPgConnection) -> String {
    let name = template_name();
    let lock = format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})");
    server.batch_execute(&lock).await.unwrap();
    let query = format!("SELECT datname::text AS text FROM pg_database WHERE datname = '{name}'");
    if lines(server, &query).await.is_empty() {
        make_template(server, &name).await;
    }
    let unlock = format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})");
    server.batch_execute(&unlock).await.unwrap();
    name
}

/// Renamed only when it is complete, so that a test run that was killed leaves none half made.
async fn make_template(server: &mut AsyncPgConnection, name: &str) {
    let raw = format!("{name}_raw");
    for statement in [
        format!("DROP DATABASE IF EXISTS {raw} WITH (FORCE)"),
        format!("CREATE DATABASE {raw}"),
    ] {
        server.batch_execute(&statement).await.unwrap();
    }
    migrations::migrate(&url_of(&raw), |_| {}).await.unwrap();
    let rename = format!("ALTER DATABASE {raw} RENAME TO {name}");
    server.batch_execute(&rename).await.unwrap();
}

/// Named by the migrations, by what runs them, and by the month, since they make partitions for the
/// months around it.
fn template_name() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = fs::read_dir(root.join("migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("up.sql"))
        .collect();
    files.push(root.join("src/store/migrations.rs"));
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(fs::read(file).unwrap());
    }
    hash.update(herald::runtime::clock::now().strftime("%Y-%m").to_string());
    let mut name = String::from("herald_template_");
    for byte in hash.finalize().iter().take(8) {
        write!(name, "{byte:02x}").unwrap();
    }
    name
}
