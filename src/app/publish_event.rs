//! Publishing a CloudEvent from a file, after the checks that need nobody else.

use super::build;
use crate::broker::cloud_event::{self, EventWrapping};
use crate::broker::{BrokerError, submission};
use crate::config::Settings;
use crate::domain::DEFAULT_TENANT;
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

/// The attributes of an event that would be accepted.
fn read(body: &[u8], most: usize) -> Result<PublishedEvent, String> {
    if body.len() > most {
        let many = body.len();
        return Err(format!("it has {many} bytes; at most {most} are accepted"));
    }
    let wrapping = EventWrapping {
        tenant_id: DEFAULT_TENANT,
        may_name_tenant: true,
        traceparent: None,
        id: clock::new_id(),
        now: clock::now(),
    };
    let draft = cloud_event::decode(body, &wrapping).map_err(|refusal| refusal.detail)?;
    let event = draft.event;
    if event.kind.len() > TYPE_BYTES {
        return Err(format!("`type`: at most {TYPE_BYTES} bytes"));
    }
    Ok(PublishedEvent {
        kind: event.kind,
        source: event.source,
        id: event.event_id,
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
