//! What a user token opens.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::domain::ApiAction;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What is a person's own.
    OwnResource {
        /// Their inbox.
        Inbox = "inbox",
        /// What they want to receive.
        Preferences = "preferences",
        /// Their devices.
        Devices = "devices",
        /// What they asked the support desk.
        Tickets = "tickets",
    }
}

/// One thing that a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonGrant(pub OwnResource, pub ApiAction);

/// All that a token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonGrants {
    /// All that is the person's own.
    All,
    /// These.
    Some(BTreeSet<PersonGrant>),
}

/// What was given is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no grant: write <what>:read or <what>:write (what: {what})",
    what = OwnResource::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", "))]
pub struct UnknownGrant;

impl PersonGrants {
    /// Whether they open this.
    #[must_use]
    pub fn allow(&self, grant: PersonGrant) -> bool {
        match self {
            Self::All => true,
            Self::Some(grants) => grants.contains(&grant),
        }
    }

    /// Those among words that this version knows: one that it does not know opens nothing here.
    pub fn known<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let known = words.into_iter().filter_map(|word| word.parse().ok());
        Self::Some(known.collect())
    }

    /// Their words; `None` when they open all.
    #[must_use]
    pub fn words(&self) -> Option<Vec<String>> {
        match self {
            Self::All => None,
            Self::Some(grants) => Some(grants.iter().map(ToString::to_string).collect()),
        }
    }
}

impl fmt::Display for PersonGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

impl FromStr for PersonGrant {
    type Err = UnknownGrant;

    fn from_str(word: &str) -> Result<Self, UnknownGrant> {
        let (resource, action) = word.split_once(':').ok_or(UnknownGrant)?;
        let resource = resource.parse().map_err(|_| UnknownGrant)?;
        let action = action.parse().map_err(|_| UnknownGrant)?;
        Ok(Self(resource, action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_grants_open_nothing_and_an_empty_list_opens_nothing() {
        let read = PersonGrant(OwnResource::Inbox, ApiAction::Read);
        let write = PersonGrant(OwnResource::Inbox, ApiAction::Write);
        assert!(PersonGrants::All.allow(read));
        let some = PersonGrants::known(["inbox:read", "weather:read", "inbox", "all", ""]);
        assert!(some.allow(read) && !some.allow(write));
        assert_eq!(some.words(), Some(vec!["inbox:read".to_owned()]));
        assert!(!PersonGrants::known([]).allow(read));
    }
}
