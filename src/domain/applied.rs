//! What declared files make, by the label that they are applied with.

use std::fmt;
use std::str::FromStr;

use super::vocabulary::vocabulary;

/// Most characters of a label; the column's `CHECK` says the same.
const MOST_CHARS: usize = 100;

vocabulary! {
    /// A kind of declared entries, in the order in which they need each other.
    AppliedKind {
        /// Tenants.
        Tenants = "tenants",
        /// Categories of messages.
        Categories = "categories",
        /// People.
        Users = "users",
        /// What people and tenants want.
        Preferences = "preferences",
        /// Templates.
        Templates = "templates",
        /// Provider accounts.
        Providers = "providers",
        /// Webhooks.
        Webhooks = "webhooks",
        /// Workflows.
        Workflows = "workflows",
        /// Keys that sign user tokens.
        TokenKeys = "token_keys",
        /// Suppressed addresses.
        Suppressions = "suppressions",
        /// Topics.
        Topics = "topics",
    }
}

/// By what an apply knows again what it has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyLabel(String);

impl ApplyLabel {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApplyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a label has 1 to {MOST_CHARS} letters, digits, `-`, `_`, `.` and `/`")]
pub struct BadApplyLabel;

impl FromStr for ApplyLabel {
    type Err = BadApplyLabel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_good = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        match (1..=MOST_CHARS).contains(&text.len()) && text.chars().all(is_good) {
            true => Ok(Self(text.to_owned())),
            false => Err(BadApplyLabel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_short_word() {
        for good in ["a", "shop/mails_v1.2-b", &"x".repeat(100)] {
            assert_eq!(good.parse::<ApplyLabel>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "ä", "a\n", &"x".repeat(101)] {
            assert_eq!(bad.parse::<ApplyLabel>(), Err(BadApplyLabel), "{bad:?}");
        }
    }
}
