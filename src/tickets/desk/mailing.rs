//! Mails become comments: of whoever may speak by them, else for staff alone.

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::doing::finish;
use super::file_check::{BegunFile, FileCheck, WholeFile, keep};
use super::seeing::now;
use super::{TicketDesk, TicketDeskError};
use crate::runtime::failpoint;
use crate::store::{Database, PgConnection};
use crate::tickets::domain::{
    FileRefusal, InboundMail, MailFile, MailPart, NewComment, StaffRole, SupportTicket,
    TicketAttachment, TicketName, TicketViewer,
};
use crate::tickets::mail;
use crate::tickets::policy;
use crate::tickets::store::{attachments, listing, mails, staff, tickets};

/// Longest text of a comment, in characters.
const TEXT_CHARS: usize = 100_000;
/// Mergers that are followed.
const MERGERS: usize = 10;
/// Of so many times as many mails as may be told of within an hour, nothing is kept.
const FLOOD: i64 = 10;
/// Longest address that is repeated, in characters.
const ADDRESS_CHARS: usize = 320;
/// Longest name of a file in a comment, in characters.
const NAME_CHARS: usize = 100;

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTaken {
    /// It is a comment of whoever sent it.
    Told,
    /// A machine wrote it, or too many came: it is kept, and nobody is told.
    Quiet,
    /// It is a comment for staff alone: nobody of the ticket sent it.
    OfStranger,
    /// It was taken before.
    Known,
    /// Too many came.
    Flood,
    /// The ticket is not there any more.
    Gone,
}

/// A mail, and the ticket that it is to.
#[derive(Debug, Clone)]
pub struct AddressedMail {
    /// Whose desk.
    pub tenant_id: Uuid,
    /// Which ticket.
    pub ticket_id: Uuid,
    /// The mail.
    pub mail: InboundMail,
}

/// Files of a mail: those whose objects are whole, and what is said of the others.
#[derive(Debug, Default, Clone)]
struct MailFiles {
    whole: Vec<(WholeFile, String)>,
    refused: Vec<String>,
}

impl MailFiles {
    fn objects(&self) -> Vec<String> {
        let whole = self.whole.iter();
        whole.map(|(file, _)| file.begun.object.clone()).collect()
    }
}

impl TicketDesk {
    /// Whether a secret is that of whoever may hand mails over; `None`: mails are not taken.
    #[must_use]
    pub fn hands_mail_over(&self, secret: &str) -> Option<bool> {
        let mail = self.means.mail.as_ref()?;
        Some(mail.is_secret(secret))
    }

    /// Most bytes of a mail.
    #[must_use]
    pub fn most_mail_bytes(&self) -> usize {
        self.means.mail.as_ref().map_or(0, |mail| mail.max_bytes)
    }

    /// Leave to hold a mail in memory; `None`: too many are.
    #[must_use]
    pub fn mail_leave(&self) -> Option<OwnedSemaphorePermit> {
        let places = &self.means.mail.as_ref()?.places;
        std::sync::Arc::clone(places).try_acquire_owned().ok()
    }

    /// Reads a mail, and finds the ticket that it is to. `Ok(None)`: no mail; a mail to none of our addresses is to
    /// nobody.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn read_mail(
        &self,
        parts: Vec<MailPart>,
    ) -> Result<Option<(InboundMail, Option<(Uuid, Uuid)>)>, TicketDeskError> {
        let Some(means) = self.means.mail.clone() else {
            return Ok(None);
        };
        let work = async move |database: Database| {
            let reader = means.reader;
            let read = tokio::task::spawn_blocking(move || mail::read(parts, &reader)).await;
            let read = read.map_err(|error| TicketDeskError::Failed(error.to_string()))?;
            let Some(mail) = read else { return Ok(None) };
            let mut to = mail.recipients.iter();
            let ticket = to.find_map(|it| means.addresses.ticket(it));
            let Some(ticket) = ticket else {
                return Ok(Some((mail, None)));
            };
            let tenant = tickets::tenant_of(&mut *database.get().await?, ticket).await?;
            Ok(Some((mail, tenant.map(|tenant| (tenant, ticket)))))
        };
        self.with("read a mail", work).await
    }

    /// Takes a mail of somebody whom the address that it says belongs to, if anybody.
    ///
    /// # Errors
    /// It was not taken, and is to be handed over again.
    pub async fn take_mail(
        &self,
        addressed: AddressedMail,
        person: Option<Uuid>,
    ) -> Result<MailTaken, TicketDeskError> {
        let desk = self.clone();
        let work = async move |_: Database| {
            let mut left = super::ATTEMPTS;
            loop {
                left -= 1;
                match desk.taken(&addressed, person).await {
                    Err(TicketDeskError::Busy(_)) if left > 0 => {}
                    done => return done,
                }
            }
        };
        let taken = self.with("take a mail", work).await?;
        failpoint::hit("ticket.mailed");
        self.tell();
        Ok(taken)
    }

    async fn taken(
        &self,
        addressed: &AddressedMail,
        person: Option<Uuid>,
    ) -> Result<MailTaken, TicketDeskError> {
        let identity = &addressed.mail.identity;
        let (ticket, begun) = {
            let mut connection = self.database.get().await?;
            if mails::is_known(&mut connection, addressed.tenant_id, identity).await? {
                return Ok(MailTaken::Known);
            }
            let Some(ticket) = self.goes_on(&mut connection, addressed).await? else {
                return Ok(MailTaken::Gone);
            };
            let mut begun = vec![];
            for _ in &addressed.mail.files {
                begun.push(self.begin_file(&mut connection, &ticket).await?);
            }
            (ticket, begun)
        };
        let files = self.write_files(&addressed.mail.files, begun).await?;
        failpoint::hit("ticket.object_written");
        let objects = files.objects();
        let write = async |connection: &mut PgConnection| {
            self.mailed(connection, addressed, (ticket.id, person), files)
                .await
        };
        let taken = self.database.attempt(write).await;
        if !matches!(
            taken,
            Ok(MailTaken::Told | MailTaken::Quiet | MailTaken::OfStranger)
                | Err(TicketDeskError::Unavailable(_) | TicketDeskError::Failed(_))
        ) {
            self.let_go(objects).await;
        }
        taken
    }

    /// The ticket, or the one that goes on with it.
    async fn goes_on(
        &self,
        connection: &mut PgConnection,
        addressed: &AddressedMail,
    ) -> Result<Option<SupportTicket>, TicketDeskError> {
        let mut id = addressed.ticket_id;
        for _ in 0..MERGERS {
            let name = TicketName::Id(id);
            let found = tickets::find(connection, addressed.tenant_id, name).await?;
            match found {
                Some(ticket) => match ticket.merged_into {
                    Some(into) => id = into,
                    None => return Ok(Some(ticket)),
                },
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Writes the objects of files that are taken; the others are named.
    async fn write_files(
        &self,
        files: &[MailFile],
        begun: Vec<BegunFile>,
    ) -> Result<MailFiles, TicketDeskError> {
        let mut written = MailFiles::default();
        for (file, begun) in files.iter().zip(begun) {
            let name = policy::safe_name(&file.name);
            let mut check = FileCheck::default();
            check.see(&file.bytes);
            match self.checked(&mut check, file.kind.as_deref(), true) {
                Ok(()) => {
                    let object = &begun.object;
                    let bytes = Bytes::copy_from_slice(&file.bytes);
                    let mut writing = self.means.objects.write(object).await?;
                    writing.write(bytes).await?;
                    writing.finish().await?;
                    let whole = WholeFile {
                        begun,
                        content_type: check.content_type.unwrap_or_default(),
                        size: check.size,
                    };
                    written.whole.push((whole, name));
                }
                Err(refusal) => {
                    written.refused.push(refused(&name, &refusal));
                    self.let_go(vec![begun.object]).await;
                }
            }
        }
        Ok(written)
    }

    async fn mailed(
        &self,
        connection: &mut PgConnection,
        addressed: &AddressedMail,
        (ticket_id, person): (Uuid, Option<Uuid>),
        mut files: MailFiles,
    ) -> Result<MailTaken, TicketDeskError> {
        let tenant_id = addressed.tenant_id;
        let Some(ticket) = tickets::hold(connection, tenant_id, ticket_id).await? else {
            return Ok(MailTaken::Gone);
        };
        if ticket.merged_into.is_some() {
            let why = "the ticket was merged while a mail to it was taken";
            return Err(TicketDeskError::Busy(why.to_owned()));
        }
        let mail = &addressed.mail;
        let works = works_on(connection, &ticket, person).await?;
        let speaker = policy::speaker(person, &ticket, works, mail.proof);
        let sender = speaker.unwrap_or_default();
        let most = self.means.mail.as_ref().map_or(0, |mail| mail.per_hour);
        let recent = mails::recent(connection, ticket.id, sender).await?;
        if recent >= most.saturating_mul(FLOOD) {
            return Ok(MailTaken::Flood);
        }
        let whose = (tenant_id, ticket.id);
        if !mails::note(connection, whose, sender, &mail.identity).await? {
            return Ok(MailTaken::Known);
        }
        self.make_room(connection, &ticket, &mut files).await?;
        let is_automatic = mail.is_automatic || recent >= most;
        let comment = NewComment {
            id: Uuid::now_v7(),
            author_id: sender,
            comment: text(mail, speaker.is_none(), &files.refused),
            is_internal: speaker.is_none(),
            is_automatic,
            is_of_stranger: speaker.is_none(),
            mail_from: match speaker {
                Some(_) => None,
                None => mail
                    .from
                    .clone()
                    .filter(|it| it.chars().count() <= ADDRESS_CHARS),
            },
        };
        let at = now();
        let files = rows(&ticket, &comment, files, at);
        let done = policy::comment(ticket, comment, at)?.with_files(&files, (speaker, at));
        finish(connection, done, self.means.reply_addresses()).await?;
        for file in &files {
            keep(connection, file).await?;
        }
        Ok(match (speaker, is_automatic) {
            (_, true) => MailTaken::Quiet,
            (None, false) => MailTaken::OfStranger,
            (Some(_), false) => MailTaken::Told,
        })
    }

    /// Leaves out what the ticket has no room for.
    async fn make_room(
        &self,
        connection: &mut PgConnection,
        ticket: &SupportTicket,
        files: &mut MailFiles,
    ) -> Result<(), TicketDeskError> {
        let most = self.means.attachments.max_count;
        let there = attachments::count(connection, ticket.id).await?;
        let room = usize::try_from(i64::from(most).saturating_sub(there)).unwrap_or_default();
        let over = files.whole.split_off(room.min(files.whole.len()));
        let named = over.iter();
        let named = named.map(|(_, name)| refused(name, &FileRefusal::TooMany(most)));
        files.refused.extend(named);
        Ok(())
    }
}

fn refused(name: &str, refusal: &FileRefusal) -> String {
    let name: String = name.chars().take(NAME_CHARS).collect();
    format!("{name}: {refusal}")
}

/// Whether somebody works on a ticket, so that they answer its requester.
async fn works_on(
    connection: &mut PgConnection,
    ticket: &SupportTicket,
    person: Option<Uuid>,
) -> Result<bool, TicketDeskError> {
    let Some(person) = person else {
        return Ok(false);
    };
    let found = staff::find(connection, ticket.tenant_id, person).await?;
    let role = found.filter(|it| it.is_active).map(|it| it.role);
    let viewer = match role {
        None => return Ok(false),
        Some(StaffRole::Agent) => TicketViewer::Agent(person),
        Some(StaffRole::Lead | StaffRole::Admin) => TicketViewer::Lead(person),
    };
    Ok(listing::may_see(connection, viewer, ticket).await?)
}

/// What the comment says: what is new in the mail, and what was not taken of it.
fn text(mail: &InboundMail, is_of_stranger: bool, refused: &[String]) -> String {
    let new = policy::without_quotes(&mail.text);
    let mut text: String = new.chars().take(TEXT_CHARS).collect();
    if text.len() < new.len() {
        text.push_str("\n\n[The mail goes on: the rest was too long.]");
    }
    if text.is_empty() {
        text.push_str("[The mail has no text.]");
    }
    if is_of_stranger {
        let from = mail
            .from
            .as_deref()
            .unwrap_or("an address that cannot be read");
        let from = from.chars().filter(|c| !c.is_control());
        let from: String = from.take(ADDRESS_CHARS).collect();
        text = format!("[A mail of {from}, who is not known to be of this ticket.]\n\n{text}");
    }
    if !refused.is_empty() {
        text.push_str("\n\n[Not taken:\n");
        text.push_str(&refused.join("\n"));
        text.push(']');
    }
    text
}

/// The rows of files that came with a comment.
fn rows(
    ticket: &SupportTicket,
    comment: &NewComment,
    files: MailFiles,
    at: jiff::Timestamp,
) -> Vec<TicketAttachment> {
    let row = |(whole, name): (WholeFile, String)| TicketAttachment {
        id: whole.begun.id,
        tenant_id: ticket.tenant_id,
        ticket_id: ticket.id,
        comment_id: Some(comment.id),
        author_id: comment.author_id,
        name,
        content_type: whole.content_type,
        size: i64::try_from(whole.size).unwrap_or(i64::MAX),
        is_internal: comment.is_internal,
        created_at: at,
    };
    files.whole.into_iter().map(row).collect()
}
