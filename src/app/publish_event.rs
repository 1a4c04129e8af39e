//! Publishing a CloudEvent from a file, after the checks that need nobody else.

use serde::Deserialize;

use super::build;
use crate::broker::{BrokerError, submission};
use crate::config::Settings;
use crate::domain::unique_keys;
use crate::runtime::clock;

/// Longest type, in bytes: it is a routing key.
const TYPE_BYTES: usize = 255;

/// An event that RabbitMQ has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedEvent {
    /// Its type.
    pub kind: String,
    /// Where it happened.
    pub source: String,
    /// Its id, unique for its source.
    pub id: String,
}

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
pub enum EventPublishError {
    /// It is no CloudEvent that would be accepted.
    #[error("it would be rejected: {0}")]
    Refused(String),
    /// RabbitMQ is out of reach, or refused it.
    #[error("herald.events: {}; publishing the same file again is safe", .0.words())]
    Broker(BrokerError),
}

/// What every CloudEvent has (CloudEvents 1.0). Further attributes are its publisher's.
#[derive(Deserialize)]
struct EventAttributes {
    specversion: String,
    r#type: String,
    source: String,
    id: String,
}

/// Whether a body says that it is a CloudEvent, and no notification.
#[must_use]
pub fn is_event(body: &[u8]) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let said = serde_json::from_slice::<serde_json::Value>(body);
    said.is_ok_and(|said| said.get("specversion").is_some())
}

/// Checks an event and publishes it to `herald.events`, with a confirm.
///
/// # Errors
/// It lacks what an event has, or RabbitMQ's trouble: nothing was published then, unless RabbitMQ did not answer.
pub async fn publish_event(
    settings: &Settings,
    body: &[u8],
) -> Result<PublishedEvent, EventPublishError> {
    let event = read(body, settings.broker.max_body_bytes).map_err(EventPublishError::Refused)?;
    let address = build::broker_address(settings);
    let submitted = submission::submit_event(&address, &event.kind, body, clock::now()).await;
    submitted.map_err(EventPublishError::Broker)?;
    Ok(event)
}

/// The attributes of an event that may be published.
fn read(body: &[u8], most: usize) -> Result<PublishedEvent, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is no UTF-8".to_owned())?;
    unique_keys::check(text).map_err(|error| error.to_string())?;
    let event: EventAttributes = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if event.specversion != "1.0" {
        return Err("`specversion`: only 1.0 is known".to_owned());
    }
    for (name, value) in [
        ("type", &event.r#type),
        ("source", &event.source),
        ("id", &event.id),
    ] {
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(format!("`{name}`: a text on one line is expected"));
        }
    }
    if event.r#type.len() > TYPE_BYTES {
        return Err(format!("`type`: at most {TYPE_BYTES} bytes"));
    }
    if body.len() > most {
        return Err(format!(
            "it has {} bytes; at most {most} are accepted",
            body.len()
        ));
    }
    Ok(PublishedEvent {
        kind: event.r#type,
        source: event.source,
        id: event.id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"specversion":"1.0","type":"ticket.created","source":"/desk","id":"1","data":{}}"#;

    #[test]
    fn an_event_is_known_by_its_version_and_refused_for_what_it_lacks() {
        assert!(is_event(GOOD.as_bytes()) && !is_event(b"{\"version\":1}") && !is_event(b"{"));
        let event = read(GOOD.as_bytes(), 1_000).unwrap();
        assert_eq!(
            (&*event.kind, &*event.source, &*event.id),
            ("ticket.created", "/desk", "1")
        );
        for (bad, names) in [
            (GOOD.replace("1.0", "2.0"), "specversion"),
            (GOOD.replace("\"id\":\"1\",", ""), "id"),
            (GOOD.replace("\"id\":\"1\"", "\"id\":\"\""), "id"),
            (GOOD.replace("ticket.created", &"t".repeat(256)), "type"),
            (GOOD.replace("\"data\"", "\"id\""), "id"),
        ] {
            let refused = read(bad.as_bytes(), 1_000).unwrap_err();
            assert!(refused.contains(names), "{bad}: {refused}");
        }
        assert!(read(GOOD.as_bytes(), 10).is_err());
    }
}
