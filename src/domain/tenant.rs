//! What a tenant says for all its people.

use super::{Category, Preference};

/// The rules of a tenant: few, and held in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantRules {
    /// Declared categories, one a name.
    pub categories: Vec<Category>,
    /// The language of messages to people of whom none is known.
    pub locale: Option<String>,
    /// What holds for people who said nothing else, one a scope.
    pub defaults: Vec<Preference>,
}

impl TenantRules {
    /// A category, if it was declared.
    #[must_use]
    pub fn category(&self, name: &str) -> Option<&Category> {
        self.categories
            .iter()
            .find(|category| category.name == name)
    }
}
