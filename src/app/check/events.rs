//! Whether what providers tell later is listened to.

use crate::config::Settings;
use crate::domain::{Account, ProviderKind};
use crate::providers::events;

/// What is to be known of an account whose events are not listened to; `None` if they are, or if it tells none.
pub(super) fn of_account(settings: &Settings, account: &Account) -> Option<String> {
    let key = match account.kind {
        ProviderKind::Sendgrid => "event_public_key",
        ProviderKind::Twilio => "auth_token",
        ProviderKind::Smtp => "return_path_domain and return_path_secret",
        ProviderKind::Fcm | ProviderKind::Slack | ProviderKind::Sandbox => return None,
    };
    if !events::are_proven(account) {
        return Some(format!(
            "what it tells later (delivered, bounced, complained, STOP) is refused, for nothing proves it: set {key} in \
             its config"
        ));
    }
    let is_deaf = account.kind == ProviderKind::Twilio && settings.http.public_url.is_none();
    is_deaf.then(|| {
        "what it tells later, STOP too, is refused, for Twilio signs the URL that it calls: set \
         HERALD__HTTP__PUBLIC_URL"
            .to_owned()
    })
}
