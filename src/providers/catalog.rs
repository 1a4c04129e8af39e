//! Every provider by its kind: the one place that knows them all.

use std::sync::Arc;

use jiff::Timestamp;

use super::fields::SANDBOX;
use super::http::{HttpAnswer, HttpClient, ReplyContext};
use super::sandbox::Sandbox;
use super::{Provider, SettingsError, fcm, sendgrid, slack, smtp, twilio};
use crate::domain::{Account, ProviderKind, Reply};

/// Builds the client of an account. Asks nobody: see [`Provider::check`].
///
/// # Errors
/// [`SettingsError`] names every mistake in the account's credentials and configuration.
pub fn connect(client: &HttpClient, account: &Account) -> Result<Arc<dyn Provider>, SettingsError> {
    let client = client.clone();
    let provider: Arc<dyn Provider> = match account.kind {
        ProviderKind::Sendgrid => Arc::new(sendgrid::Sendgrid::connect(client, account)?),
        ProviderKind::Twilio => Arc::new(twilio::Twilio::connect(client, account)?),
        ProviderKind::Slack => Arc::new(slack::Slack::connect(client, account)?),
        ProviderKind::Fcm => Arc::new(fcm::Fcm::connect(client, account)?),
        ProviderKind::Smtp => Arc::new(smtp::Smtp::connect(account)?),
        ProviderKind::Sandbox => Arc::new(Sandbox::connect(account)?),
    };
    Ok(match Sandbox::is_wanted(account) {
        true => Arc::new(Sandbox::instead_of(&*provider)),
        false => provider,
    })
}

/// Whether a setting of a kind may be shown to people. What is not known to be harmless may not: it is masked.
#[must_use]
pub fn is_shown(kind: ProviderKind, key: &str) -> bool {
    let shown: &[&str] = match kind {
        ProviderKind::Sendgrid => &[
            "base_url",
            "from",
            "from_name",
            "event_public_key",
            "batch_size",
        ],
        // A callback's URL may hold a password, and callbacks are checked with the token.
        ProviderKind::Twilio => &["account_sid", "from", "messaging_service_sid", "base_url"],
        ProviderKind::Slack => &["base_url"],
        ProviderKind::Fcm => &["base_url", "project_id"],
        ProviderKind::Smtp => &[
            "host",
            "port",
            "tls",
            "ca_file",
            "from",
            "max_connections",
            "text_timeout_seconds",
            "return_path_domain",
        ],
        ProviderKind::Sandbox => &[],
    };
    key == SANDBOX || shown.contains(&key)
}

/// Reads a provider's answer as its client would: pure, for tests and fuzzing. `None` for
/// kinds that do not answer over HTTP.
#[must_use]
pub fn read(
    kind: ProviderKind,
    answer: &HttpAnswer,
    address: &str,
    now: Timestamp,
) -> Option<Reply> {
    let seen = ReplyContext { address, now };
    match kind {
        ProviderKind::Sendgrid => Some(sendgrid::read(answer, seen)),
        ProviderKind::Twilio => Some(twilio::read(answer, seen)),
        ProviderKind::Fcm => Some(fcm::read(answer, seen)),
        ProviderKind::Slack => Some(slack::read(answer, seen)),
        ProviderKind::Smtp | ProviderKind::Sandbox => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Class;
    use crate::providers::testing::now;
    use crate::providers::verdict::ResponseClass;

    /// Bodies near to what the providers say, and anything else.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let words = "(21211|21610|UNREGISTERED|INVALID_ARGUMENT|channel_not_found|invalid_auth)";
        let near = words.prop_map(|word: String| {
            format!(
                r#"{{"code":{n},"message":"{word}","error":{{"status":"{word}","details":
                [{{"@type":"x.FcmError","errorCode":"{word}"}}]}},"errors":[{{"field":"{word}"}}]}}"#,
                n = word.parse::<u32>().unwrap_or(7),
            )
            .into_bytes()
        });
        let slack = words
            .prop_map(|word: String| format!(r#"{{"ok":false,"error":"{word}"}}"#).into_bytes());
        prop_oneof![proptest::collection::vec(any::<u8>(), 0..300), near, slack]
    }

    proptest! {
        #[test]
        fn every_provider_answer_is_read(
            status in 100..1000_u16,
            body in body(),
            wait in "[ -~]{0,20}",
            address in ".{0,30}",
        ) {
            let mut answer = HttpAnswer { status, body, ..HttpAnswer::default() };
            answer.headers.insert("retry-after", wait.parse().unwrap());
            for kind in ProviderKind::ALL {
                let Some(reply) = read(*kind, &answer, &address, now()) else { continue };
                let accepted = reply.class == Class::Accepted;
                let says_no = *kind == ProviderKind::Slack && answer.body.starts_with(b"{\"ok\":false");
                // A good status alone is none: a page of somebody in between has it, too.
                prop_assert!(!accepted || ((200..300).contains(&status) && !says_no));
                if (500..600).contains(&status) {
                    prop_assert_eq!(reply.class, ResponseClass::of_status(status).class);
                }
                prop_assert_eq!(reply.reason.is_some(), reply.class == Class::Permanent);
                prop_assert_eq!(reply.fault.is_some(), reply.class == Class::AccountRefused);
                prop_assert!(reply.retry_after.is_none_or(|wait| wait.as_secs() <= 3_600));
            }
        }
    }
}
