//! Checking that everything the engine needs is there and lets it in.

mod attachments;
mod events;
mod suppressions;
mod unsubscribing;
mod zones;

use std::fmt;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::build;
use crate::broker::topology::{self, RejectedQueue};
use crate::config::Settings;
use crate::domain::Account;
use crate::providers::{self, HttpClient};
use crate::runtime::files::{FileStanding, OpenFiles};
use crate::store::migrations::{self, Fit};
use crate::store::{Access, Database, DatabaseSettings, StoreError, accounts, durability, pooling};

/// Longest wait for an answer of the database, which may be waiting for a migration.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for one provider's answer.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(15);

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// For example `database`, or `provider sendgrid-main`.
    pub part: String,
    /// What is wrong and how to mend it; `None` when it is fine.
    pub problem: Option<String>,
    /// What is good to know, though it works.
    pub warning: Option<String>,
    /// What was found, when it is fine.
    pub detail: Option<String>,
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.problem, &self.warning) {
            (Some(problem), _) => write!(f, "failed  {}: {problem}", self.part),
            (None, Some(warning)) => write!(f, "warning {}: {warning}", self.part),
            (None, None) => match &self.detail {
                Some(detail) => write!(f, "ok      {}: {detail}", self.part),
                None => write!(f, "ok      {}", self.part),
            },
        }
    }
}

impl CheckResult {
    /// Whether something is wrong.
    #[must_use]
    pub const fn is_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn new(part: impl Into<String>, looked: Result<(), String>) -> Self {
        Self {
            part: part.into(),
            problem: looked.err(),
            warning: None,
            detail: None,
        }
    }
}

/// A failure of the database, with what to do about it.
#[must_use]
pub fn mend(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(_) => format!("{error}; see HERALD__DATABASE__URL"),
        StoreError::Timeout(_) => format!("{error}; somebody may be migrating: try again"),
        _ => error.to_string(),
    }
}

/// Looks at the database, its schema, the broker, and every active provider account.
pub async fn check(settings: &Settings) -> Vec<CheckResult> {
    let configuration = CheckResult::new("configuration", Ok(()));
    let mut findings = vec![configuration, unsubscribing::told(settings), zones::rules()];
    let files = super::limits::of_this_user(settings);
    let mut access = super::database_settings(settings);
    access.statement_timeout = access.statement_timeout.min(PATIENCE);
    let mut has_files = false;
    match connected(&access, &mut findings).await {
        Ok(None) => {}
        Ok(Some(database)) => {
            has_files = attachments::are_used(settings, PATIENCE).await;
            findings.push(durability(&database).await);
            findings.push(schema(&database).await);
            findings.push(zones::unknown(&database).await);
            findings.push(suppressions::unspelt(&database).await);
            let accounts = providers(settings, &database).await;
            findings.push(open_files(files, accounts.len()));
            findings.extend(accounts);
        }
        Err(error) => {
            findings.push(CheckResult::new("database", Err(mend(&error))));
        }
    }
    findings.push(attachments::kept(settings, has_files).await);
    findings.extend(attachments::months(settings).await);
    let (broker, warning) = match broker(settings).await {
        Ok(warning) => (Ok(()), warning),
        Err(problem) => (Err(problem), None),
    };
    findings.push(CheckResult {
        warning,
        ..CheckResult::new("broker", broker)
    });
    findings
}

/// The database, unless what stands before it makes all else that could be said of it worthless.
async fn connected(
    access: &DatabaseSettings,
    findings: &mut Vec<CheckResult>,
) -> Result<Option<Database>, StoreError> {
    let pooling = match pooling::keeps_sessions(&Access::from(access), PATIENCE).await? {
        true => Ok(()),
        false => Err(
            "sessions lose their server between transactions: a pooler lends it by transaction or statement; \
             let it pool by session (PgBouncer: pool_mode = session), or go past it; see HERALD__DATABASE__URL"
                .to_owned(),
        ),
    };
    if pooling.is_err() {
        findings.push(CheckResult::new("pooling", pooling));
        return Ok(None);
    }
    let database = Database::connect(access, &Handle::current()).await?;
    findings.push(CheckResult::new("database", Ok(())));
    findings.push(CheckResult::new("pooling", pooling));
    Ok(Some(database))
}

/// Whether a node that is started as this command was has files for so many accounts.
fn open_files(files: OpenFiles, accounts: usize) -> CheckResult {
    let (problem, warning) = match files.with_accounts(accounts).standing() {
        FileStanding::Enough => (None, None),
        FileStanding::Tight(why) => (None, Some(why)),
        FileStanding::TooFew(why) => (Some(why), None),
    };
    CheckResult {
        part: "open files".to_owned(),
        problem,
        warning,
        detail: None,
    }
}

/// Whether the server keeps what it has committed.
async fn durability(database: &Database) -> CheckResult {
    let looked = async { durability::switched_off(&mut *database.get().await?).await };
    let (problem, warning) = match looked.await {
        Ok(off) if off.is_empty() => (None, None),
        Ok(off) => {
            let off = off.join(" and ");
            let words = format!(
                "{off} is off in PostgreSQL: a crash of its machine loses what was acknowledged; set it to on"
            );
            (None, Some(words))
        }
        Err(error) => (Some(mend(&error)), None),
    };
    CheckResult {
        part: "durability".to_owned(),
        problem,
        warning,
        detail: None,
    }
}

async fn schema(database: &Database) -> CheckResult {
    let history = migrations::history(database).await;
    let (problem, warning) = match history.map(|history| history.fit()) {
        Ok(Fit::Fits) => (None, None),
        Ok(Fit::Ahead(why)) => (None, Some(why)),
        Ok(Fit::Behind(why) | Fit::Foreign(why)) => (Some(why), None),
        Err(error) => (Some(mend(&error)), None),
    };
    CheckResult {
        part: "schema".to_owned(),
        problem,
        warning,
        detail: None,
    }
}

/// Whether the broker is there, and what is to be known of its queues.
async fn broker(settings: &Settings) -> Result<Option<String>, String> {
    let connection = build::broker_address(settings)
        .connect("herald check")
        .await;
    let connection = connection.map_err(|error| format!("{error}; see HERALD__BROKER__URL"))?;
    let limit = settings.broker.operation_timeout;
    let rejected = RejectedQueue::default();
    // A queue that is not there, or that may not be looked at, is told of by whoever needs it.
    if topology::find_rejected(&connection, limit).await.is_ok() {
        let _ = rejected.declare(&connection, limit).await;
    }
    // It has told what we wanted to know.
    let _ = timeout(limit, connection.close(200, "done".into())).await;
    let warning = "herald.rejected was declared by an older version: where a policy sets max-length, it drops its \
                   oldest messages; while it is empty, delete it, and it is declared anew";
    Ok(rejected.is_old().then(|| warning.to_owned()))
}

async fn providers(settings: &Settings, database: &Database) -> Vec<CheckResult> {
    match accounts_of(settings, database).await {
        Ok((client, loaded)) => {
            let mut findings = vec![];
            for account in &loaded.opened {
                let part = format!("provider {}", account.name);
                let known = [
                    unsubscribing::of_account(settings, account.kind),
                    events::of_account(settings, account),
                ];
                let known: Vec<String> = known.into_iter().flatten().collect();
                findings.push(CheckResult {
                    detail: (!known.is_empty()).then(|| known.join("; ")),
                    ..CheckResult::new(part, provider(&client, account).await)
                });
            }
            findings.extend(loaded.unreadable.into_iter().map(|unreadable| {
                let mend = format!("{}; see HERALD__SECRETS__KEY", unreadable.reason);
                CheckResult::new(format!("provider {}", unreadable.name), Err(mend))
            }));
            findings
        }
        Err(error) => vec![CheckResult::new("providers", Err(error))],
    }
}

async fn accounts_of(
    settings: &Settings,
    database: &Database,
) -> Result<(HttpClient, accounts::Accounts), String> {
    let sealer = super::sealer(settings).map_err(|error| error.to_string())?;
    let mut connection = database.get().await.map_err(|error| mend(&error))?;
    let loaded = accounts::load(&mut connection, &sealer)
        .await
        .map_err(|error| mend(&error))?;
    Ok((
        HttpClient::new(&settings.providers).map_err(|error| error.to_string())?,
        loaded,
    ))
}

async fn provider(client: &HttpClient, account: &Account) -> Result<(), String> {
    let client = providers::connect(client, account).map_err(|error| error.to_string())?;
    let answer = timeout(PROVIDER_TIMEOUT, client.check()).await;
    answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PROVIDER_TIMEOUT.as_secs())))
}
