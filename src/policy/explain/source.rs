//! The rows and settings by which rules say what they say.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::preference::Scope;
use crate::domain::suppression::SuppressionOrigin;
use crate::domain::{AccountPause, Channel, CircuitState, Preference, SuppressionReason};
use crate::policy::Facts;
use crate::policy::preference::{self, EffectivePreference, SaidBy};
use crate::policy::routing::AccountFacts;

/// A row, a part of the message, or a setting by which a rule says what it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuleSource {
    /// A field of the message itself.
    Message {
        /// Its name in the envelope.
        field: &'static str,
    },
    /// A field of the person.
    User {
        /// The person's id.
        id: Uuid,
        /// Its name.
        field: &'static str,
    },
    /// A preference: the person's, or the tenant's for all its people.
    Preference {
        /// Whose it is.
        of: SaidBy,
        /// The channel that it is limited to.
        channel: Option<Channel>,
        /// The category that it is limited to.
        category: Option<String>,
        /// Its field.
        field: &'static str,
    },
    /// A declared category.
    Category {
        /// Its name.
        name: String,
        /// Its field.
        field: &'static str,
    },
    /// An entry of the suppression list.
    Suppression {
        /// Its id.
        id: Uuid,
        /// Why the address is on the list.
        reason: SuppressionReason,
        /// The only category that it keeps from the address.
        category: Option<String>,
        /// Since when.
        since: Timestamp,
        /// When it ends by itself.
        until: Option<Timestamp>,
        /// The provider's event that put it there.
        told_by: Option<SuppressionOrigin>,
    },
    /// A version of a template.
    Template {
        /// Its name.
        name: String,
        /// The version.
        version: i32,
        /// Its language.
        locale: String,
    },
    /// A setting of the engine.
    Setting {
        /// Its key.
        key: &'static str,
        /// What it is.
        value: Value,
    },
    /// An account at a provider.
    Provider {
        /// Its name.
        name: String,
        /// Its field.
        field: &'static str,
    },
    /// Somebody has stopped an account for a while.
    Pause {
        /// The account.
        provider: String,
        /// Who did.
        by: String,
        /// Why.
        reason: String,
        /// When it ends.
        until: Timestamp,
    },
    /// A provider has asked everybody to wait.
    RateLimit {
        /// The account.
        provider: String,
        /// Until when.
        until: Timestamp,
    },
    /// An account is not asked: it fails, or is refused.
    Circuit {
        /// The account.
        provider: String,
        /// When it may be asked again.
        until: Timestamp,
    },
}

impl RuleSource {
    pub(super) const fn message(field: &'static str) -> Self {
        Self::Message { field }
    }

    pub(super) fn setting(key: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        Self::Setting { key, value }
    }

    /// A field of the person, where they have it.
    pub(super) const fn user(facts: &Facts<'_>, field: &'static str) -> Self {
        Self::User {
            id: facts.recipient.user_id,
            field,
        }
    }

    /// A field of the message's category, where the tenant has declared that.
    pub(super) fn category(facts: &Facts<'_>, field: &'static str) -> Option<Self> {
        let name = facts.notification.category.as_deref()?;
        let declared = facts.rules.category(name)?;
        Some(Self::Category {
            name: declared.name.clone(),
            field,
        })
    }

    /// The preference that says something; `None` when nobody said it.
    pub(super) fn preference(
        said: &EffectivePreference<'_>,
        field: &'static str,
        says: impl Fn(&Preference) -> bool,
    ) -> Option<Self> {
        Some(Self::Preference {
            of: said.who_said(says)?,
            channel: said.scope.channel(),
            category: said.scope.category().map(str::to_owned),
            field,
        })
    }

    /// Who says which clock and calendar a preference goes by; nobody for UTC.
    pub(super) fn zone(facts: &Facts<'_>, of: &EffectivePreference<'_>) -> Option<Self> {
        let says = |it: &Preference| it.zone.is_some();
        let named = of
            .names_zone()
            .then(|| Self::preference(of, "timezone", says));
        let own = facts.recipient.timezone.as_ref();
        named
            .flatten()
            .or_else(|| own.map(|_| Self::user(facts, "timezone")))
    }

    /// Why an account is not asked now, if it is not.
    #[must_use]
    pub fn out(account: &AccountFacts<'_>) -> Option<Self> {
        let provider = account.name.to_owned();
        match account.pause {
            Some(AccountPause {
                by, reason, until, ..
            }) => Some(Self::Pause {
                provider,
                by: by.clone(),
                reason: reason.clone(),
                until: *until,
            }),
            None if account.is_off => Some(Self::Provider {
                name: provider,
                field: "is_active",
            }),
            None => account.available_at.map(|until| match account.circuit {
                CircuitState::Closed => Self::RateLimit { provider, until },
                CircuitState::Open | CircuitState::HalfOpen => Self::Circuit { provider, until },
            }),
        }
    }
}

/// The preference of a scope, as it holds.
pub(super) fn of_scope<'a>(facts: &Facts<'a>, scope: &Scope) -> Option<EffectivePreference<'a>> {
    preference::preferences(facts.notification, facts.recipient, facts.rules)
        .find(|preference| preference.scope == scope)
}
