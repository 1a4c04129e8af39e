//! Every provider by its kind: the one place that knows them all.

use std::sync::Arc;

use super::http::HttpClient;
use super::{Provider, SettingsError, fcm, sendgrid, slack, smtp, twilio};
use crate::domain::{Account, ProviderKind};

/// Builds the client of an account. Asks nobody: see [`Provider::check`].
///
/// # Errors
/// [`SettingsError`] names every mistake in the account's credentials and configuration.
pub fn connect(client: &HttpClient, account: &Account) -> Result<Arc<dyn Provider>, SettingsError> {
    let client = client.clone();
    Ok(match account.kind {
        ProviderKind::Sendgrid => Arc::new(sendgrid::Sendgrid::connect(client, account)?),
        ProviderKind::Twilio => Arc::new(twilio::Twilio::connect(client, account)?),
        ProviderKind::Slack => Arc::new(slack::Slack::connect(client, account)?),
        ProviderKind::Fcm => Arc::new(fcm::Fcm::connect(client, account)?),
        ProviderKind::Smtp => Arc::new(smtp::Smtp::connect(account)?),
    })
}
