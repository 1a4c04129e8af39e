//! `/v1/inbox/stream`: what happens in a person's inbox, as server-sent events.

use std::fmt::Write as _;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, RETRY_AFTER};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::unfold;
use serde_json::json;
use utoipa::PartialSchema;

use super::authority::{StreamPerson, TOKEN};
use super::endpoint::Endpoint;
use super::inbox::{ShownInboxCounts, ShownInboxItem};
use super::page::Query;
use super::problem::Problem;
use crate::domain::{ApiAction, OwnResource};
use crate::ops::control::{
    Desks, InboxSubscription, StreamDesk, StreamDeskError, StreamEnd, StreamEvent, StreamOrder,
    StreamRefusal, StreamStep,
};

/// The header by which a client goes on where it was.
const LAST_EVENT: &str = "last-event-id";
/// The same as a parameter.
const LAST_EVENT_PARAMETER: &str = "last_event_id";
/// Tells nginx to hold nothing back.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// A client whose connection breaks comes back within this time, at a moment of its own.
const COME_BACK: Duration = Duration::from_secs(4);

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/v1/inbox/stream", stream)
            .named("streamInbox", "What happens in the inbox, as server-sent events")
            .details(
                "Events `item` (new, or on top again), `state`, `counts` and `reset` (ask for the list anew); `id` is the \
                 person's own sequence, and what comes behind the last one is told without a gap. `counts` comes at \
                 once. A comment every 15 seconds. The stream ends when the token does.",
            )
            .person(OwnResource::Inbox, ApiAction::Read)
            .query(
                TOKEN,
                "the user token, for `EventSource`, which sets no headers",
                String::schema(),
            )
            .query(
                LAST_EVENT_PARAMETER,
                "the last `id` that was told; the same as the header",
                i64::schema(),
            )
            .header(
                "Last-Event-ID",
                "the last `id` that was told",
                i64::schema(),
            )
            .problem(429, "too_many_streams")
            .answers_other(200, "events, until the stream ends", Some("text/event-stream")),
    ]
}

async fn stream(
    StreamPerson(who): StreamPerson,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let after = after(&request)?;
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header((BUFFERING, "no"));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let order = StreamOrder {
        tenant_id: who.tenant_id,
        user_id: who.user_id,
        key_id: who.key_id,
        expires_at: who.expires_at,
        after,
    };
    let subscription = desks.streams.open(order).await.map_err(refused)?;
    let streams = desks.streams.clone();
    let first = format!(
        "retry: {}\n\n",
        streams.moment_within(COME_BACK).as_millis()
    );
    let told = unfold(Some((subscription, first)), move |state| {
        next(state, streams.clone())
    });
    Ok(answer.streaming(told))
}

/// What is written next, and what is left to be told then.
async fn next(
    state: Option<(InboxSubscription, String)>,
    streams: StreamDesk,
) -> Option<(Result<Bytes, Problem>, Option<(InboxSubscription, String)>)> {
    let (mut subscription, mut text) = state?;
    let left = match subscription.next().await {
        StreamStep::Events(events) => {
            events.iter().for_each(|event| tell(&mut text, event));
            Some((subscription, String::new()))
        }
        StreamStep::Beat => {
            text.push_str(": still here\n\n");
            Some((subscription, String::new()))
        }
        StreamStep::End(why) => {
            text.push_str(&ended(why, &streams));
            None
        }
    };
    Some((Ok(Bytes::from(text)), left))
}

fn tell(text: &mut String, event: &StreamEvent) {
    let (name, id, data) = match event {
        StreamEvent::Item(entry) => (
            "item",
            entry.sequence,
            json!(ShownInboxItem::from(&**entry)),
        ),
        StreamEvent::State(entry) => (
            "state",
            entry.sequence,
            json!(ShownInboxItem::from(&**entry)),
        ),
        StreamEvent::Counts(at, counts) => ("counts", *at, json!(ShownInboxCounts::from(*counts))),
        StreamEvent::Reset(at) => ("reset", *at, json!({})),
    };
    // Writing to a text cannot fail.
    let _ = write!(text, "event: {name}\nid: {id}\ndata: {data}\n\n");
}

fn ended(why: StreamEnd, streams: &StreamDesk) -> String {
    match why {
        StreamEnd::Expired => ": the user token has expired\n\n".to_owned(),
        StreamEnd::Revoked => ": the key of the user token was revoked\n\n".to_owned(),
        StreamEnd::Gone => ": there is no such person any more\n\n".to_owned(),
        StreamEnd::Behind(at) => format!("event: reset\nid: {at}\ndata: {{}}\n\n"),
        StreamEnd::Stopping => {
            let moment = streams.moment_within(streams.spread());
            format!(
                "retry: {}\n: the node stops: come back\n\n",
                moment.as_millis()
            )
        }
    }
}

/// The sequence up to which the client was told.
fn after(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let wanted = || "a number: the last `id` that the stream told".to_owned();
    let read = |text: &str| {
        let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
        number.ok_or_else(wanted)
    };
    let mut query = Query::of(request);
    let _ = query.text(TOKEN, |_| Ok(()));
    let asked = query.text(LAST_EVENT_PARAMETER, read);
    let asked = query.finish(asked)?;
    // An `EventSource` that was told no id sends an empty one.
    let said = request
        .headers()
        .get(LAST_EVENT)
        .filter(|it| !it.is_empty());
    let Some(said) = said else {
        return Ok(asked);
    };
    let said = said.to_str().map_err(|_| wanted()).and_then(read);
    said.map(Some).map_err(|why| {
        let detail = format!("the header `Last-Event-ID` is not {why}");
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail)
    })
}

fn refused(error: StreamDeskError) -> Problem {
    match error {
        StreamDeskError::Refused(StreamRefusal::Stopping) => Problem::unavailable(),
        StreamDeskError::Refused(refusal) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let detail = refusal.to_string();
            Problem::new(status, "too_many_streams", detail).with(RETRY_AFTER, "5")
        }
        StreamDeskError::Desk(error) => error.into(),
    }
}
