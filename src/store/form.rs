//! The stored form of a notification: which version of it this engine writes, and what it reads.
//!
//! While nodes are upgraded one after the other, two versions work on one table. So each row says
//! which version of the form a reader must know, and who knows less does not take it. What cannot be
//! read all the same is given back, never failed and never rewritten.

#[cfg(debug_assertions)]
mod next;
mod numbers;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::domain::{AttemptRecord, Class, Notification, Payload};

/// The highest version of the stored form that this engine reads. A release that stores what this one cannot
/// read (a field of the payload, a step, a class or a reason of the timeline) writes the next number into the
/// rows that hold it.
pub const FORMAT: i16 = 2;
/// The field of a payload that was taken out.
pub(super) const REDACTED: &str = "redacted";
/// The first version: nothing is said for the inbox, and there is one person.
const FIRST: i16 = 1;

/// The highest number that is taken.
#[cfg(not(debug_assertions))]
pub(super) const fn format() -> i16 {
    FORMAT
}

/// The highest number that is taken.
#[cfg(debug_assertions)]
pub(super) fn format() -> i16 {
    next::format()
}

/// The number that goes into the row of a notification: the lowest by which it can be read.
pub(super) fn format_of(notification: &Notification) -> i16 {
    let is_later = notification.payload.inbox.is_some() || notification.is_for_everybody();
    match format() {
        FORMAT if !is_later => FIRST,
        format => format,
    }
}

/// The payload as it is stored.
pub(super) fn payload(payload: &Payload) -> String {
    let stored = numbers::kept(text(payload));
    #[cfg(debug_assertions)]
    let stored = next::payload(stored);
    stored
}

/// The publisher's own data as it is stored: nothing is sent of it, and people query it.
pub(super) fn metadata(metadata: &Map<String, Value>) -> String {
    numbers::plain(text(metadata))
}

/// Data that is shown to people's apps, as it is stored: its numbers come back as they were written.
pub(super) fn data(data: &Map<String, Value>) -> String {
    numbers::kept(text(data))
}

/// Something of our own, as JSON.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    text(value)
}

/// What a job is to do, as it is stored: the numbers in it come back as they were written.
pub(super) fn order(order: &impl serde::Serialize) -> String {
    numbers::kept(text(order))
}

/// Reads what a job is to do.
///
/// # Errors
/// In words, when it is something else.
pub(super) fn read_order<T: DeserializeOwned>(stored: Value) -> Result<T, String> {
    read("order", numbers::restored(stored))
}

/// Reads the publisher's own data.
///
/// # Errors
/// In words, when it is no object.
pub(super) fn read_metadata(stored: Value) -> Result<Map<String, Value>, String> {
    read("metadata", numbers::restored(stored))
}

/// Lines of the timeline as they are stored.
pub(super) fn timeline(lines: &[AttemptRecord]) -> String {
    let stored = text(&lines);
    #[cfg(debug_assertions)]
    let stored = next::timeline(stored);
    stored
}

/// Reads a payload.
///
/// # Errors
/// In words, when a field is missing, wrong or unknown: to send without it might be wrong.
pub(super) fn read_payload(stored: Value) -> Result<Payload, String> {
    #[cfg(debug_assertions)]
    let stored = next::known(stored);
    if stored.get(REDACTED).is_some() {
        return Err("it was redacted".to_owned());
    }
    let mut names = stored
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys());
    if let Some(unknown) = names.find(|name| !Payload::FIELDS.contains(&name.as_str())) {
        let unknown: String = unknown.chars().take(64).collect();
        return Err(format!(
            "its payload has a field {unknown:?} that is not known"
        ));
    }
    read("payload", numbers::restored(stored))
}

/// Reads a timeline. A field that is not known is left out: what stands there stays, since lines are
/// only added.
///
/// # Errors
/// In words, when a line is of a step, a class or a reason that is not known: what follows from it is
/// not known either.
pub(super) fn read_timeline(stored: Value) -> Result<Vec<AttemptRecord>, String> {
    #[cfg(debug_assertions)]
    let stored = next::known(stored);
    read("attempts", stored)
}

/// Classes of attempts that a timeline may forget when it becomes long: surely not sent, and not the
/// last word of an account either.
pub(super) fn forgettable() -> Vec<&'static str> {
    let keeps = |class: Class| {
        matches!(
            class,
            Class::Accepted | Class::Permanent | Class::NotByAccount | Class::Unknown
        )
    };
    let classes = Class::ALL.iter().filter(|class| !keeps(**class));
    classes.map(|class| class.as_str()).collect()
}

fn read<T: DeserializeOwned>(column: &str, stored: Value) -> Result<T, String> {
    // The error would quote what is stored.
    serde_json::from_value(stored).map_err(|_| format!("its {column} cannot be read"))
}

/// Our own types have only string keys and finite numbers: they always have a JSON text.
fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{Body, Content, TemplateCall};

    fn whole(body: Body) -> Payload {
        Payload {
            body,
            to: Some("ana@example.com".to_owned()),
            provider: Some("main".to_owned()),
            traceparent: Some("00-1-2-01".to_owned()),
            inbox: None,
        }
    }

    #[test]
    fn every_field_of_a_payload_is_known() {
        let call = TemplateCall {
            name: "hello".to_owned(),
            variables: serde_json::Map::new(),
            reply_to: Some("desk@example.com".to_owned()),
        };
        for body in [Body::Content(Content::default()), Body::Template(call)] {
            let payload = whole(body);
            let stored = serde_json::to_value(&payload).unwrap();
            assert_eq!(read_payload(stored), Ok(payload));
        }
    }

    #[test]
    fn numbers_come_back_as_they_were_written() {
        let written = r#"{"a":89490200001234567890,"b":1.10,"c":1e400,"d":[-0,{"e":2.50E-7}]}"#;
        let read = crate::domain::spelling::for_reading(written).unwrap();
        let fields: serde_json::Map<String, Value> = serde_json::from_str(&read).unwrap();
        let payload = whole(Body::Content(Content {
            data: Some(fields.clone()),
            ..Content::default()
        }));
        let stored = serde_json::from_str(&super::payload(&payload)).unwrap();
        let Body::Content(content) = read_payload(stored).unwrap().body else {
            panic!("content");
        };
        let data = serde_json::to_string(&content.data).unwrap();
        assert_eq!(crate::domain::spelling::as_written(data), written);
        assert_eq!(metadata(&fields), written);
        let stored = serde_json::from_str(&metadata(&fields)).unwrap();
        assert!(read_metadata(stored).is_ok());
    }

    #[test]
    fn a_payload_with_an_unknown_field_is_not_read() {
        for stored in [
            json!({ "content": { "body": "hi" }, "reply_to": "ben@example.com" }),
            json!({ "content": { "body": "hi", "card": {} } }),
            json!({ "template": { "name": "hello", "variables": {}, "version": 3 } }),
            json!({ "content": {}, "template": { "name": "hello" }, "actions": [] }),
            json!({ "redacted": true }),
            json!([]),
        ] {
            assert!(read_payload(stored.clone()).is_err(), "{stored}");
        }
    }

    #[test]
    fn a_line_with_an_unknown_word_is_not_read_and_one_with_an_unknown_field_is() {
        let at = "2026-03-01T12:00:00Z";
        let line = json!({ "at": at, "step": "deferred", "reason": "retry", "until": at });
        let mut longer = line.clone();
        longer["by"] = json!("the carrier");
        assert_eq!(read_timeline(json!([longer])), read_timeline(json!([line])));
        for unknown in [
            json!({ "at": at, "step": "noticed" }),
            json!({ "at": at, "step": "deferred", "reason": "full_moon", "until": at }),
            json!({ "at": at, "step": "attempt", "provider": "main", "class": "odd", "elapsed_ms": 1 }),
        ] {
            assert!(read_timeline(json!([line, unknown])).is_err(), "{unknown}");
        }
    }

    #[test]
    fn timeline_keeps_acceptances_refusals_and_lost_answers() {
        let forgettable = forgettable();
        for kept in [Class::Accepted, Class::Permanent, Class::Unknown] {
            assert!(!forgettable.contains(&kept.as_str()), "{kept}");
        }
        assert!(forgettable.contains(&"transient"));
    }
}
