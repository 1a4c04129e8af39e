//! `/v1/notifications`, looked at.

mod shown;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use self::shown::{ListedNotification, ShownContent, ShownNotification};
use super::authority::Authority;
use super::endpoint::Endpoint;
use super::page::Query;
use super::parameters::{LONGEST, id, moment, one_of, plain, time, uuid, word, words};
use super::problem::Problem;
use super::things;
use crate::domain::spelling::as_written;
use crate::domain::{ApiAction, ApiResource, Channel, Reason, Status, name};
use crate::ops::control::{Desks, ListPart, NotificationFilter};

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::Read;
    use ApiResource::Notifications;
    vec![
        list_endpoint(),
        Endpoint::get("/v1/notifications/{id}", get)
            .named(
                "getNotification",
                "One notification, with all that happened to it in plain words",
            )
            .details("The timeline is ordered by time, the oldest line first. It shows the address.")
            .scope(Notifications, Read)
            .answers::<ShownNotification>(200, "the notification"),
        Endpoint::get("/v1/notifications/{id}/content", content)
            .named("getNotificationContent", "What a notification says")
            .details(
                "`source` says how that is known: `stored` is the text as it was published; `rendered` was rendered \
                 again from the version of the template that was rendered when it was sent. 404 when that is gone, or was redacted \
                 (`retention.payload_days`): `detail` says which.",
            )
            .scope(Notifications, Read)
            .answers::<ShownContent>(200, "what it says"),
    ]
}

fn list_endpoint() -> Endpoint {
    Endpoint::get("/v1/notifications", list)
        .named("listNotifications", "Notifications, the newest first")
        .details(
            "Each page looks at a bounded span of time and of notifications: a page may be empty and still have a \
             `next`. Of all tenants for an operator who names none.",
        )
        .scope(ApiResource::Notifications, ApiAction::Read)
        .query("user_id", "to this person", id())
        .query("status", "that stand there", one_of(Status::ALL))
        .query("reason", "for this reason", one_of(Reason::ALL))
        .query("channel", "through this channel", one_of(Channel::ALL))
        .query(
            "provider",
            "that this account was asked last for",
            words(LONGEST),
        )
        .query("category", "of this category", words(LONGEST))
        .query("source_type", "about a thing of this kind", words(LONGEST))
        .query("source_id", "about this thing", words(LONGEST))
        .query("since", "accepted at this time or later", time())
        .query("until", "accepted before this time", time())
        .page::<ListedNotification>("notifications, without their timelines")
}

/// The notifications of a tenant; of all for an operator who names none.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let filter = NotificationFilter {
        user_id: query.text("user_id", uuid),
        status: query.text("status", word::<Status>),
        reason: query.text("reason", word::<Reason>),
        channel: query.text("channel", word::<Channel>),
        provider: query.text("provider", plain),
        category: query.text("category", plain).map(name::spelt),
        source_type: query.text("source_type", plain),
        source_id: query.text("source_id", plain),
    };
    let since = query.text("since", moment);
    let until = query.text("until", moment);
    if since
        .zip(until)
        .is_some_and(|(since, until)| since >= until)
    {
        query.wrong("since", "invalid", "a time before `until`");
    }
    let page = query.page::<Uuid>("notifications", who.tenant_id);
    let page = query.finish(page)?;
    let part = ListPart {
        since,
        until,
        after: page.after,
        most: page.limit,
    };
    let found = desks
        .notifications
        .page(who.tenant_id, filter, part)
        .await?;
    let shown = found.entries.iter().map(ListedNotification::from).collect();
    Ok(HttpResponse::Ok().json(page.answer_to(shown, found.next.as_ref())))
}

/// One notification, with all that happened to it.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = desks
        .notifications
        .get((who.tenant_id, id_of(&id)?))
        .await?;
    json(&ShownNotification::from(&found))
}

/// What a notification says.
async fn content(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    let found = desks.notifications.content((who.tenant_id, id)).await?;
    json(&ShownContent::of(id, found))
}

/// An answer with numbers as the publisher wrote them.
pub(super) fn json(shown: &impl serde::Serialize) -> Result<HttpResponse, Problem> {
    let text = serde_json::to_string(shown).map_err(|_| Problem::internal())?;
    let answer = HttpResponse::Ok()
        .content_type("application/json")
        .body(as_written(text));
    Ok(answer)
}

/// What is no UUID is no notification.
pub(super) fn id_of(id: &str) -> Result<Uuid, Problem> {
    things::id_of(id, "notification")
}
