//! Applying declared files: all of them in one transaction, or nothing.

mod entries;
mod entry_error;
mod includes;
mod pruning;
mod token_key;
mod workflows;

use std::path::PathBuf;
use std::time::Duration;

pub use self::pruning::{PruneChange, PrunedEntry};
use crate::config::manifest::{
    DeclaredProvider, DeclaredTemplate, Manifest, ManifestChecks, ManifestFinding,
};
use crate::config::{self, ConfigError, Mistake, Sources};
use crate::domain::{Account, ApplyLabel};
use crate::providers::http::HttpClientError;
use crate::providers::{self, HttpClient};
use crate::runtime::{clock, stack};
use crate::store::audit::{self, DoneBy};
use crate::store::seal::Sealer;
pub use crate::store::turn::BlockingSession;
use crate::store::{Database, PgConnection, StoreError, WriteChange, turn};
use crate::templates::{Library, TemplateError, TemplateSource, Variables};

/// How often it is tried while others write the same rows.
const ATTEMPTS: u32 = 20;
/// How often whoever waits for a turn asks for it.
const LOOK: Duration = Duration::from_millis(100);

/// What applying did to one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyResult {
    /// The entry, for example `providers "sendgrid-main"`.
    pub entry: String,
    /// What was done.
    pub change: WriteChange,
}

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Some entries are wrong: every one that is.
    #[error(transparent)]
    Mistakes(#[from] ConfigError),
    /// The database's trouble.
    #[error("nothing was applied: {0}")]
    Store(#[from] StoreError),
    /// The HTTP client, with which settings are checked, cannot be built.
    #[error(transparent)]
    HttpClient(#[from] HttpClientError),
    /// All that a label has would be removed.
    #[error(
        "nothing was applied: the files declare nothing, and `--prune {0}` would remove all that was made with it; \
         if that is meant, say `--allow-empty`"
    )]
    NothingDeclared(ApplyLabel),
}

/// What is removed of what an earlier apply has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruning {
    /// By what it is known.
    pub label: ApplyLabel,
    /// Whether files that declare nothing remove all of it.
    pub allows_empty: bool,
}

/// What applying did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Each entry.
    pub entries: Vec<ApplyResult>,
    /// What was declared before, and is no longer.
    pub pruned: Vec<PrunedEntry>,
}

/// Reads and checks files, as far as that can be done without a database.
///
/// # Errors
/// Every mistake in every file.
pub fn read(
    files: &[PathBuf],
    sources: &Sources,
    settings: &config::Providers,
) -> Result<Manifest, ApplyError> {
    let client = HttpClient::new(settings)?;
    let checks = ManifestChecks {
        template: &template_findings,
        oddities: &template_oddities,
        provider: &|provider| provider_findings(&client, provider),
        workflow: &workflows::findings,
    };
    let mut manifest = Manifest::read(files, sources, &checks)?;
    let templates = std::mem::take(&mut manifest.templates);
    let ordered = includes::ordered(templates);
    manifest.templates = ordered.map_err(|mistakes| ConfigError { mistakes })?;
    Ok(manifest)
}

/// What applying waits for, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyProgress {
    /// Somebody else applies files to this database; who, as far as that is known.
    WaitsForOther(Option<BlockingSession>),
    /// The engine, or somebody else, wrote the same rows at the same time: it begins anew.
    BeginsAnew,
}

/// Writes what is declared, and says what that changed, entry by entry. Those who apply at once take
/// turns.
///
/// # Errors
/// Every entry that the database cannot take as it stands, or the database's trouble: nothing is
/// written then.
pub async fn apply(
    database: &Database,
    sealer: &Sealer,
    manifest: &Manifest,
    told: impl FnMut(ApplyProgress),
) -> Result<Vec<ApplyResult>, ApplyError> {
    let keep = ApplyMode::Keep;
    let applied = apply_and_prune(database, sealer, manifest, None, keep, told).await?;
    Ok(applied.entries)
}

/// Whether what is written stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyMode {
    /// It does.
    Keep,
    /// Nothing is changed; it is said what would be.
    Try,
}

/// The same as [`apply`], and removes what an earlier apply with this label has made and the files declare no longer, in
/// the same transaction. What somebody else made stays.
///
/// # Errors
/// Those of [`apply`]; the files declare nothing, and a label would lose all that it has.
pub async fn apply_and_prune(
    database: &Database,
    sealer: &Sealer,
    manifest: &Manifest,
    pruning: Option<&Pruning>,
    mode: ApplyMode,
    told: impl FnMut(ApplyProgress),
) -> Result<Applied, ApplyError> {
    if let Some(pruning) = pruning
        && manifest.is_empty()
        && !pruning.allows_empty
    {
        return Err(ApplyError::NothingDeclared(pruning.label.clone()));
    }
    let label = pruning.map(|it| &it.label);
    written(database, sealer, (manifest, label), mode, told).await
}

async fn written(
    database: &Database,
    sealer: &Sealer,
    (manifest, label): (&Manifest, Option<&ApplyLabel>),
    mode: ApplyMode,
    mut told: impl FnMut(ApplyProgress),
) -> Result<Applied, ApplyError> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        let mut mistakes = vec![];
        let mut tried = None;
        let written = database
            .transaction(async |connection| {
                take_turn(connection, &mut told).await?;
                audit::note_writes(connection, &DoneBy::command_line()).await?;
                let mut writing = entries::Writing::new(connection, sealer, false);
                writing.all(manifest).await?;
                let entries = writing.applied;
                mistakes = writing.mistakes;
                if !mistakes.is_empty() {
                    return Err(StoreError::NotFound);
                }
                let pruned = match label {
                    Some(label) => pruning::prune(connection, label, manifest, &entries).await?,
                    None => vec![],
                };
                let applied = Applied { entries, pruned };
                match mode {
                    ApplyMode::Keep => Ok(applied),
                    ApplyMode::Try => {
                        tried = Some(applied);
                        Err(StoreError::NotFound)
                    }
                }
            })
            .await;
        if let Some(tried) = tried {
            return Ok(tried);
        }
        match written {
            Err(StoreError::Deadlock | StoreError::SerializationFailure) if left > 0 => {}
            written if mistakes.is_empty() => return Ok(written?),
            _ => {
                let all = every_mistake(database, sealer, manifest).await?;
                if !all.is_empty() || left == 0 {
                    let first = if all.is_empty() { mistakes } else { all };
                    return Err(ConfigError { mistakes: first }.into());
                }
                // Somebody else wrote the same at that moment, and nothing is wrong any more.
            }
        }
        told(ApplyProgress::BeginsAnew);
    }
}

/// Waits until nobody else applies. Asked for again and again, since no statement may take long.
async fn take_turn(
    connection: &mut PgConnection,
    told: &mut impl FnMut(ApplyProgress),
) -> Result<(), StoreError> {
    if turn::try_to_apply(connection).await? {
        return Ok(());
    }
    told(ApplyProgress::WaitsForOther(
        turn::who_applies(connection).await?,
    ));
    while !turn::try_to_apply(connection).await? {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// The first conflict ended the transaction: looks at every entry by itself, and keeps nothing.
async fn every_mistake(
    database: &Database,
    sealer: &Sealer,
    manifest: &Manifest,
) -> Result<Vec<Mistake>, StoreError> {
    let mut mistakes = vec![];
    let kept_nothing = database
        .transaction(async |connection| {
            let mut writing = entries::Writing::new(connection, sealer, true);
            writing.all(manifest).await?;
            mistakes = writing.mistakes;
            Err::<(), _>(StoreError::NotFound)
        })
        .await;
    match kept_nothing {
        Err(StoreError::NotFound) | Ok(()) => Ok(mistakes),
        Err(error) => Err(error),
    }
}

fn template_findings(template: &DeclaredTemplate) -> Vec<ManifestFinding> {
    let finding = |problem: String| ManifestFinding {
        key: String::new(),
        problem,
    };
    match checked(template) {
        Ok((variables, _)) => variables
            .undeclared
            .iter()
            .map(|name| finding(format!("uses `{name}`, which is not in its `variables`")))
            .collect(),
        Err(problems) => problems.into_iter().map(finding).collect(),
    }
}

/// A variable that only another language of the template uses may be declared here all the same, so
/// that one declaration serves all of them. What it includes may use any.
fn template_oddities(template: &DeclaredTemplate) -> Vec<ManifestFinding> {
    let Ok((variables, false)) = checked(template) else {
        return vec![];
    };
    let unused = variables.unused.iter().map(|name| ManifestFinding {
        key: "variables".to_owned(),
        problem: format!("declares `{name}`, which is not used: messages are asked for it in vain"),
    });
    unused.collect()
}

/// What the template says by itself, and whether it includes others: these are looked at when it is written.
fn checked(template: &DeclaredTemplate) -> Result<(Variables, bool), Vec<String>> {
    let (source, includes) = includes::on_its_own(source(template))?;
    let checked = stack::on_large(move || Library::check(&source));
    let problem = |errors: Vec<TemplateError>| -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    };
    Ok((checked.map_err(problem)?, includes))
}

fn source(template: &DeclaredTemplate) -> TemplateSource {
    TemplateSource {
        trouble: None,
        tenant_id: template.tenant_id,
        name: template.name.clone(),
        channel: template.channel,
        locale: template.locale.clone(),
        version: 1,
        subject: template.subject.clone(),
        title: template.title.clone(),
        body: Some(template.body.clone()),
        html: template.html.clone(),
        variables: template.variables.clone(),
    }
}

fn provider_findings(client: &HttpClient, provider: &DeclaredProvider) -> Vec<ManifestFinding> {
    match providers::connect(client, &account(provider)) {
        Ok(_) => vec![],
        Err(error) => error
            .mistakes
            .into_iter()
            .map(|problem| ManifestFinding {
                key: String::new(),
                problem,
            })
            .collect(),
    }
}

/// The declared account as the providers' room wants it; it is not stored yet.
fn account(provider: &DeclaredProvider) -> Account {
    Account {
        id: uuid::Uuid::nil(),
        name: provider.name.clone(),
        kind: provider.kind,
        channel: provider.channel,
        priority: provider.priority,
        weight: provider.weight,
        rate_limit: provider.rate_limit,
        timeout: provider.timeout,
        api_key: provider.api_key.clone(),
        api_secret: provider.api_secret.clone(),
        config: provider.config.clone(),
        updated_at: clock::now(),
    }
}
