//! Any SMTP server: one conversation a mail, over kept connections.
//!
//! lettre writes the mail. The conversation is ours, since only so is it known how far it got when it
//! broke, and since a reply counts by its code however its words look: lettre's own connection takes
//! words that are not UTF-8, or none at all, for no reply.

mod answer;
mod conversation;
mod dial;
pub(super) mod enhanced;
pub(super) mod events;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod header;
mod offers;
mod refusal;
mod reply;
mod report;
mod request;
mod return_path;
mod settings;
mod silence;
mod slots;
#[cfg(test)]
mod tests;
mod tls;
pub(super) mod told_later;
mod trouble;
mod wire;
mod words;

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::http::ReplyContext;
use super::pool::Pool;
use super::verdict::{CALLED_OFF, NOT_ASKED, not_asked};
use super::{Delivery, Leave, Provider, SettingsError};
use crate::domain::{Account, Reply};
use crate::runtime::clock;
use conversation::Conversation;
use request::SmtpMail;
use settings::SmtpSettings;
use slots::{Slot, Slots};
use trouble::{Phase, SmtpCause, SmtpTransportError};

/// Servers close an idle connection after some minutes (RFC 5321, 4.5.3.2.7: five).
const KEPT: Duration = Duration::from_secs(60);

/// An SMTP server.
pub(crate) struct Smtp {
    settings: SmtpSettings,
    pool: Pool<Conversation>,
    slots: Slots,
}

impl Smtp {
    pub(crate) fn connect(account: &Account) -> Result<Self, SettingsError> {
        let settings = SmtpSettings::from_account(account)?;
        Ok(Self {
            slots: Slots::new(settings.max_connections.into()),
            settings,
            pool: Pool::keeping_for(KEPT),
        })
    }

    async fn put(&self, delivery: Delivery<'_>) -> Reply {
        let return_path = self.settings.return_path.as_ref();
        let mail = match request::mail(&self.settings.from, return_path, &delivery) {
            Ok(mail) => mail,
            Err(refusal) => return refusal,
        };
        match self.place(&mail, delivery.leave).await {
            None => not_asked(
                NOT_ASKED,
                "not asked: every connection to the server was busy",
            ),
            Some(Ok(())) => Reply::accepted("250", Some(mail.message_id)),
            Some(Err(trouble)) if trouble.cause == SmtpCause::TooLate => {
                not_asked(CALLED_OFF, &trouble.to_string())
            }
            Some(Err(trouble)) => reply::read(&trouble, ReplyContext::of(&delivery)),
        }
    }

    /// Delivers over one of the connections that the account and its server have; `None` when none was
    /// free in time. The time for the mail itself begins with the connection.
    async fn place(
        &self,
        mail: &SmtpMail,
        leave: &Leave,
    ) -> Option<Result<(), SmtpTransportError>> {
        let until = clock::instant() + self.settings.timeout;
        loop {
            let slot = self.slots.take(clock::instant(), until).await?;
            let deadline = clock::instant() + self.settings.timeout;
            match self.deliver(mail, leave, deadline).await {
                Err(trouble) if trouble.is_want_of_places() && self.has_others(slot) => {}
                result => return Some(result),
            }
        }
    }

    /// Whether there are connections to the server that work, when it takes no further one: then those
    /// are waited for.
    fn has_others(&self, slot: Slot<'_>) -> bool {
        let now = clock::instant();
        self.pool.has_any(now) || slot.was_one_too_many(now)
    }

    /// Over a kept connection, else, or when that turns out closed, over a new one.
    async fn deliver(
        &self,
        mail: &SmtpMail,
        leave: &Leave,
        deadline: Instant,
    ) -> Result<(), SmtpTransportError> {
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
        mail: &SmtpMail,
        leave: &Leave,
        deadline: Instant,
    ) -> Result<(), SmtpTransportError> {
        let limits = (deadline, self.settings.text_timeout);
        let result = conversation.deliver(mail, leave, limits).await;
        let leaves = result
            .as_ref()
            .err()
            .is_none_or(SmtpTransportError::leaves_connection);
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
            _ if matches!(trouble.cause, SmtpCause::Untrusted(_)) => {
                format!("{trouble}; check `host`, `port`, `tls` and `ca_file`")
            }
            _ => format!("{trouble}; check `host`, `port` and `tls`"),
        })
    }
}

impl Provider for Smtp {
    fn send<'a>(&'a self, delivery: Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.put(delivery))
    }

    fn most_in_flight(&self) -> Option<usize> {
        Some(self.settings.max_connections.into())
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.works())
    }
}
