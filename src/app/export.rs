//! Everything that `apply` reads, as it stands in the database: applied there again, it changes nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::config::manifest::written;
use crate::providers::catalog::is_shown;
use crate::store::accounts::AccountFields;
use crate::store::accounts::desk as accounts;
use crate::store::declared::{self, DeclaredTable};
use crate::store::seal::Sealer;
use crate::store::token_keys::{self, StoredTokenKey};
use crate::store::webhooks::StoredWebhook;
use crate::store::webhooks::desk as webhooks;
use crate::store::{Database, StoreError};

/// Entries of a page.
const PAGE: usize = 1_000;

/// What an export could not say, and what its reader needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Entries by table.
    pub entries: BTreeMap<&'static str, usize>,
    /// The environment variables that stand for secrets.
    pub variables: Vec<String>,
    /// What is left out, and why.
    pub left_out: Vec<String>,
}

/// Why an export ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError<E> {
    /// The database's trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever takes the text takes no more.
    #[error("{0:?}")]
    Taker(E),
}

/// Hands everything that may be declared to `take`, an entry after the other, and says what a reader needs. Secrets stand
/// as `{ env = "NAME" }`. A page of people is in memory at a time.
///
/// # Errors
/// The database is out of reach, or `take` takes no more.
pub async fn export<E>(
    database: &Database,
    sealer: &Sealer,
    take: impl FnMut(&str) -> Result<(), E>,
) -> Result<ExportReport, ExportError<E>> {
    let mut exporting = Exporting {
        take,
        report: ExportReport::default(),
    };
    for table in DeclaredTable::ALL {
        let mut behind = Uuid::nil();
        loop {
            let mut connection = database.get().await?;
            let page = declared::page(&mut connection, *table, behind, PAGE).await?;
            drop(connection);
            let count = page.len();
            for (place, entry) in page {
                behind = place;
                exporting.entry(table.name(), entry)?;
            }
            if count < PAGE {
                break;
            }
        }
    }
    exporting.accounts(database, sealer).await?;
    exporting.webhooks(database).await?;
    exporting.token_keys(database).await?;
    Ok(exporting.report)
}

struct Exporting<F> {
    take: F,
    report: ExportReport,
}

impl<E, F: FnMut(&str) -> Result<(), E>> Exporting<F> {
    fn entry(
        &mut self,
        table: &'static str,
        entry: Map<String, Value>,
    ) -> Result<(), ExportError<E>> {
        match written(table, entry) {
            Ok(text) => {
                *self.report.entries.entry(table).or_default() += 1;
                (self.take)(&text).map_err(ExportError::Taker)
            }
            Err(why) => {
                self.report.left_out.push(format!("{table}: {why}"));
                Ok(())
            }
        }
    }

    async fn accounts(
        &mut self,
        database: &Database,
        sealer: &Sealer,
    ) -> Result<(), ExportError<E>> {
        let mut after: Option<String> = None;
        loop {
            let mut connection = database.get().await?;
            let page = accounts::page(&mut connection, sealer, after.as_deref(), PAGE).await?;
            drop(connection);
            let count = page.len();
            for stored in page {
                after = Some(stored.name.clone());
                match stored.fields {
                    Ok(fields) => {
                        let entry = self.account(fields);
                        self.entry("providers", entry)?;
                    }
                    Err(why) => {
                        let line = format!("providers \"{}\": {why}", stored.name);
                        self.report.left_out.push(line);
                    }
                }
            }
            if count < PAGE {
                return Ok(());
            }
        }
    }

    fn account(&mut self, fields: AccountFields) -> Map<String, Value> {
        let name = fields.name.as_str();
        let config = fields.config.into_iter().map(|(key, value)| {
            let is_secret = value.is_string() && !is_shown(fields.kind, &key);
            let value = match is_secret {
                true => self.secret(&[name, &key]),
                false => value,
            };
            (key, value)
        });
        let config: Map<String, Value> = config.collect();
        let entry = json!({
            "name": name,
            "kind": fields.kind,
            "channel": fields.channel,
            "priority": fields.priority,
            "weight": fields.weight,
            "rate_limit": fields.rate_limit,
            "timeout_seconds": fields.timeout.as_secs(),
            "is_active": fields.is_active,
            "api_key": fields.api_key.as_ref().map(|_| self.secret(&[name, "api_key"])),
            "api_secret": fields.api_secret.as_ref().map(|_| self.secret(&[name, "api_secret"])),
            "config": (!config.is_empty()).then_some(config),
        });
        object(entry)
    }

    async fn webhooks(&mut self, database: &Database) -> Result<(), ExportError<E>> {
        let mut before = None;
        loop {
            let mut connection = database.get().await?;
            let page = webhooks::page(&mut connection, None, before, PAGE).await?;
            drop(connection);
            let count = page.len();
            for stored in page {
                before = Some(stored.id);
                self.webhook(stored)?;
            }
            if count < PAGE {
                return Ok(());
            }
        }
    }

    fn webhook(&mut self, stored: StoredWebhook) -> Result<(), ExportError<E>> {
        let id = stored.id;
        let (name, filter) = match (stored.name, stored.filter) {
            (Some(name), Ok(filter)) => (name, filter),
            (None, _) => {
                let line =
                    format!("webhooks {id}: it has no name by which it would be known again");
                self.report.left_out.push(line);
                return Ok(());
            }
            (_, Err(why)) => {
                self.report.left_out.push(format!("webhooks {id}: {why}"));
                return Ok(());
            }
        };
        let some =
            |list: Value| Some(list).filter(|it| it.as_array().is_some_and(|it| !it.is_empty()));
        let entry = json!({
            "tenant_id": stored.tenant_id,
            "name": name,
            "url": stored.url,
            "secret": self.secret(&["webhook", &name, "secret"]),
            "events": filter.events.words(),
            "channels": some(json!(filter.channels)),
            "categories": some(json!(filter.categories)),
            "is_active": stored.is_active,
            "retry_count": stored.retry_count,
            "timeout_seconds": stored.timeout.as_secs(),
        });
        self.entry("webhooks", object(entry))
    }

    async fn token_keys(&mut self, database: &Database) -> Result<(), ExportError<E>> {
        let mut before = None;
        loop {
            let mut connection = database.get().await?;
            let page = token_keys::page(&mut connection, None, before, PAGE).await?;
            drop(connection);
            let count = page.len();
            for key in page {
                before = Some(key.id);
                // Herald makes its own anew.
                if key.revoked_at.is_none() && !key.is_own {
                    self.token_key(&key)?;
                }
            }
            if count < PAGE {
                return Ok(());
            }
        }
    }

    fn token_key(&mut self, key: &StoredTokenKey) -> Result<(), ExportError<E>> {
        let public = key.public_pem();
        let secret = match public {
            Some(_) => None,
            None => Some(self.secret(&["token_key", &key.kid, "secret"])),
        };
        let entry = json!({
            "tenant_id": key.tenant_id,
            "kid": key.kid,
            "name": key.name,
            "algorithm": key.algorithm,
            "public_key": public,
            "secret": secret,
        });
        self.entry("token_keys", object(entry))
    }

    /// The variable that stands for a secret: another one for each.
    fn secret(&mut self, parts: &[&str]) -> Value {
        let said = parts.join("_").to_uppercase();
        let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let name: String = said.chars().map(letter).collect();
        let name = match name.starts_with(|c: char| c.is_ascii_digit()) {
            true => format!("_{name}"),
            false => name,
        };
        let taken = |name: &String| self.report.variables.contains(name);
        let mut free = name.clone();
        let mut number = 2;
        while taken(&free) {
            free = format!("{name}_{number}");
            number += 1;
        }
        self.report.variables.push(free.clone());
        json!({ "env": free })
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
