//! What the desk works with beside its database.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::objects::Objects;
use crate::tickets::domain::{AttachmentRules, DeskSigner, ReplyAddresses};
use crate::tickets::mail::MailReader;

/// Files that are taken at once on this node: of each, two parts are in memory.
const FILES_AT_ONCE: usize = 16;
/// Mails that are read at once on this node: all of each is in memory, some times over.
const MAILS_AT_ONCE: usize = 4;

/// What the desk works with beside its database.
#[derive(Debug, Clone)]
pub struct DeskMeans {
    /// Where files are kept.
    pub objects: Objects,
    /// Which are taken.
    pub attachments: AttachmentRules,
    /// Makes and knows links to them.
    pub file_links: DeskSigner,
    /// How long a link is good.
    pub link_lifetime: Duration,
    /// After how long what was begun and not ended is removed.
    pub sweep_after: Duration,
    /// How mails are taken, if they are.
    pub mail: Option<MailMeans>,
    /// Places for files that are being taken.
    pub(super) places: Arc<Semaphore>,
}

/// How mails are taken.
#[derive(Clone)]
pub struct MailMeans {
    /// Addresses that answers go to.
    pub(super) addresses: ReplyAddresses,
    /// Most bytes of a mail.
    pub(super) max_bytes: usize,
    /// So many mails of a sender to a ticket are told of within an hour.
    pub(super) per_hour: i64,
    secret: Arc<str>,
    /// Reads them.
    pub(super) reader: MailReader,
    /// Places for mails in memory.
    pub(super) places: Arc<Semaphore>,
}

impl fmt::Debug for MailMeans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MailMeans").field(&self.addresses).finish()
    }
}

impl MailMeans {
    /// Mails to these addresses, handed over by whoever knows the secret.
    #[must_use]
    pub fn new(
        addresses: ReplyAddresses,
        secret: &str,
        (max_bytes, per_hour): (usize, i64),
        reader: MailReader,
    ) -> Self {
        Self {
            addresses,
            max_bytes,
            per_hour,
            secret: secret.into(),
            reader,
            places: Arc::new(Semaphore::new(MAILS_AT_ONCE)),
        }
    }

    /// Whether this is the secret; compared in a time that does not tell how much of it is right.
    #[must_use]
    pub fn is_secret(&self, said: &str) -> bool {
        !self.secret.is_empty() && bool::from(self.secret.as_bytes().ct_eq(said.as_bytes()))
    }
}

impl DeskMeans {
    /// As the settings say.
    #[must_use]
    pub fn new(
        objects: Objects,
        attachments: AttachmentRules,
        file_links: DeskSigner,
        (link_lifetime, sweep_after): (Duration, Duration),
        mail: Option<MailMeans>,
    ) -> Self {
        Self {
            objects,
            attachments,
            file_links,
            link_lifetime,
            sweep_after,
            mail,
            places: Arc::new(Semaphore::new(FILES_AT_ONCE)),
        }
    }

    /// Addresses that answers to mails go to, if mails are taken.
    #[must_use]
    pub fn reply_addresses(&self) -> Option<&ReplyAddresses> {
        self.mail.as_ref().map(|mail| &mail.addresses)
    }
}
