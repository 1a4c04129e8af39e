//! The declarative files of `herald apply`: what should be there, in TOML.
//!
//! Read as a whole and refused as a whole: every mistake of every file is reported with its line,
//! and nothing is handed on unless all is right.

mod category;
mod entry;
mod fields;
mod preference;
mod provider;
mod reading;
mod suppression;
mod template;
mod tenant;
mod token_key;
mod topic;
mod unique;
mod user;
mod webhook;
mod workflow;
mod writing;

use std::path::{Path, PathBuf};

pub use entry::DeclaredEntry;
pub use preference::DeclaredPreference;
pub use provider::DeclaredProvider;
pub use template::DeclaredTemplate;
pub use tenant::Tenant;
pub use token_key::{DeclaredKeyMaterial, DeclaredTokenKey};
pub use user::{DeclaredDevice, User};
pub use webhook::DeclaredWebhook;
pub use workflow::DeclaredWorkflow;
pub use writing::written;

use self::reading::ManifestReader;
use super::mistake::{ConfigError, Mistake, SettingOrigin};
use super::sources::Sources;
use crate::domain::Topic;
use crate::domain::category::Category;
use crate::domain::suppression::Suppression;

/// Everything that the files declare, in the order in which it must be written.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// Tenants.
    pub tenants: Vec<DeclaredEntry<Tenant>>,
    /// Categories of messages.
    pub categories: Vec<DeclaredEntry<Category>>,
    /// People and their devices.
    pub users: Vec<DeclaredEntry<User>>,
    /// What people want.
    pub preferences: Vec<DeclaredEntry<DeclaredPreference>>,
    /// Templates.
    pub templates: Vec<DeclaredEntry<DeclaredTemplate>>,
    /// Provider accounts.
    pub providers: Vec<DeclaredEntry<DeclaredProvider>>,
    /// Addresses that nothing may be sent to.
    pub suppressions: Vec<DeclaredEntry<Suppression>>,
    /// Topics.
    pub topics: Vec<DeclaredEntry<Topic>>,
    /// Webhooks.
    pub webhooks: Vec<DeclaredEntry<DeclaredWebhook>>,
    /// Workflows.
    pub workflows: Vec<DeclaredEntry<DeclaredWorkflow>>,
    /// Keys that sign user tokens.
    pub token_keys: Vec<DeclaredEntry<DeclaredTokenKey>>,
    /// What is allowed and yet hardly meant, in the order of files and lines.
    pub warnings: Vec<Mistake>,
}

/// What another room finds wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFinding {
    /// The entry's key that is meant; empty for the entry as a whole.
    pub key: String,
    /// What is wrong with it, in one sentence, without a secret.
    pub problem: String,
}

/// Checks that need what this room may not use; their findings are reported with all others.
pub struct ManifestChecks<'a> {
    /// Whether a template compiles.
    pub template: &'a dyn Fn(&DeclaredTemplate) -> Vec<ManifestFinding>,
    /// What is odd about a template that does.
    pub oddities: &'a dyn Fn(&DeclaredTemplate) -> Vec<ManifestFinding>,
    /// Whether a provider's credentials and configuration are complete.
    pub provider: &'a dyn Fn(&DeclaredProvider) -> Vec<ManifestFinding>,
    /// What is wrong with a workflow.
    pub workflow: &'a dyn Fn(&DeclaredWorkflow) -> Vec<ManifestFinding>,
}

impl Manifest {
    /// Reads and checks files; paths are relative to the sources' directory.
    ///
    /// # Errors
    /// Every mistake in every file, in the order of files and lines.
    pub fn read(
        files: &[PathBuf],
        sources: &Sources,
        checks: &ManifestChecks<'_>,
    ) -> Result<Self, ConfigError> {
        let mut reading = ManifestReader::new(sources);
        for path in files {
            match sources.read(path) {
                Ok(text) => reading.file(path, &text),
                Err(problem) => reading.refuse_file(path, problem),
            }
        }
        reading.finish(checks)
    }

    /// Reads and checks one file's text; `path` is for messages only.
    ///
    /// # Errors
    /// Every mistake in it, in the order of lines.
    pub fn parse(
        path: &Path,
        text: &str,
        sources: &Sources,
        checks: &ManifestChecks<'_>,
    ) -> Result<Self, ConfigError> {
        let mut reading = ManifestReader::new(sources);
        reading.file(path, text);
        reading.finish(checks)
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tenants.len()
            + self.categories.len()
            + self.users.len()
            + self.preferences.len()
            + self.templates.len()
            + self.providers.len()
            + self.suppressions.len()
            + self.topics.len()
            + self.webhooks.len()
            + self.workflows.len()
            + self.token_keys.len()
    }

    /// Whether nothing is declared.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn append(&mut self, mut other: Self) {
        self.tenants.append(&mut other.tenants);
        self.categories.append(&mut other.categories);
        self.users.append(&mut other.users);
        self.preferences.append(&mut other.preferences);
        self.templates.append(&mut other.templates);
        self.providers.append(&mut other.providers);
        self.suppressions.append(&mut other.suppressions);
        self.topics.append(&mut other.topics);
        self.webhooks.append(&mut other.webhooks);
        self.workflows.append(&mut other.workflows);
        self.token_keys.append(&mut other.token_keys);
    }

    fn odd(&self, checks: &ManifestChecks<'_>) -> Vec<Mistake> {
        let templates = self.templates.iter();
        let odd = templates.flat_map(|entry| {
            let mut findings = entry.value.lost();
            findings.extend((checks.oddities)(&entry.value));
            entry.mistakes(findings)
        });
        let mut odd: Vec<Mistake> = odd.collect();
        odd.sort_by(|a, b| a.origin.cmp(&b.origin));
        odd
    }

    fn check(&self, checks: &ManifestChecks<'_>) -> Vec<Mistake> {
        let mut mistakes = unique::check(self);
        for entry in &self.templates {
            mistakes.extend(entry.mistakes((checks.template)(&entry.value)));
        }
        for entry in &self.providers {
            mistakes.extend(entry.mistakes((checks.provider)(&entry.value)));
        }
        for entry in &self.workflows {
            mistakes.extend(entry.mistakes((checks.workflow)(&entry.value)));
        }
        mistakes
    }
}

/// Checks that find nothing.
impl Default for ManifestChecks<'_> {
    fn default() -> Self {
        Self {
            template: &|_| Vec::new(),
            oddities: &|_| Vec::new(),
            provider: &|_| Vec::new(),
            workflow: &|_| Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
