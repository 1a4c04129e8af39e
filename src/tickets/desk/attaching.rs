//! Files are taken: a part at a time, and known once they are whole.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use uuid::Uuid;

use super::doing::finish;
use super::file_check::{BegunFile, FileCheck, WholeFile, keep};
use super::seeing::{now, seen};
use super::{AddedFile, AttachmentOrder, TicketDesk, TicketDeskError, calls};
use crate::objects::{ObjectError, ObjectWriting};
use crate::runtime::failpoint;
use crate::store::{Database, PgConnection};
use crate::tickets::domain::{FileRefusal, SupportTicket, TicketAttachment, object_name};
use crate::tickets::policy::{self, DeedRefusal, HEAD_BYTES};
use crate::tickets::store::{attachments, listing, tickets};

/// Chunks that wait between who reads a file and who writes it.
const CHUNKS: usize = 2;

/// A file that is being taken. Dropped, nothing of it is kept.
#[derive(Debug)]
pub struct AttachmentUpload {
    chunks: mpsc::Sender<Chunk>,
    taken: oneshot::Receiver<Result<AddedFile, TicketDeskError>>,
}

#[derive(Debug)]
enum Chunk {
    Bytes(Bytes),
    End,
}

impl From<ObjectError> for TicketDeskError {
    fn from(error: ObjectError) -> Self {
        Self::NoStore(error.to_string())
    }
}

impl AttachmentUpload {
    /// Takes the next bytes; waits while those before are under way.
    ///
    /// # Errors
    /// The file is not taken.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), TicketDeskError> {
        match self.chunks.send(Chunk::Bytes(bytes)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.refusal().await),
        }
    }

    /// That was all of it. It is on the ticket then.
    ///
    /// # Errors
    /// The file is not taken.
    pub async fn finish(self) -> Result<AddedFile, TicketDeskError> {
        // Whoever does not listen has said why.
        let _ = self.chunks.send(Chunk::End).await;
        let taken = self.taken.await;
        taken.unwrap_or_else(|_| Err(panicked()))
    }

    async fn refusal(&mut self) -> TicketDeskError {
        match (&mut self.taken).await {
            Ok(Err(error)) => error,
            _ => panicked(),
        }
    }
}

fn panicked() -> TicketDeskError {
    TicketDeskError::Failed("take a file: it panicked".to_owned())
}

impl TicketDesk {
    /// Begins to take a file.
    ///
    /// # Errors
    /// There is no such ticket or comment, it stands against it, or they may not; or too many files are being taken.
    pub async fn attach(
        &self,
        order: AttachmentOrder,
    ) -> Result<AttachmentUpload, TicketDeskError> {
        let place = std::sync::Arc::clone(&self.means.places).try_acquire_owned();
        let place = place.map_err(|_| TicketDeskError::Overloaded)?;
        let (begun, asked) = (self.clone(), order.clone());
        let begin = async move |database: Database| {
            let mut connection = database.get().await?;
            let ticket = begun.may_attach(&mut connection, &asked).await?;
            begun.begin_file(&mut connection, &ticket).await
        };
        let begun = self.with("begin an attachment", begin).await?;
        let (chunks, received) = mpsc::channel(CHUNKS);
        let (told, taken) = oneshot::channel();
        let desk = self.clone();
        self.tasks.spawn("take an attachment", async move {
            let file = desk.take_file(order, begun, received, place).await;
            // Whoever asked may have gone.
            let _ = told.send(file);
        });
        Ok(AttachmentUpload { chunks, taken })
    }

    /// Writes down that there will be an object, before there is one.
    pub(super) async fn begin_file(
        &self,
        connection: &mut PgConnection,
        ticket: &SupportTicket,
    ) -> Result<BegunFile, TicketDeskError> {
        let id = Uuid::now_v7();
        let object = object_name(ticket.tenant_id, ticket.id, id);
        let seconds = i64::try_from(self.means.sweep_after.as_secs()).unwrap_or(i64::MAX);
        attachments::loosen(connection, vec![object.clone()], seconds).await?;
        Ok(BegunFile {
            id,
            object,
            ticket_id: ticket.id,
        })
    }

    async fn take_file(
        &self,
        mut order: AttachmentOrder,
        begun: BegunFile,
        received: mpsc::Receiver<Chunk>,
        _place: OwnedSemaphorePermit,
    ) -> Result<AddedFile, TicketDeskError> {
        let written = self.write_object(&order, &begun, received).await;
        let (whole, digest) = match written {
            Ok(written) => written,
            Err(error) => {
                self.let_go(vec![begun.object]).await;
                return Err(error);
            }
        };
        order.call = order.call.map(|call| call.with_file(&digest));
        failpoint::hit("ticket.object_written");
        let object = whole.begun.object.clone();
        let mut left = super::ATTEMPTS;
        let added = loop {
            left -= 1;
            let (order, whole) = (order.clone(), whole.clone());
            let add =
                async |connection: &mut PgConnection| self.added(connection, order, whole).await;
            match self.database.attempt(add).await {
                Err(TicketDeskError::Busy(_)) if left > 0 => {}
                done => break done,
            }
        };
        match &added {
            Ok(added) if added.is_replayed => self.let_go(vec![object]).await,
            Ok(_) => self.tell(),
            // Whether it was stored is not known: whoever sweeps finds out.
            Err(TicketDeskError::Unavailable(_) | TicketDeskError::Failed(_)) => {}
            Err(_) => self.let_go(vec![object]).await,
        }
        added
    }

    /// Writes an object as it comes; with the SHA-256 of its bytes where a key was named.
    async fn write_object(
        &self,
        order: &AttachmentOrder,
        begun: &BegunFile,
        mut received: mpsc::Receiver<Chunk>,
    ) -> Result<(WholeFile, Vec<u8>), TicketDeskError> {
        let mut digest = order.call.as_ref().map(|_| Sha256::new());
        let mut writing = self.means.objects.write(&begun.object).await?;
        let mut checked = FileCheck::default();
        loop {
            let ended = match received.recv().await {
                None => Err(FileRefusal::BrokenOff.into()),
                Some(Chunk::End) => break,
                Some(Chunk::Bytes(bytes)) => {
                    if let Some(digest) = &mut digest {
                        digest.update(&bytes);
                    }
                    self.write_part(&mut writing, &mut checked, order, bytes)
                        .await
                }
            };
            if let Err(error) = ended {
                writing.abort().await;
                return Err(error);
            }
        }
        let whole = match self.checked(&mut checked, order.declared.as_deref(), true) {
            Ok(()) => checked.content_type.unwrap_or_default(),
            Err(refusal) => {
                writing.abort().await;
                return Err(refusal.into());
            }
        };
        writing.finish().await?;
        let whole = WholeFile {
            begun: begun.clone(),
            content_type: whole,
            size: checked.size,
        };
        let digest = digest.map(|it| it.finalize().to_vec());
        Ok((whole, digest.unwrap_or_default()))
    }

    async fn write_part(
        &self,
        writing: &mut ObjectWriting,
        checked: &mut FileCheck,
        order: &AttachmentOrder,
        bytes: Bytes,
    ) -> Result<(), TicketDeskError> {
        checked.see(&bytes);
        self.checked(checked, order.declared.as_deref(), false)?;
        Ok(writing.write(bytes).await?)
    }

    /// Whether what has come of a file may be the beginning of one that is taken; or, at its end, is one.
    pub(super) fn checked(
        &self,
        checked: &mut FileCheck,
        declared: Option<&str>,
        is_end: bool,
    ) -> Result<(), FileRefusal> {
        let rules = &self.means.attachments;
        if checked.size > rules.max_bytes {
            return Err(FileRefusal::TooLarge(rules.max_bytes));
        }
        if is_end && checked.size == 0 {
            return Err(FileRefusal::Empty);
        }
        if checked.content_type.is_none() && (is_end || checked.head.len() >= HEAD_BYTES) {
            let kind = policy::media_type(declared, &checked.head, &rules.allowed_types)?;
            checked.content_type = Some(kind);
            checked.head = vec![];
        }
        Ok(())
    }

    /// Whether a file may be added to a ticket; of a ticket that is held, whether it may be now.
    async fn may_attach(
        &self,
        connection: &mut PgConnection,
        order: &AttachmentOrder,
    ) -> Result<SupportTicket, TicketDeskError> {
        let ticket = seen(connection, (order.tenant_id, order.viewer), order.name).await?;
        // What was added stands against nothing any more: neither its version nor its place.
        if !calls::is_known(connection, order.tenant_id, order.call.as_ref()).await? {
            self.attachable(connection, order, &ticket).await?;
        }
        Ok(ticket)
    }

    /// Says whether the file is for staff alone.
    async fn attachable(
        &self,
        connection: &mut PgConnection,
        order: &AttachmentOrder,
        ticket: &SupportTicket,
    ) -> Result<bool, TicketDeskError> {
        let works = order.viewer.works_for(ticket.requester_id);
        let author = order.viewer.person().or(order.author_id);
        let mut is_internal = order.is_internal;
        if is_internal && (!works || author == Some(ticket.requester_id)) {
            let why = "what is for staff alone is not added by whoever asked for the ticket";
            return Err(TicketDeskError::Forbidden(why));
        }
        if let Some(comment_id) = order.comment_id {
            let found = attachments::comment_is_internal(connection, ticket.id, comment_id).await?;
            match found {
                Some(hidden) if works || !hidden => is_internal |= hidden,
                _ => return Err(TicketDeskError::NotFound("comment")),
            }
        }
        if ticket.merged_into.is_some() {
            return Err(DeedRefusal::Merged.into());
        }
        let version = ticket.version_for(order.viewer);
        if order.version.is_some_and(|known| known != version) {
            return Err(TicketDeskError::Stale(version));
        }
        self.has_room(connection, ticket).await?;
        Ok(is_internal)
    }

    /// Whether a ticket may have one more file.
    pub(super) async fn has_room(
        &self,
        connection: &mut PgConnection,
        ticket: &SupportTicket,
    ) -> Result<(), TicketDeskError> {
        let most = self.means.attachments.max_count;
        match attachments::count(connection, ticket.id).await? < i64::from(most) {
            true => Ok(()),
            false => Err(FileRefusal::TooMany(most).into()),
        }
    }

    async fn added(
        &self,
        connection: &mut PgConnection,
        order: AttachmentOrder,
        whole: WholeFile,
    ) -> Result<AddedFile, TicketDeskError> {
        let of = (order.tenant_id, order.viewer);
        if let Some(former) = calls::begin_file(connection, of, order.call.as_ref()).await? {
            return Ok(former);
        }
        let held = tickets::hold(connection, order.tenant_id, whole.begun.ticket_id).await?;
        let ticket = held.ok_or(TicketDeskError::NotFound("ticket"))?;
        // It may have gone to somebody else meanwhile.
        if !listing::may_see(connection, order.viewer, &ticket).await? {
            return Err(TicketDeskError::NotFound("ticket"));
        }
        let is_internal = self.attachable(connection, &order, &ticket).await?;
        let author = order.viewer.person().or(order.author_id);
        let at = now();
        let file = TicketAttachment {
            id: whole.begun.id,
            tenant_id: ticket.tenant_id,
            ticket_id: ticket.id,
            comment_id: order.comment_id,
            author_id: author.unwrap_or_default(),
            name: policy::safe_name(&order.file_name),
            content_type: whole.content_type,
            size: i64::try_from(whole.size).unwrap_or(i64::MAX),
            is_internal,
            created_at: at,
        };
        let done = policy::attach(ticket, &file, (author, at))?;
        let changed = finish(connection, done, self.means.reply_addresses()).await?;
        keep(connection, &file).await?;
        let added = AddedFile {
            ticket: changed.ticket,
            file,
            is_replayed: false,
        };
        let call = order.call.as_ref();
        calls::end(connection, order.tenant_id, call, (&added).into()).await?;
        Ok(added)
    }

    /// Objects that nobody will have a row for go at once; if they cannot, later.
    pub(super) async fn let_go(&self, objects: Vec<String>) {
        let removed = async {
            for object in &objects {
                self.means.objects.remove(object).await?;
            }
            let mut connection = self.database.get().await?;
            attachments::keep(&mut connection, objects).await?;
            Ok::<_, TicketDeskError>(())
        };
        if let Err(why) = removed.await {
            tracing::warn!(%why, "an object that no ticket has is removed later");
        }
    }
}
