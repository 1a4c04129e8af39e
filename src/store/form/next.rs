//! Acting as the next version, for tests in which two versions work on one database: what is stored
//! has parts that this version does not know, and the reader that acts so knows them.

use serde_json::{Value, json};

use super::FORMAT;
use crate::runtime::failpoint::{NextVersion, next_version};

/// A field that marks what only the next version knows.
const MARK: &str = "next_version";

pub(super) fn format() -> i16 {
    match next_version() {
        Some(NextVersion::Announced) => FORMAT + 1,
        Some(NextVersion::Silent) | None => FORMAT,
    }
}

/// Adds a field to the payload, and to the content or the template in it.
pub(super) fn payload(stored: String) -> String {
    changed(stored, |payload| {
        let Some(fields) = payload.as_object_mut() else {
            return;
        };
        for part in fields.values_mut().filter_map(Value::as_object_mut) {
            part.insert(MARK.to_owned(), json!(true));
        }
        fields.insert(MARK.to_owned(), json!(true));
    })
}

/// Adds a line of an unknown step, one of an unknown class and one of an unknown reason.
pub(super) fn timeline(stored: String) -> String {
    changed(stored, |lines| {
        let Some(lines) = lines.as_array_mut() else {
            return;
        };
        let Some(at) = lines.last().and_then(|line| line.get("at")).cloned() else {
            return;
        };
        lines.extend([
            json!({ "at": at, "step": "noticed", MARK: true }),
            json!({ "at": at, "step": "attempt", "provider": "none", "class": "noticed",
                    "elapsed_ms": 0, MARK: true }),
            json!({ "at": at, "step": "deferred", "reason": "noticed", "until": at, MARK: true }),
        ]);
    })
}

/// What this version knows of what is stored, if it acts as the next one; else all of it.
pub(super) fn known(mut stored: Value) -> Value {
    if next_version().is_none() {
        return stored;
    }
    match &mut stored {
        Value::Object(fields) => {
            fields.remove(MARK);
            for part in fields.values_mut().filter_map(Value::as_object_mut) {
                part.remove(MARK);
            }
        }
        Value::Array(lines) => lines.retain(|line| line.get(MARK).is_none()),
        _ => {}
    }
    stored
}

fn changed(stored: String, change: impl FnOnce(&mut Value)) -> String {
    if next_version().is_none() {
        return stored;
    }
    serde_json::from_str(&stored).map_or(stored, |mut value: Value| {
        change(&mut value);
        value.to_string()
    })
}
