//! `/v1/inbox`: a person's own inbox, opened by their user token.

mod deeds;
mod shown;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use uuid::Uuid;

pub(in crate::api) use self::shown::{ShownInboxCounts, ShownInboxItem};

use self::deeds::{AskedSnooze, ShownInboxChanged};
use super::authority::Person;
use super::endpoint::Endpoint;
use super::page::Query;
use super::parameters::{one_of, time, word, words};
use super::problem::Problem;
use super::reading::json;
use super::things;
use crate::domain::inbox::{InboxDeed, InboxFilter, InboxState};
use crate::domain::{ApiAction, OwnResource, TimePlace};
use crate::ops::control::{Desks, InboxList};

/// Longest tag, in characters.
const TAG_CHARS: usize = 64;
/// Most tags of one request.
const TAGS: usize = 10;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut all = reading();
    all.extend(states());
    all.extend(more());
    all
}

fn reading() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/inbox", list)
            .named("listInbox", "What is in a person's inbox, the newest first")
            .details("Without `filter`: what is not archived. What is snoozed, deleted or expired is in no other list.")
            .person(OwnResource::Inbox, ApiAction::Read)
            .query("filter", "which part", one_of(InboxFilter::ALL))
            .query("tag", "with this tag; several: with one of them", tags())
            .page::<ShownInboxItem<'_>>("notifications in the inbox"),
        Endpoint::get("/v1/inbox/counts", counts)
            .named("countInbox", "How many are not seen, and not read")
            .person(OwnResource::Inbox, ApiAction::Read)
            .answers::<ShownInboxCounts>(200, "the counts"),
        Endpoint::get("/v1/inbox/{id}", get)
            .named("getFromInbox", "One of them")
            .person(OwnResource::Inbox, ApiAction::Read)
            .answers::<ShownInboxItem<'_>>(200, "what is in the inbox"),
    ]
}

/// One that changes something, and answers what it is about.
fn deed(endpoint: Endpoint, name: &'static str, summary: &'static str) -> Endpoint {
    endpoint
        .named(name, summary)
        .person(OwnResource::Inbox, ApiAction::Write)
        .problem(409, "snoozed")
        .answers::<ShownInboxItem<'_>>(200, "it, as it is now")
}

fn states() -> Vec<Endpoint> {
    use InboxState::{Archived, Read, Seen};
    macro_rules! all_of {
        ($path:literal, $state:expr, $name:literal, $summary:literal) => {
            Endpoint::post($path, |who: Person, request: HttpRequest, desks: Data<Desks>| async move {
                deeds::all(&who, &request, &desks, $state).await
            })
            .named($name, $summary)
            .details("Without `until`: everything that is there now. Nothing that comes later is touched.")
            .person(OwnResource::Inbox, ApiAction::Write)
            .query("until", "delivered until then", time())
            .query("tag", "with this tag; several: with one of them", tags())
            .answers::<ShownInboxChanged>(200, "how many were changed")
        };
    }
    macro_rules! one {
        ($method:ident, $path:literal, $deed:expr) => {
            Endpoint::$method(
                $path,
                |who: Person, desks: Data<Desks>, id: Path<String>| async move {
                    deeds::act(&who, &desks, id_of(&id)?, $deed).await
                },
            )
        };
    }
    vec![
        deed(
            one!(put, "/v1/inbox/{id}/seen", InboxDeed::Set(Seen)),
            "seeInInbox",
            "It was shown to the person",
        ),
        deed(
            one!(delete, "/v1/inbox/{id}/seen", InboxDeed::Undo(Seen)),
            "unseeInInbox",
            "Takes that back; and that it was read",
        ),
        deed(
            one!(put, "/v1/inbox/{id}/read", InboxDeed::Set(Read)),
            "readInInbox",
            "The person has read it, and thus seen it",
        ),
        deed(
            one!(delete, "/v1/inbox/{id}/read", InboxDeed::Undo(Read)),
            "unreadInInbox",
            "Takes that back",
        ),
        deed(
            one!(put, "/v1/inbox/{id}/archived", InboxDeed::Set(Archived)),
            "archiveInInbox",
            "Puts it into the archive",
        ),
        deed(
            one!(delete, "/v1/inbox/{id}/archived", InboxDeed::Undo(Archived)),
            "unarchiveInInbox",
            "Takes it out of the archive",
        ),
        deed(
            one!(delete, "/v1/inbox/{id}/snooze", InboxDeed::EndSnooze),
            "endSnoozeInInbox",
            "It is there again, as it was",
        ),
        deed(
            one!(put, "/v1/inbox/{id}/restore", InboxDeed::Restore),
            "restoreInInbox",
            "It is no longer deleted",
        ),
        all_of!(
            "/v1/inbox/seen-all",
            Seen,
            "seeAllInInbox",
            "All was shown to the person"
        ),
        all_of!(
            "/v1/inbox/read-all",
            Read,
            "readAllInInbox",
            "The person has read all"
        ),
        all_of!(
            "/v1/inbox/archive-all",
            Archived,
            "archiveAllInInbox",
            "Puts all into the archive"
        ),
    ]
}

fn more() -> Vec<Endpoint> {
    vec![
        deed(
            Endpoint::put("/v1/inbox/{id}/snooze", deeds::snooze),
            "snoozeInInbox",
            "It is gone, and comes back at a time, unread and on top",
        )
        .body::<AskedSnooze>(),
        Endpoint::delete("/v1/inbox/{id}", deeds::delete)
            .named("deleteFromInbox", "Deletes it; it can be restored")
            .person(OwnResource::Inbox, ApiAction::Write)
            .answers_other(204, "it is gone", None),
        deed(
            Endpoint::post("/v1/inbox/{id}/actions/{action}", deeds::press),
            "pressInInbox",
            "Presses a button",
        ),
        deed(
            Endpoint::delete("/v1/inbox/{id}/actions/{action}", deeds::release),
            "releaseInInbox",
            "Takes that back",
        ),
    ]
}

/// The schema of a list of tags.
fn tags() -> RefOr<Schema> {
    let tags = ArrayBuilder::new().items(words(TAG_CHARS));
    RefOr::T(tags.max_items(Some(TAGS)).build().into())
}

/// What is in the inbox.
async fn list(
    who: Person,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::with_lists(&request, &["tag"]);
    let filter = query.text("filter", word::<InboxFilter>);
    let tags = query.texts("tag", TAGS, deeds::tag);
    let page = query.page::<TimePlace>("inbox", Some(who.user_id));
    let (filter, tags, page) = query.finish((filter, tags, page))?;
    let whose = (who.tenant_id, who.user_id);
    let list = InboxList { filter, tags };
    let found = desks
        .inbox
        .page(whose, list, page.after, page.limit)
        .await?;
    let shown = found.entries.iter().map(ShownInboxItem::from).collect();
    json(&page.answer_to(shown, found.next.as_ref()))
}

/// How many there are.
async fn counts(who: Person, desks: Data<Desks>) -> Result<HttpResponse, Problem> {
    let counts = desks.inbox.counts((who.tenant_id, who.user_id)).await?;
    Ok(HttpResponse::Ok().json(ShownInboxCounts::from(counts)))
}

/// One of them.
async fn get(who: Person, desks: Data<Desks>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let entry = desks
        .inbox
        .get((who.tenant_id, who.user_id), id_of(&id)?)
        .await?;
    json(&ShownInboxItem::from(&entry))
}

/// What is no UUID is nothing in an inbox.
fn id_of(id: &str) -> Result<Uuid, Problem> {
    things::id_of(id, "notification in this inbox")
}
