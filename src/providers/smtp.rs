//! Any SMTP server: one conversation a mail, over kept connections.
//!
//! lettre writes the mail. The conversation is ours, since only so is it known how far it got when it
//! broke, and since a reply counts by its code however its words look: lettre's own connection takes
//! words that are not UTF-8, or none at all, for no reply.

mod answer;
mod conversation;
mod enhanced;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod header;
mod offers;
mod pool;
mod refusal;
mod reply;
mod request;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod trouble;
mod wire;
mod words;

use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::http::Seen;
use super::verdict::NOT_ASKED;
use super::{Delivery, Leave, Provider, SettingsError};
use crate::domain::{Account, Class, Reply};
use crate::runtime::clock;
use conversation::Conversation;
use pool::Pool;
use request::Mail;
use settings::Settings;
use trouble::{Cause, Phase, Trouble};

/// Most connections to one server at once; Postfix, for one, lets a client have 50.
const CONNECTIONS: usize = 20;

/// An SMTP server.
pub(crate) struct Smtp {
    settings: Settings,
    pool: Pool<Conversation>,
    slots: Semaphore,
}

impl Smtp {
    pub(crate) fn connect(account: &Account) -> Result<Self, SettingsError> {
        Ok(Self {
            settings: Settings::from_account(account)?,
            pool: Pool::default(),
            slots: Semaphore::new(CONNECTIONS),
        })
    }

    async fn put(&self, delivery: Delivery<'_>) -> Reply {
        let deadline = clock::instant() + self.settings.timeout;
        let mail = match request::mail(&self.settings.from, &delivery) {
            Ok(mail) => mail,
            Err(refusal) => return refusal,
        };
        let Some(_slot) = self.slot(deadline).await else {
            let words = "every connection to the server was busy until the timeout".to_owned();
            return Reply::of(Class::Transient, None, Some(words));
        };
        match self.deliver(&mail, delivery.leave, deadline).await {
            Ok(()) => Reply::accepted("250", Some(mail.message_id)),
            Err(trouble) if trouble.cause == Cause::TooLate => too_late(&trouble),
            Err(trouble) => reply::read(&trouble, Seen::of(&delivery)),
        }
    }

    async fn slot(&self, deadline: Instant) -> Option<SemaphorePermit<'_>> {
        timeout_at(deadline, self.slots.acquire()).await.ok()?.ok()
    }

    /// Over a kept connection, else, or when that turns out closed, over a new one.
    async fn deliver(
        &self,
        mail: &Mail,
        leave: Leave<'_>,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        if let Some(mut kept) = self.pool.take(clock::instant())
            && kept.is_quiet()
        {
            match self.converse(kept, mail, leave, deadline).await {
                Err(trouble) if trouble.is_stale_connection() => {}
                result => return result,
            }
        }
        let new = Conversation::open(&self.settings, deadline).await?;
        self.converse(new, mail, leave, deadline).await
    }

    /// One mail; the connection is kept when it can take another.
    async fn converse(
        &self,
        mut conversation: Conversation,
        mail: &Mail,
        leave: Leave<'_>,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        let result = conversation.deliver(mail, leave, deadline).await;
        let leaves = result.as_ref().err().is_none_or(Trouble::leaves_connection);
        if leaves && conversation.is_usable() {
            self.pool.put(conversation, clock::instant());
        }
        result
    }

    async fn works(&self) -> Result<(), String> {
        let deadline = clock::instant() + self.settings.timeout;
        let asked = async {
            let mut conversation = Conversation::open(&self.settings, deadline).await?;
            conversation.noop(deadline).await
        };
        asked.await.map_err(|trouble| match trouble.phase {
            Phase::Auth => format!("{trouble}; check `api_key` and `api_secret`"),
            _ if matches!(trouble.cause, Cause::Untrusted(_)) => {
                format!("{trouble}; check `host`, `port`, `tls` and `ca_file`")
            }
            _ => format!("{trouble}; check `host`, `port` and `tls`"),
        })
    }
}

/// Nothing was sent, and nobody is to blame: what it leads to is decided anew.
fn too_late(trouble: &Trouble) -> Reply {
    let code = Some(NOT_ASKED.to_owned());
    Reply::of(Class::Throttled, code, Some(trouble.to_string()))
}

impl Provider for Smtp {
    fn send<'a>(&'a self, delivery: Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.put(delivery))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.works())
    }
}
