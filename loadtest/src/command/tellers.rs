//! The arguments that say whom simulators tell later what became of their messages, and telling it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::failure::Failure;
use crate::events::{EventTeller, EventVoice, SendgridKey, Telling};
use crate::provider::Provider;
use crate::seed::{SENDGRID_ACCOUNT, TWILIO_ACCOUNT, TWILIO_TOKEN};

/// Mail is on its way, then there.
const TELLING: Telling = Telling {
    each: 2,
    batch: 500,
    connections: 2,
    twice: 0.0,
};

#[derive(Debug, Args)]
pub(super) struct EventKeyArgument {
    /// Where the key of SendGrid's events is kept; it is made if it is not there. A seed file that is written names
    /// it
    #[arg(long, value_name = "FILE")]
    events_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct TellerArguments {
    /// Tell the engine at this URL what became of each message, as SendGrid and Twilio do: that it was delivered. The
    /// engine's http.public_url must be the same. May be repeated: they are told in turn
    #[arg(long, value_name = "URL", requires = "events_key")]
    tell_events: Vec<String>,

    #[command(flatten)]
    key: EventKeyArgument,
}

impl EventKeyArgument {
    fn read(&self) -> Result<Option<SendgridKey>, Failure> {
        let key = self.events_key.as_deref().map(SendgridKey::in_file);
        Ok(key.transpose()?)
    }

    /// What goes into the account, if there is a key.
    pub(super) fn public(&self) -> Result<Option<String>, Failure> {
        let key = self.read()?;
        Ok(key.as_ref().map(SendgridKey::public).transpose()?)
    }
}

impl TellerArguments {
    pub(super) const fn key(&self) -> &EventKeyArgument {
        &self.key
    }

    /// Who tells of which provider's messages.
    pub(super) fn start(&self) -> Result<HashMap<Provider, Arc<EventTeller>>, Failure> {
        if self.tell_events.is_empty() {
            return Ok(HashMap::new());
        }
        let key = self
            .key
            .read()?
            .context("--tell-events needs --events-key")?;
        let targets = || {
            let targets = self.tell_events.iter();
            targets
                .map(|url| url.trim_end_matches('/').to_owned())
                .collect()
        };
        let start = |voice, account| {
            let teller = EventTeller::start(voice, account, TELLING);
            teller.goes_to(targets());
            Arc::new(teller)
        };
        let sendgrid = start(EventVoice::Sendgrid(key), SENDGRID_ACCOUNT);
        let twilio = start(EventVoice::Twilio(TWILIO_TOKEN.to_owned()), TWILIO_ACCOUNT);
        Ok(HashMap::from([
            (Provider::SendGrid, sendgrid),
            (Provider::Twilio, twilio),
        ]))
    }
}
