//! How a simulated provider and the engine's account with it are set up.

use serde::Deserialize;

use crate::simulator::{Behaviour, Provider};

/// Something for some of the providers. A struct and no map, so that a mistake is told with its path.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByProvider<T> {
    sendgrid: Option<T>,
    twilio: Option<T>,
    fcm: Option<T>,
    smtp: Option<T>,
    slack: Option<T>,
}

impl<T> ByProvider<T> {
    /// What is there for one of them.
    #[must_use]
    pub fn get(&self, provider: Provider) -> Option<&T> {
        match provider {
            Provider::SendGrid => self.sendgrid.as_ref(),
            Provider::Twilio => self.twilio.as_ref(),
            Provider::Fcm => self.fcm.as_ref(),
            Provider::Smtp => self.smtp.as_ref(),
            Provider::Slack => self.slack.as_ref(),
        }
    }

    /// All that is there.
    pub fn iter(&self) -> impl Iterator<Item = (Provider, &T)> {
        let there = |provider| Some((provider, self.get(provider)?));
        Provider::ALL.into_iter().filter_map(there)
    }
}

/// One provider; what is absent stays as the seed file has it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderSetup {
    /// Requests a minute that the account allows.
    pub rate_limit: Option<u32>,
    /// Longest wait for an answer, seconds.
    pub timeout_seconds: Option<u32>,
    /// Higher is asked first.
    pub priority: Option<i32>,
    /// Among equal priorities.
    pub weight: Option<u32>,
    /// Most messages in one request; only SendGrid's accounts have that.
    pub batch_size: Option<u32>,
    /// Whether the account is used at all.
    pub is_active: Option<bool>,
    /// How the simulator behaves from the start on.
    pub behaviour: Behaviour,
}
