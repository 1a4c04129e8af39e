//! A database of its own for each test, cloned from one that was migrated once.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use herald::store::{Database, DatabaseRole, DatabaseSettings, migrations};
use loadtest::harness::database::{self, DatabaseServer};
use loadtest::harness::environment::{Servers, to_its_end};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use uuid::Uuid;

/// Longest wait for anything; on a busy machine things take their time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A database that is dropped with this value.
pub(crate) struct TestDatabase {
    database: database::Database,
    url: String,
}

impl TestDatabase {
    /// A migrated database.
    pub(crate) async fn create() -> Self {
        let template = template_name();
        let migrate = async |url: &str| {
            let migrated = migrations::migrate(url, |_| {}).await;
            migrated
                .map(drop)
                .context("the template of the tests' databases")
        };
        server().template(&template, migrate).await.unwrap();
        Self::from_template(&template).await
    }

    /// A database without a single migration.
    pub(crate) async fn empty() -> Self {
        Self::from_template("template0").await
    }

    async fn from_template(template: &str) -> Self {
        let name = format!("herald_test_{}", Uuid::now_v7().simple());
        let database = server().database(&name);
        database.create(template, "").await.unwrap();
        let url = database.url();
        Self { database, url }
    }

    /// The URL for its owner.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What committed rows say.
    pub(crate) fn committed(&self) -> &database::Database {
        &self.database
    }

    pub(crate) fn settings(&self) -> DatabaseSettings {
        DatabaseSettings {
            url: self.url.clone().into(),
            role: DatabaseRole::Notifications,
            tls: Default::default(),
            pool_size: 4,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(20),
            application_name: "herald-test".to_owned(),
        }
    }

    /// A pool as the engine has it: with the engine's role.
    pub(crate) async fn pool(&self) -> Database {
        self.pool_at(self.url.clone()).await
    }

    /// A pool with another role.
    pub(crate) async fn pool_of(&self, role: DatabaseRole) -> Database {
        let settings = DatabaseSettings {
            role,
            ..self.settings()
        };
        Database::connect(&settings, &Handle::current())
            .await
            .unwrap()
    }

    /// The same, where the database is reached at another URL, through a proxy.
    pub(crate) async fn pool_at(&self, url: String) -> Database {
        let mut settings = self.settings();
        settings.url = url.into();
        Database::connect(&settings, &Handle::current())
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
        let database = self.database.clone();
        if let Err(error) = to_its_end(async move { database.remove().await }) {
            eprintln!("a test's database could not be dropped: {error:#}");
        }
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

/// The servers that `script/test` starts.
pub(crate) fn servers() -> Servers {
    Servers {
        database: variable("HERALD_TEST_DATABASE_URL"),
        broker: variable("HERALD_TEST_BROKER_URL"),
        broker_admin: variable("HERALD_TEST_BROKER_ADMIN"),
    }
}

fn server() -> DatabaseServer {
    DatabaseServer::new(&servers().database).unwrap()
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

/// A migration as it is compiled in.
struct Migration {
    name: &'static str,
    before: &'static str,
    up: &'static str,
    down: &'static str,
    former: &'static str,
}

const MIGRATIONS: &[Migration] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Named by the migrations, by what runs them, and by the month, since they make partitions for the
/// months around it. By those that are compiled in: the files may be newer than a program that still runs, which
/// would leave its own schema under their name.
fn template_name() -> String {
    let mut hash = Sha256::new();
    for it in MIGRATIONS {
        for text in [it.name, it.before, it.up, it.down, it.former] {
            hash.update(text);
            hash.update([0]);
        }
    }
    hash.update(include_str!("../../src/store/migrations.rs"));
    hash.update(herald::runtime::clock::now().strftime("%Y-%m").to_string());
    let mut name = String::from("herald_template_");
    for byte in hash.finalize().iter().take(8) {
        write!(name, "{byte:02x}").unwrap();
    }
    name
}
