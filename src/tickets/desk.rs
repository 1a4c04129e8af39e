//! The support desk, as the HTTP API may see and change it.

mod attaching;
mod calls;
mod changes;
mod doing;
mod error;
mod figures;
mod file_check;
mod files;
mod mailing;
mod means;
mod orders;
mod rules;
mod seeing;
mod working;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

pub use self::attaching::AttachmentUpload;
pub use self::changes::{DeskActor, DeskChange, erase_person, erase_sender};
pub use self::error::TicketDeskError;
pub use self::figures::DeskFigures;
pub use self::files::{FileParts, MadeFileLink, has_files};
pub use self::mailing::{AddressedMail, MailTaken};
pub use self::means::{DeskMeans, MailMeans};
pub use self::orders::{
    AddedFile, AttachmentOrder, ChangedTicket, OrderedDeed, TicketChange, TicketOrder,
};

pub(in crate::tickets) use self::writing::{computed, write};

use super::domain::ReplyAddresses;
pub use super::store::calls::TicketCall;
pub use super::store::comments::StoredComment;
pub use crate::objects::ObjectError;
use crate::objects::Objects;
use crate::runtime::Tasks;
use crate::store::Database;

/// How often something is tried while others hold what it needs; each time waits as long as the pool lets it.
const ATTEMPTS: u32 = 8;

/// The support desk. Clones share it.
#[derive(Debug, Clone)]
pub struct TicketDesk {
    database: Database,
    tasks: Tasks,
    written: Arc<Notify>,
    loosened: Arc<Notify>,
    means: DeskMeans,
}

impl TicketDesk {
    /// A desk on connections with its own role; work with them is done where they live.
    #[must_use]
    pub fn new(database: Database, tasks: Tasks, means: DeskMeans) -> Self {
        Self {
            database,
            tasks,
            written: Arc::default(),
            loosened: Arc::default(),
            means,
        }
    }

    /// Where everything is stored.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Where files are kept.
    #[must_use]
    pub const fn objects(&self) -> &Objects {
        &self.means.objects
    }

    /// Addresses that answers to mails go to, if mails are taken.
    #[must_use]
    pub fn reply_addresses(&self) -> Option<&ReplyAddresses> {
        self.means.reply_addresses()
    }

    /// Waits until events may have been written on this node.
    pub async fn written(&self) {
        self.written.notified().await;
    }

    /// Waits until objects may have become loose on this node.
    pub(in crate::tickets) async fn loosened(&self) {
        self.loosened.notified().await;
    }

    /// Tells whoever sweeps that objects may be loose.
    fn tell_sweeper(&self) {
        self.loosened.notify_one();
    }

    /// Tells whoever publishes that there may be events.
    pub(in crate::tickets) fn tell(&self) {
        self.written.notify_one();
    }

    /// The same as [`Self::with`] for work that others may be in the way of: it did nothing then, and is done again.
    async fn patiently<T, F>(
        &self,
        name: &'static str,
        work: impl Fn(Database) -> F + Send + Sync + 'static,
    ) -> Result<T, TicketDeskError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TicketDeskError>> + Send + 'static,
    {
        let again = async move |database: Database| {
            let mut left = ATTEMPTS;
            loop {
                left -= 1;
                match work(database.clone()).await {
                    // Not all at the same moment again.
                    Err(TicketDeskError::Busy(_)) if left > 0 => {
                        let wait = rand::random_range(5..=40);
                        tokio::time::sleep(Duration::from_millis(wait)).await;
                    }
                    done => return done,
                }
            }
        };
        self.with(name, again).await
    }

    /// Does work with the database where connections live; `name` is its task's.
    async fn with<T, F>(
        &self,
        name: &'static str,
        work: impl FnOnce(Database) -> F + Send + 'static,
    ) -> Result<T, TicketDeskError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TicketDeskError>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work = work(self.database.clone());
        self.tasks.spawn(name, async move {
            // Whoever asked may have gone.
            let _ = answer.send(work.await);
        });
        let done = answered.await;
        done.unwrap_or_else(|_| Err(TicketDeskError::Failed(format!("{name}: it panicked"))))
    }
}
