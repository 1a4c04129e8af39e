//! Whether people are told where to unsubscribe.

use super::CheckResult;
use crate::app::links;
use crate::config::Settings;
use crate::domain::ProviderKind;

/// What is to be known of an account whose mail has headers to unsubscribe by.
pub(super) fn of_account(settings: &Settings, kind: ProviderKind) -> Option<String> {
    let is_told = links::are_for_headers(settings) && kind == ProviderKind::Sendgrid;
    let words = "its mail has List-Unsubscribe headers; SendGrid's subscription tracking and unsubscribe groups \
                 write a header of their own in place of them: switch them off for this account";
    is_told.then(|| words.to_owned())
}

/// Looks at the settings.
pub(super) fn told(settings: &Settings) -> CheckResult {
    let warning = match &settings.http.public_url {
        None => Some(
            "http.public_url is not set: e-mail has no List-Unsubscribe header, and {{ unsubscribe_url }} is \
             empty; set HERALD__HTTP__PUBLIC_URL to the https address at which people reach this engine",
        ),
        Some(_) if links::are_for_headers(settings) => None,
        Some(_) => Some(
            "http.public_url is no https address: e-mail has no List-Unsubscribe header, for mail clients use no \
             other; set HERALD__HTTP__PUBLIC_URL to an https address",
        ),
    };
    CheckResult {
        warning: warning.map(str::to_owned),
        ..CheckResult::new("unsubscribing", Ok(()))
    }
}
