//! What a key opens.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What the API is about.
    ApiResource {
        /// Notifications.
        Notifications = "notifications",
        /// People, their preferences and devices.
        Users = "users",
        /// Templates.
        Templates = "templates",
        /// Categories.
        Categories = "categories",
        /// Tenants.
        Tenants = "tenants",
        /// Accounts.
        Providers = "providers",
        /// What providers tell later.
        ProviderEvents = "provider-events",
        /// Events of other systems.
        Events = "events",
        /// Workflows and their runs.
        Workflows = "workflows",
        /// Status callbacks.
        Webhooks = "webhooks",
        /// Dead letters and jobs about them.
        DeadLetters = "dlq",
        /// Addresses that nothing is sent to.
        Suppressions = "suppressions",
        /// Keys.
        ApiKeys = "api-keys",
        /// Keys that sign user tokens.
        TokenKeys = "token-keys",
        /// Who changed what.
        AuditLogs = "audit-logs",
        /// What operators should see.
        SystemEvents = "system-events",
        /// Hourly figures.
        Metrics = "metrics",
        /// Topics, their subscribers, and what is sent to them.
        Topics = "topics",
        /// The support desk.
        Tickets = "tickets",
        /// Addresses and what messages say, on the console's pages: `contents:read`.
        Contents = "contents",
    }
}

vocabulary! {
    /// What may be done.
    ApiAction {
        /// Looking.
        Read = "read",
        /// Changing. Who may change may not therefore look.
        Write = "write",
    }
}

/// One thing that a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ApiScope {
    /// Everything.
    Admin,
    /// One action on one resource.
    On(ApiResource, ApiAction),
}

/// All that a key opens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiScopes(BTreeSet<ApiScope>);

/// What was given is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no scope: write admin, <resource>:read or <resource>:write (resources: {resources}), or \
     one of viewer, publisher, operator",
    resources = ApiResource::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ")
)]
pub struct UnknownScope(String);

impl ApiScopes {
    /// Whether they open this.
    #[must_use]
    pub fn allow(&self, resource: ApiResource, action: ApiAction) -> bool {
        self.include(ApiScope::On(resource, action))
    }

    /// Whether they open all that this scope does.
    #[must_use]
    pub fn include(&self, scope: ApiScope) -> bool {
        self.0.contains(&ApiScope::Admin) || self.0.contains(&scope)
    }

    /// Whether something holds of each of them.
    #[must_use]
    pub fn all(&self, holds: impl Fn(ApiScope) -> bool) -> bool {
        self.0.iter().all(|scope| holds(*scope))
    }

    /// Their words.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Those among stored words that this version knows: one that it does not know opens nothing here.
    pub fn known<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let known = words.into_iter().filter_map(|word| word.parse().ok());
        Self(known.collect())
    }

    /// The scopes behind the name of a preset. `admin` is a scope itself.
    fn preset(name: &str) -> Option<BTreeSet<ApiScope>> {
        use ApiAction::{Read, Write};
        let keeps_secrets = |resource: &ApiResource| {
            use ApiResource::{ApiKeys, AuditLogs, Contents, TokenKeys};
            matches!(resource, ApiKeys | TokenKeys | AuditLogs | Contents)
        };
        let open = ApiResource::ALL.iter().filter(|it| !keeps_secrets(it));
        let readable = open.map(|it| ApiScope::On(*it, Read));
        let notifications = |action| ApiScope::On(ApiResource::Notifications, action);
        Some(match name {
            "viewer" => readable.collect(),
            "publisher" => [notifications(Read), notifications(Write)].into(),
            "operator" => {
                let writable = ApiResource::ALL
                    .iter()
                    .filter(|it| !keeps_secrets(it) && !matches!(it, ApiResource::Tenants));
                readable
                    .chain(writable.map(|it| ApiScope::On(*it, Write)))
                    .collect()
            }
            _ => return None,
        })
    }
}

impl FromIterator<ApiScope> for ApiScopes {
    fn from_iter<I: IntoIterator<Item = ApiScope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl FromStr for ApiScopes {
    type Err = UnknownScope;

    /// Scopes and presets, separated by commas.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let mut scopes = BTreeSet::new();
        for word in text.split(',').map(str::trim) {
            match Self::preset(word) {
                Some(preset) => scopes.extend(preset),
                None => {
                    scopes.insert(word.parse()?);
                }
            }
        }
        Ok(Self(scopes))
    }
}

impl FromStr for ApiScope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        if word == "admin" {
            return Ok(Self::Admin);
        }
        let parts = word.split_once(':').and_then(|(resource, action)| {
            Some(Self::On(resource.parse().ok()?, action.parse().ok()?))
        });
        parts.ok_or_else(|| UnknownScope(word.chars().take(64).collect()))
    }
}

impl fmt::Display for ApiScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin => f.write_str("admin"),
            Self::On(resource, action) => write!(f, "{resource}:{action}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> ApiScopes {
        text.parse().unwrap()
    }

    #[test]
    fn scopes_are_written_as_they_are_read() {
        let words = scopes(" users:write,notifications:read,users:write").words();
        assert_eq!(words, ["notifications:read", "users:write"]);
        assert_eq!(scopes("admin").words(), ["admin"]);
        for odd in ["", "users", "users:delete", "user:read", "admin,", "Admin"] {
            let told = odd.parse::<ApiScopes>().unwrap_err().to_string();
            assert!(told.contains("notifications, users"), "{told}");
        }
        assert_eq!(
            ApiScopes::known(["users:read", "users:fly"]).words(),
            ["users:read"]
        );
    }

    #[test]
    fn each_preset_opens_what_its_name_says() {
        use ApiAction::{Read, Write};
        use ApiResource::{ApiKeys, Notifications, Providers, Tenants, Users};
        let open = |text: &str| {
            let asked = [
                (Notifications, Read),
                (Notifications, Write),
                (Users, Write),
                (Providers, Write),
                (Tenants, Write),
                (ApiKeys, Read),
            ];
            asked.map(|(resource, action)| scopes(text).allow(resource, action))
        };
        assert_eq!(open("viewer"), [true, false, false, false, false, false]);
        assert_eq!(open("publisher"), [true, true, false, false, false, false]);
        assert_eq!(open("operator"), [true, true, true, true, false, false]);
        assert_eq!(open("admin"), [true; 6]);
        assert_eq!(
            open("users:write"),
            [false, false, true, false, false, false]
        );
    }
}
