//! The sandbox: accepts everything, and sends nothing.
//!
//! An account of this kind, or one of another kind whose `config` has `sandbox = true`: its settings are
//! checked as ever, and its provider is never asked. SendGrid has a sandbox of its own, which is used there.

use futures_util::future::BoxFuture;

use super::fields::{ConfigFields, SANDBOX};
use super::{Delivery, Provider, SettingsError};
use crate::domain::{Account, Class, ProviderKind, Reply};

/// An account whose provider is never asked.
pub(super) struct Sandbox {
    needs_address: bool,
}

impl Sandbox {
    /// An account of this kind.
    pub(super) fn connect(account: &Account) -> Result<Self, SettingsError> {
        ConfigFields::of(account, &[]).finish(Self {
            needs_address: true,
        })
    }

    /// In place of an account of another kind.
    pub(super) fn instead_of(provider: &dyn Provider) -> Self {
        Self {
            needs_address: provider.needs_address(),
        }
    }

    /// Whether an account is to have it in place of its provider. The setting has been checked.
    pub(super) fn is_wanted(account: &Account) -> bool {
        use serde_json::Value;
        let said = account.config.get(SANDBOX);
        let is_on = said == Some(&Value::Bool(true)) || said == Some(&Value::from("true"));
        is_on && account.kind != ProviderKind::Sendgrid
    }
}

impl Provider for Sandbox {
    fn send<'a>(&'a self, delivery: Delivery<'a>) -> BoxFuture<'a, Reply> {
        let reply = Reply {
            message_id: Some(format!("{SANDBOX}-{}", delivery.notification_id)),
            ..Reply::of(
                Class::Accepted,
                Some(SANDBOX.to_owned()),
                Some("the account is a sandbox: nothing was sent".to_owned()),
            )
        };
        Box::pin(std::future::ready(reply))
    }

    fn needs_address(&self) -> bool {
        self.needs_address
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::testing::account;

    #[test]
    fn a_setting_turns_any_account_into_a_sandbox_but_sendgrids_which_has_its_own() {
        for (kind, said, wanted) in [
            (ProviderKind::Twilio, json!({ "sandbox": true }), true),
            (ProviderKind::Twilio, json!({ "sandbox": "true" }), true),
            (ProviderKind::Twilio, json!({ "sandbox": false }), false),
            (ProviderKind::Twilio, json!({}), false),
            (ProviderKind::Sendgrid, json!({ "sandbox": true }), false),
        ] {
            let account = account(kind, None, None, said.clone());
            assert_eq!(Sandbox::is_wanted(&account), wanted, "{kind} {said}");
        }
    }
}
