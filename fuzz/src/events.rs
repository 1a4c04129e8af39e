//! What providers tell later.

use herald::domain::{HeardEvent, ProviderKind, limits};
use herald::providers::fuzzing;
use serde_json::Value;

/// SendGrid's array of events: each is read, and none is lost.
pub(crate) fn sendgrid(body: &[u8]) {
    let events = checked(ProviderKind::Sendgrid, body);
    let text = String::from_utf8_lossy(body);
    if let Ok(each) = serde_json::from_str::<Vec<Value>>(&text) {
        assert_eq!(events.len(), each.len());
    }
}

/// Twilio's form or JSON, behind a line that says which.
pub(crate) fn twilio(body: &[u8]) {
    assert_eq!(checked(ProviderKind::Twilio, body).len(), 1);
}

/// A mail that came back.
pub(crate) fn smtp(body: &[u8]) {
    assert!(!checked(ProviderKind::Smtp, body).is_empty());
}

/// Whatever is read can be stored, and is the same when it is read again.
fn checked(kind: ProviderKind, body: &[u8]) -> Vec<HeardEvent> {
    let events = fuzzing::events(kind, body);
    for event in &events {
        assert!((1..=HeardEvent::ID_BYTES).contains(&event.event_id.len()));
        for text in [
            Some(&event.event_id),
            event.code.as_ref(),
            event.detail.as_ref(),
            event.message_id.as_ref(),
            event.address.as_ref(),
        ] {
            assert!(!text.is_some_and(|text| text.contains('\0')), "{event:?}");
        }
        let detail = event.detail.as_deref().unwrap_or_default();
        assert!(detail.len() <= limits::DETAIL_BYTES);
        assert!(event.code.as_deref().unwrap_or_default().len() <= 64);
        if let Some(raw) = &event.raw {
            let read: Value = serde_json::from_str(raw).expect("it is JSON");
            assert!(read.is_object());
            let escaped = raw.replace("\\\\", "");
            assert!(!escaped.contains("\\u0000"), "{raw}");
        }
    }
    assert_eq!(fuzzing::events(kind, body), events);
    events
}
