//! Files that tickets have: listed, looked at, read by links, removed.

use std::ops::Range;

use futures_util::StreamExt;
use jiff::SignedDuration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use super::doing::finish;
use super::seeing::{now, seen};
use super::{TicketDesk, TicketDeskError};
use crate::objects::ObjectError;
use crate::runtime::clock;
use crate::store::{Database, PgConnection, StoreError};
use crate::tickets::domain::{
    FileLink, ReplyAddresses, TicketAttachment, TicketName, TicketViewer,
};
use crate::tickets::policy;
use crate::tickets::store::{attachments, listing, tickets};

/// Parts of a file that wait between who reads it and who sends it.
const PARTS: usize = 2;
/// Longest wait for a part of a file.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A link to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFileLink {
    /// What the path ends in.
    pub token: String,
    /// Until when it is good.
    pub until: jiff::Timestamp,
}

/// The bytes of a file that is being read, in order.
pub type FileParts = mpsc::Receiver<Result<bytes::Bytes, ObjectError>>;

impl TicketDesk {
    /// At most so many files of a ticket, the eldest first, that come behind another one. Who asked for the ticket is not
    /// shown what is for staff alone.
    ///
    /// # Errors
    /// There is no such ticket, or they may not see it; or the database is out of reach.
    pub async fn attachments(
        &self,
        of: (Uuid, TicketViewer),
        name: TicketName,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<TicketAttachment>, TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let ticket = seen(&mut connection, of, name).await?;
            let with_internal = of.1.works_for(ticket.requester_id);
            let page = attachments::page(&mut connection, ticket.id, with_internal, after, most);
            Ok(page.await?)
        };
        self.with("list a ticket's attachments", work).await
    }

    /// A file of a ticket, with a link to it.
    ///
    /// # Errors
    /// There is none that they may see; or the database is out of reach.
    pub async fn attachment(
        &self,
        of: (Uuid, TicketViewer),
        name: TicketName,
        id: Uuid,
    ) -> Result<(TicketAttachment, MadeFileLink), TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let ticket = seen(&mut connection, of, name).await?;
            let found = attachments::find(&mut connection, of.0, id).await?;
            let works = of.1.works_for(ticket.requester_id);
            let found = found.filter(|it| it.ticket_id == ticket.id && (works || !it.is_internal));
            found.ok_or(TicketDeskError::NotFound("attachment"))
        };
        let file = self.with("get an attachment", work).await?;
        let link = self.link_to(&file)?;
        Ok((file, link))
    }

    fn link_to(&self, file: &TicketAttachment) -> Result<MadeFileLink, TicketDeskError> {
        let lifetime = SignedDuration::try_from(self.means.link_lifetime).unwrap_or_default();
        let until = clock::now().saturating_add(lifetime);
        let until = until.map_err(|error| TicketDeskError::Failed(error.to_string()))?;
        let link = FileLink {
            tenant_id: file.tenant_id,
            attachment_id: file.id,
            until: until.as_second(),
        };
        let token = link.token(&self.means.file_links);
        let token = token.ok_or_else(|| TicketDeskError::Failed("no key for links".to_owned()))?;
        let until = jiff::Timestamp::from_second(link.until).unwrap_or(until);
        Ok(MadeFileLink { token, until })
    }

    /// The file that a link leads to.
    ///
    /// # Errors
    /// The link is none of ours or has ended, or the file is gone; or the database is out of reach.
    pub async fn linked(&self, token: &str) -> Result<TicketAttachment, TicketDeskError> {
        let missing = TicketDeskError::NotFound("file");
        let link = FileLink::read(token, &self.means.file_links, clock::now());
        let link = link.ok_or_else(|| missing.clone())?;
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let (tenant_id, id) = (link.tenant_id, link.attachment_id);
            let found = attachments::find(&mut connection, tenant_id, id).await?;
            let file = found.ok_or_else(|| missing.clone())?;
            // Of a ticket that was taken away nothing is found.
            let name = TicketName::Id(file.ticket_id);
            let ticket = tickets::find(&mut connection, tenant_id, name).await?;
            ticket.map(|_| file).ok_or(missing)
        };
        self.with("find an attachment", work).await
    }

    /// Opens a file, or a part of it; its bytes, in order.
    ///
    /// # Errors
    /// The store does not answer, or has not what it should have.
    pub async fn read_attachment(
        &self,
        file: &TicketAttachment,
        part: Option<Range<u64>>,
    ) -> Result<FileParts, TicketDeskError> {
        let objects = self.means.objects.clone();
        let (sent, parts) = mpsc::channel(PARTS);
        let (tasks, file) = (self.tasks.clone(), file.clone());
        let work = async move |_: Database| {
            let Some(mut reading) = objects.read(&file.object(), part).await? else {
                let why = format!("the object of the attachment {} is not there", file.id);
                return Err(TicketDeskError::NoStore(why));
            };
            if i64::try_from(reading.length) != Ok(file.size) {
                let why = format!(
                    "the object of the attachment {} is not as long as it was",
                    file.id
                );
                return Err(TicketDeskError::NoStore(why));
            }
            tasks.spawn("send an attachment", async move {
                while let Ok(Some(part)) = timeout(PATIENCE, reading.bytes.next()).await {
                    // Whoever reads it may have gone.
                    if !matches!(timeout(PATIENCE, sent.send(part)).await, Ok(Ok(()))) {
                        break;
                    }
                }
            });
            Ok(parts)
        };
        self.with("open an attachment", work).await
    }

    /// Removes a file of a ticket: whoever works on the ticket may, and who added it.
    ///
    /// # Errors
    /// There is none that they may see, or they may not; or the database is out of reach.
    pub async fn detach(
        &self,
        of: (Uuid, TicketViewer),
        (name, id): (TicketName, Uuid),
        actor_id: Option<Uuid>,
    ) -> Result<(), TicketDeskError> {
        let means = self.means.clone();
        let work = move |database: Database| {
            let means = means.clone();
            async move {
                let by = (actor_id, means.reply_addresses());
                let remove = async |connection: &mut PgConnection| {
                    detached(connection, of, (name, id), by).await
                };
                database.attempt(remove).await
            }
        };
        let object = self.patiently("remove an attachment", work).await?;
        self.tell();
        let desk = self.clone();
        self.tasks
            .spawn("remove an attachment's object", async move {
                desk.let_go(vec![object]).await;
            });
        Ok(())
    }
}

/// Whether any ticket has files: for whoever has no desk, but its connections.
///
/// # Errors
/// The database is out of reach.
pub async fn has_files(database: &Database) -> Result<bool, StoreError> {
    attachments::any(&mut *database.get().await?).await
}

/// Removes the row, and says which object nobody needs any more.
async fn detached(
    connection: &mut PgConnection,
    of: (Uuid, TicketViewer),
    (name, id): (TicketName, Uuid),
    (actor_id, replies): (Option<Uuid>, Option<&ReplyAddresses>),
) -> Result<String, TicketDeskError> {
    let missing = || TicketDeskError::NotFound("attachment");
    let ticket_id = seen(connection, of, name).await?.id;
    let held = tickets::hold(connection, of.0, ticket_id).await?;
    let ticket = held.ok_or(TicketDeskError::NotFound("ticket"))?;
    if !listing::may_see(connection, of.1, &ticket).await? {
        return Err(TicketDeskError::NotFound("ticket"));
    }
    let found = attachments::find(connection, of.0, id).await?;
    let file = found.filter(|it| it.ticket_id == ticket.id);
    let file = file.ok_or_else(missing)?;
    if !of.1.works_for(ticket.requester_id) {
        if file.is_internal {
            return Err(missing());
        }
        if of.1.person() != Some(file.author_id) {
            let why =
                "an attachment is removed by who added it, or by those who work on the ticket";
            return Err(TicketDeskError::Forbidden(why));
        }
    }
    let actor_id = of.1.person().or(actor_id);
    let done = policy::detach(ticket, &file, (actor_id, now()))?;
    finish(connection, done, replies).await?;
    attachments::remove(connection, id).await?;
    Ok(file.object())
}
