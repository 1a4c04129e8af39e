//! What a person does with something in their inbox.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::shown::ShownInboxItem;
use super::{TAG_CHARS, TAGS, id_of};
use crate::api::authority::Person;
use crate::api::body;
use crate::api::fields::SentFields;
use crate::api::page::Query;
use crate::api::parameters::{moment, plain};
use crate::api::problem::Problem;
use crate::api::reading::json;
use crate::domain::inbox::{InboxDeed, InboxState, LONGEST_SNOOZE, SHORTEST_SNOOZE};
use crate::ops::control::Desks;
use crate::runtime::clock;

/// Largest body.
const MOST_BYTES: usize = 1_024;

/// When it is to come back.
#[derive(ToSchema)]
#[schema(as = Snooze)]
#[expect(dead_code, reason = "it describes what `snooze` reads")]
pub(super) struct AskedSnooze {
    /// Then: 3 minutes to 90 days from now; this or `for`.
    until: Option<Timestamp>,
    /// After that time: `30m`, `24h`; this or `until`.
    #[schema(example = "24h")]
    r#for: Option<String>,
}

/// How many were changed.
#[derive(Serialize, ToSchema)]
#[schema(as = InboxChanged)]
pub(super) struct ShownInboxChanged {
    /// So many were not so before.
    changed: u64,
}

/// Does something, and answers what it is about.
pub(super) async fn act(
    who: &Person,
    desks: &Desks,
    id: Uuid,
    deed: InboxDeed,
) -> Result<HttpResponse, Problem> {
    let entry = desks
        .inbox
        .act((who.tenant_id, who.user_id), id, deed)
        .await?;
    json(&ShownInboxItem::from(&entry))
}

/// Puts something off.
pub(super) async fn snooze(
    who: Person,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let until = end(&mut sent, clock::now());
    let until = sent.finish(until)?;
    act(&who, &desks, id, InboxDeed::Snooze(until)).await
}

/// When it is to come back: said as a moment, or as a time from now.
fn end(sent: &mut SentFields, now: Timestamp) -> Option<Timestamp> {
    let why = || {
        "3 minutes to 90 days from now: a moment in `until`, or a time as `30m` or `24h` in `for`"
            .to_owned()
    };
    let in_range = |until: &Timestamp| {
        let left = until.duration_since(now);
        (SHORTEST_SNOOZE..=LONGEST_SNOOZE).contains(&left)
    };
    let until = sent.text("until", |text| {
        let until = text.parse::<Timestamp>().ok();
        until.filter(in_range).ok_or_else(why)
    });
    let span = sent.text("for", |text| {
        let span = text.parse::<SignedDuration>().ok();
        let until = span.and_then(|span| now.checked_add(span).ok());
        until.filter(in_range).ok_or_else(why)
    });
    if until.is_some() && span.is_some() {
        sent.wrong(&["for"], "invalid", "`until` or `for`, and not both");
    }
    match sent.has_wrong(&["until", "for"]) {
        true => None,
        false => sent.required("until", until.or(span)),
    }
}

/// Deletes something; it can be restored.
pub(super) async fn delete(
    who: Person,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    act(&who, &desks, id_of(&id)?, InboxDeed::Delete).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Presses a button.
pub(super) async fn press(
    who: Person,
    desks: Data<Desks>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, action) = path.into_inner();
    act(&who, &desks, id_of(&id)?, InboxDeed::Press(action)).await
}

/// Takes that back.
pub(super) async fn release(
    who: Person,
    desks: Data<Desks>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, action) = path.into_inner();
    act(&who, &desks, id_of(&id)?, InboxDeed::Release(action)).await
}

/// Says this of everything up to a time.
pub(super) async fn all(
    who: &Person,
    request: &HttpRequest,
    desks: &Desks,
    state: InboxState,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::with_lists(request, &["tag"]);
    let until = query.text("until", moment);
    let tags = query.texts("tag", TAGS, tag);
    let (until, tags) = query.finish((until, tags))?;
    let whose = (who.tenant_id, who.user_id);
    let changed = desks.inbox.all(whose, state, until, tags).await?;
    Ok(HttpResponse::Ok().json(ShownInboxChanged { changed }))
}

/// A tag that may be one.
pub(super) fn tag(text: &str) -> Result<String, String> {
    let tag = plain(text)?;
    match tag.chars().count() <= TAG_CHARS {
        true => Ok(tag),
        false => Err(format!("a tag has at most {TAG_CHARS} characters")),
    }
}
