//! One declared thing and where it was declared.

use super::{ManifestFinding, Mistake, SettingOrigin};

/// One declared thing and where it was declared.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredEntry<T> {
    /// File and line of the entry.
    pub origin: SettingOrigin,
    /// What to call it in messages, for example `providers "sendgrid-main"`.
    pub label: String,
    /// What is declared.
    pub value: T,
}

impl<T> DeclaredEntry<T> {
    /// A mistake in this entry that only a later look (into the database) could find.
    #[must_use]
    pub fn mistake(&self, finding: ManifestFinding) -> Mistake {
        let key = match finding.key.as_str() {
            "" => self.label.clone(),
            key => format!("{}.{key}", self.label),
        };
        Mistake::plain(self.origin.clone(), key, finding.problem)
    }

    pub(super) fn mistakes(&self, findings: Vec<ManifestFinding>) -> impl Iterator<Item = Mistake> {
        findings.into_iter().map(|finding| self.mistake(finding))
    }
}
