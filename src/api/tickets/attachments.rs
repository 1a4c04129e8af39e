//! `/v1/tickets/{id}/attachments`: files, taken a part at a time; and `/files/{token}`, where they are read.

mod ranges;
mod reading;
mod sending;

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use self::sending::SentFile;
use super::asked;
use super::who::{self, TicketCaller};
use crate::api::accept::described_key;
use crate::api::authority::KeyOrPerson;
use crate::api::endpoint::{Endpoint, OtherBody};
use crate::api::page::Query;
use crate::api::parameters::{flag, id, one_of, uuid, words};
use crate::api::problem::Problem;
use crate::api::server_settings::ServerSettings;
use crate::domain::{ApiAction, ApiResource, OwnResource};
use crate::tickets::desk::{AttachmentOrder, MadeFileLink, TicketDesk};
use crate::tickets::domain::TicketAttachment;

/// Longest name that is looked at, in characters: of a longer one the end is cut.
const NAME_CHARS: usize = 1_000;

/// A file of a ticket.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketAttachment)]
struct ShownAttachment<'a> {
    /// Its id.
    id: Uuid,
    /// Of which ticket.
    ticket_id: Uuid,
    /// The comment that it came with.
    comment_id: Option<Uuid>,
    /// Who added it.
    author_id: Uuid,
    /// A name that no system takes for anything but a name.
    #[schema(example = "bill.pdf")]
    name: &'a str,
    /// What its first bytes say that it is, as far as they say anything.
    #[schema(example = "application/pdf")]
    content_type: &'a str,
    /// In bytes.
    size: i64,
    /// Whether it is for staff alone.
    internal: bool,
    /// When it was added.
    created_at: Timestamp,
    /// Where whoever has this address reads it, for some minutes; null in lists and where it was just added.
    url: Option<String>,
    /// Until when they do.
    url_expires_at: Option<Timestamp>,
}

impl<'a> ShownAttachment<'a> {
    fn of(file: &'a TicketAttachment, link: Option<(String, Timestamp)>) -> Self {
        let (url, url_expires_at) = link.unzip();
        Self {
            id: file.id,
            ticket_id: file.ticket_id,
            comment_id: file.comment_id,
            author_id: file.author_id,
            name: &file.name,
            content_type: &file.content_type,
            size: file.size,
            internal: file.is_internal,
            created_at: file.created_at,
            url,
            url_expires_at,
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Tickets;
    let internal =
        "`true`: it is for staff alone, as what is added to an internal comment always is";
    vec![
        Endpoint::get("/v1/tickets/{id}/attachments", list)
            .named("listTicketAttachments", "The files of a ticket, the eldest first")
            .details("Whoever asked does not see what is for staff alone.")
            .scope(Tickets, Read)
            .or_self(OwnResource::Tickets, Read)
            .page::<ShownAttachment<'_>>("files"),
        Endpoint::post("/v1/tickets/{id}/attachments", create)
            .named("createTicketAttachment", "Adds a file to a ticket")
            .details(
                "As a form with one part, `file`; or as it is, with its `Content-Type` and the parameter `filename`. \
                 It is taken as it comes, and is there once all of it is.",
            )
            .scope(Tickets, Write)
            .or_self(OwnResource::Tickets, Write)
            .query("author_id", "who adds it; a person with a user token adds it themselves", id())
            .query("comment_id", "the comment that it belongs to", id())
            .query("internal", internal, one_of(&[true, false]))
            .query("filename", "what it is called, where it is not sent as a form", words(NAME_CHARS))
            .header("If-Match", super::IF_MATCH, words(64))
            .header("Idempotency-Key", who::KEYED, described_key())
            .other_bodies(&[
                ("multipart/form-data", OtherBody::FileForm),
                ("application/octet-stream", OtherBody::Bytes),
            ])
            .problem(400, "malformed_form")
            .problem(403, "staff_only")
            .problem(408, "timeout")
            .problem(409, "ticket_merged")
            .problem(409, "too_many_attachments")
            .problem(412, "changed_meanwhile")
            .problem(413, "too_large")
            .problem(415, "unsupported_media_type")
            .problem(422, "empty_file")
            .problem(422, "idempotency_key_reused")
            .problem(422, "invalid_body")
            .problem(503, "overloaded")
            .answers::<ShownAttachment<'_>>(201, "the file"),
        Endpoint::get("/v1/tickets/{id}/attachments/{attachment}", get)
            .named("getTicketAttachment", "One file of a ticket, with a link to it")
            .details("The link is good for some minutes (`tickets.attachments.link_lifetime`), for whoever has it.")
            .scope(Tickets, Read)
            .or_self(OwnResource::Tickets, Read)
            .answers::<ShownAttachment<'_>>(200, "the file"),
        Endpoint::delete("/v1/tickets/{id}/attachments/{attachment}", remove)
            .named("deleteTicketAttachment", "Removes a file of a ticket")
            .details("Whoever added it may, and those who work on the ticket.")
            .scope(Tickets, Write)
            .or_self(OwnResource::Tickets, Write)
            .query("actor_id", "who removes it, where a server asks", id())
            .problem(403, "staff_only")
            .problem(409, "ticket_merged")
            .answers_other(204, "it is gone", None),
        reading::endpoint(),
    ]
}

async fn list(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = (name.as_str(), "attachments");
    let (caller, name, page) = who::list_of((&who, &request), &desk, of).await?;
    let files = desk.attachments(caller.of_whom(), name, page.after, page.limit + 1);
    let files = files.await?;
    let entries = files.iter();
    let entries = entries.map(|it| (it.id, ShownAttachment::of(it, None)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

async fn create(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let name = who::named(&name)?;
    // What is not theirs is not there, whatever they send.
    desk.get(caller.of_whom(), name).await?;
    let version = who::version(&request)?;
    let mut query = Query::of(&request);
    let author_id = actor(&mut query, "author_id", &caller);
    if author_id.is_none() && caller.viewer.person().is_none() {
        query.wrong("author_id", "required", "say who adds it");
    }
    let comment_id = query.text("comment_id", uuid);
    let is_internal = query.text("internal", flag).unwrap_or(false);
    let file_name = query.text("filename", |text| Ok(text.to_owned()));
    query.finish(())?;
    let mut sent = SentFile::of(&request, payload, file_name).await?;
    let order = AttachmentOrder {
        tenant_id: caller.tenant_id,
        name,
        viewer: caller.viewer,
        author_id,
        version,
        comment_id,
        is_internal,
        file_name: sent.name().chars().take(NAME_CHARS).collect(),
        declared: sent.kind(),
        call: who::file_call(&caller, &request, sent.name())?,
    };
    let mut upload = desk.attach(order).await?;
    while let Some(bytes) = sent.next().await? {
        upload.write(bytes).await?;
    }
    let added = upload.finish().await?;
    let place = format!(
        "/v1/tickets/{}/attachments/{}",
        added.file.ticket_id, added.file.id
    );
    let version = added.ticket.version_for(caller.viewer);
    Ok(
        who::marked(HttpResponse::Created(), &request, added.is_replayed)
            .insert_header((LOCATION, place))
            .insert_header((ETAG, format!("\"{version}\"")))
            .json(ShownAttachment::of(&added.file, None)),
    )
}

async fn get(
    who: KeyOrPerson,
    desk: Data<TicketDesk>,
    settings: Data<ServerSettings>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let (name, id) = (who::named(&path.0)?, file_id(&path.1)?);
    let (file, link) = desk.attachment(caller.of_whom(), name, id).await?;
    let link = shown(&link, &settings);
    Ok(HttpResponse::Ok().json(ShownAttachment::of(&file, Some(link))))
}

async fn remove(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let caller = TicketCaller::of(&who, &desk).await?;
    let (name, id) = (who::named(&path.0)?, file_id(&path.1)?);
    let mut query = Query::of(&request);
    let actor_id = actor(&mut query, "actor_id", &caller);
    let actor_id = query.finish(actor_id)?;
    desk.detach(caller.of_whom(), (name, id), actor_id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Whom a server names; a person does it themselves.
fn actor(query: &mut Query, name: &str, caller: &TicketCaller) -> Option<Uuid> {
    let said = query.text(name, asked::person);
    let own = caller.viewer.person();
    if own.is_some() && said.is_some() && said != own {
        query.wrong(name, "invalid", "a person does it themselves: leave it out");
    }
    own.or(said)
}

fn file_id(text: &str) -> Result<Uuid, Problem> {
    Uuid::parse_str(text).map_err(|_| Problem::not_found("attachment"))
}

/// The address of a file; below ours, if others were told of one.
fn shown(link: &MadeFileLink, settings: &ServerSettings) -> (String, Timestamp) {
    let base = settings.public_url.as_deref().unwrap_or_default();
    let url = format!("{}/files/{}", base.trim_end_matches('/'), link.token);
    (url, link.until)
}
