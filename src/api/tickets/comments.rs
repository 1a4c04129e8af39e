//! `/v1/tickets/{id}/comments`: the conversation.

use actix_web::http::header::ETAG;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::ToSchema;
use uuid::Uuid;

use super::MOST_BYTES;
use super::asked::{self, TEXT_CHARS, prose};
use super::shown::ShownComment;
use super::who::{self, TicketCaller};
use crate::api::accept::described_key;
use crate::api::authority::KeyOrPerson;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::parameters::words;
use crate::api::problem::Problem;
use crate::domain::{ApiAction, ApiResource, OwnResource};
use crate::tickets::desk::{OrderedDeed, StoredComment, TicketChange, TicketDesk};

/// A comment that is to be written.
#[derive(ToSchema)]
#[schema(as = NewTicketComment)]
#[expect(dead_code, reason = "it describes what `create` reads")]
struct AskedComment {
    /// Who writes. A person with a user token writes themselves, and need not say it.
    #[schema(example = "0190c1a0-0000-7000-8000-000000000002")]
    author_id: Uuid,
    /// What they write.
    #[schema(max_length = 100_000, example = "We have put the fire out.")]
    comment: String,
    /// Whether it is for staff alone: neither shown nor told to whoever asked, on any way.
    internal: Option<bool>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Tickets;
    vec![
        Endpoint::get("/v1/tickets/{id}/comments", list)
            .named("listTicketComments", "The conversation, the eldest first")
            .details("Whoever asked does not see what is for staff alone.")
            .scope(Tickets, Read)
            .or_self(OwnResource::Tickets, Read)
            .page::<ShownComment<'_>>("comments"),
        Endpoint::post("/v1/tickets/{id}/comments", create)
            .named("createTicketComment", "Writes a comment")
            .details(
                "What its requester writes ends the waiting of a ticket, and opens again what was over. What \
                 anybody else writes answers them.",
            )
            .scope(Tickets, Write)
            .or_self(OwnResource::Tickets, Write)
            .body::<AskedComment>()
            .problem(403, "staff_only")
            .problem(409, "ticket_merged")
            .problem(412, "changed_meanwhile")
            .header("If-Match", super::IF_MATCH, words(64))
            .header("Idempotency-Key", who::KEYED, described_key())
            .problem(422, "idempotency_key_reused")
            .answers::<ShownComment<'_>>(201, "the comment"),
    ]
}

async fn list(
    who: KeyOrPerson,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = (name.as_str(), "comments");
    let (caller, name, page) = who::list_of((&who, &request), &desk, of).await?;
    let comments = desk.comments(caller.of_whom(), name, page.after, page.limit + 1);
    let comments = comments.await?;
    let entries = comments.iter();
    let entries = entries.map(|it| (it.comment.id, ShownComment::from(it)));
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
    if caller.viewer.person().is_some() {
        // What is not theirs is not there, whatever they write.
        desk.get(caller.of_whom(), name).await?;
    }
    let version = who::version(&request)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let call = who::call(&caller, &request, &sent)?;
    let author_id = sent.text("author_id", asked::person);
    let author_id = match caller.viewer.person() {
        Some(own) => {
            if author_id.is_some_and(|said| said != own) {
                let why = "a person writes for themselves: leave it out";
                sent.wrong(&["author_id"], "invalid", why);
            }
            Some(own)
        }
        None => sent.required("author_id", author_id),
    };
    let comment = sent.text("comment", |text| prose(text, TEXT_CHARS));
    let comment = sent.required("comment", comment);
    if sent.is_null("internal") {
        // Whoever forgot to say it may have meant what must not be shown.
        sent.wrong(&["internal"], "wrong_type", "true or false is expected");
    }
    let is_internal = sent.flag("internal").unwrap_or(false);
    let (author_id, comment) = sent.finish(author_id.zip(comment))?;
    let deed = OrderedDeed::Comment {
        author_id: Some(author_id),
        comment,
        is_internal,
        is_automatic: false,
    };
    let change = TicketChange {
        call,
        ..caller.change(name, None, version, deed)
    };
    let changed = desk.change(change).await?;
    let Some(comment) = changed.comment else {
        return Err(Problem::internal());
    };
    let stored = StoredComment {
        ticket_id: changed.ticket.id,
        at: changed.written_at.unwrap_or(changed.ticket.updated_at),
        comment,
    };
    Ok(
        who::marked(HttpResponse::Created(), &request, changed.is_replayed)
            .insert_header((
                ETAG,
                format!("\"{}\"", changed.ticket.version_for(caller.viewer)),
            ))
            .json(ShownComment::from(&stored)),
    )
}
