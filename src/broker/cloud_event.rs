//! Events (CloudEvents 1.0, structured mode, JSON), strictly decoded: all that is wrong at once.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Refusal;
use super::envelope::{EnvelopeMistake, text, valid_trace};
use crate::domain::spelling::for_reading;
use crate::domain::{ContentHash, DomainEvent, Rejection, unique_keys};

/// Most bytes of `data`, as JSON.
const MOST_DATA_BYTES: usize = 256 * 1_024;
/// Most bytes of an event.
pub const MOST_BYTES: usize = MOST_DATA_BYTES + 64 * 1_024;
/// Most characters of `id`, `source`, `type` and `subject`.
const MOST_CHARS: usize = 255;
/// Most characters of the name of an extension, and most of them.
const NAME_CHARS: usize = 40;
const MOST_EXTENSIONS: usize = 50;
/// Types of our own events, of which a workflow may have made the notification.
const OWN_TYPES: &str = "notification.";
/// Attributes of how a call is traced.
const TRACEPARENT: &str = "traceparent";
const TRACING: [&str; 2] = [TRACEPARENT, "tracestate"];

/// An event that may be accepted, as far as its own words tell.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDraft {
    /// The event, with an id of ours.
    pub event: DomainEvent,
    /// What a repetition must say again.
    pub said: ContentHash,
    /// The notification that it tells of, if it is an event of ours that somebody sent back.
    pub caused_by: Option<Uuid>,
}

/// What comes with an event besides its body.
#[derive(Debug, Clone, Copy)]
pub struct EventWrapping<'a> {
    /// The tenant of an event that names none.
    pub tenant_id: Uuid,
    /// Whether it may name another.
    pub may_name_tenant: bool,
    /// The W3C trace context that came with it; what the event says of itself counts more.
    pub traceparent: Option<&'a str>,
    /// The event's id here, if it is new.
    pub id: Uuid,
    /// The time of decoding.
    pub now: Timestamp,
}

/// Decodes the body of an event.
///
/// # Errors
/// [`Refusal`] with the stable reason and everything that is wrong.
pub fn decode(body: &[u8], wrapping: &EventWrapping<'_>) -> Result<EventDraft, Refusal> {
    if body.len() > MOST_BYTES {
        let detail = format!(
            "the event has {} bytes; at most {MOST_BYTES} are accepted",
            body.len()
        );
        return Err(Refusal::new(Rejection::TooLarge, detail));
    }
    let text = text::of(body)?;
    let malformed = |error: serde_json::Error| {
        let reason = match error.is_data() {
            true => Rejection::InvalidEvent,
            false => Rejection::MalformedJson,
        };
        Refusal::new(reason, error.to_string())
    };
    unique_keys::check(&text).map_err(malformed)?;
    let respelt = for_reading(&text);
    let value: Value =
        serde_json::from_str(respelt.as_deref().unwrap_or(&text)).map_err(malformed)?;
    match value {
        Value::Object(map) => of_fields(map, wrapping),
        _ => Err(Refusal::new(Rejection::InvalidEvent, "not a JSON object")),
    }
}

/// Reads the fields of an event.
///
/// # Errors
/// As [`decode`].
pub fn of_fields(
    mut map: Map<String, Value>,
    wrapping: &EventWrapping<'_>,
) -> Result<EventDraft, Refusal> {
    let mut mistakes = EventMistakes::default();
    match map.remove("specversion") {
        Some(Value::String(version)) if version == "1.0" => {}
        None => mistakes.add(
            "/specversion",
            "required",
            "`specversion` is missing: it is \"1.0\"",
        ),
        Some(_) => mistakes.add("/specversion", "invalid", "`specversion` is not \"1.0\""),
    }
    let event_id = mistakes.text(&mut map, "id", true);
    let source = mistakes.text(&mut map, "source", true);
    let kind = mistakes.text(&mut map, "type", true);
    let subject = mistakes.text(&mut map, "subject", false);
    let said_time = mistakes.text(&mut map, "time", false);
    let time = said_time.as_deref().map_or(Some(wrapping.now), |text| {
        let is_written = text.contains(['T', 't']);
        let time = text.parse::<Timestamp>().ok().filter(|_| is_written);
        if time.is_none() {
            mistakes.add("/time", "invalid", "`time` is no time in RFC 3339");
        }
        time
    });
    mistakes.content_type(&mut map);
    let tenant_id = mistakes.tenant(&mut map, wrapping);
    let data = map.remove("data").unwrap_or(Value::Null);
    let bytes = data.to_string().len();
    if bytes > MOST_DATA_BYTES {
        let words = format!("`data` has {bytes} bytes; at most {MOST_DATA_BYTES} are accepted");
        mistakes.too_large(&words);
    }
    mistakes.extensions(&map);
    let caused_by = caused_by(kind.as_deref(), &data);
    // How a call is traced is not what it says.
    let meant = |(name, _): &(&String, &Value)| !TRACING.contains(&name.as_str());
    let meant: Map<String, Value> = map
        .iter()
        .filter(meant)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let time_said = said_time.and(time).map(|time| time.to_string());
    let said = json!([kind, subject, time_said, data, meant]).to_string();
    if let Some(traceparent) = wrapping.traceparent.and_then(valid_trace) {
        let own = map.entry(TRACEPARENT).or_insert(Value::Null);
        if own.is_null() {
            *own = Value::String(traceparent);
        }
    }
    let event = (|| {
        Some(DomainEvent {
            id: wrapping.id,
            tenant_id,
            source: source?,
            event_id: event_id?,
            kind: kind?,
            subject,
            time: time?,
            data,
            extensions: map,
        })
    })();
    let event = mistakes.finish(event)?;
    Ok(EventDraft {
        event,
        said: ContentHash(Sha256::digest(said.as_bytes()).into()),
        caused_by,
    })
}

/// The notification that an event of our own tells of.
fn caused_by(kind: Option<&str>, data: &Value) -> Option<Uuid> {
    kind.filter(|kind| kind.starts_with(OWN_TYPES))?;
    let id = data.get("id").or_else(|| data.get("data")?.get("id"))?;
    Uuid::parse_str(id.as_str()?).ok()
}

/// What is wrong with an event.
#[derive(Debug, Default)]
struct EventMistakes {
    found: Vec<EnvelopeMistake>,
    reason: Option<Rejection>,
}

impl EventMistakes {
    fn add(&mut self, pointer: &str, code: &'static str, detail: &str) {
        self.found.push(EnvelopeMistake {
            reason: Rejection::InvalidEvent,
            pointer: pointer.to_owned(),
            code,
            detail: detail.to_owned(),
        });
    }

    fn too_large(&mut self, words: &str) {
        self.add("/data", "too_large", words);
        if let Some(mistake) = self.found.last_mut() {
            mistake.reason = Rejection::TooLarge;
        }
        self.reason = Some(Rejection::TooLarge);
    }

    /// A text of one line; null is as good as nothing.
    fn text(
        &mut self,
        map: &mut Map<String, Value>,
        name: &str,
        is_required: bool,
    ) -> Option<String> {
        let pointer = format!("/{name}");
        match map.remove(name) {
            None | Some(Value::Null) => {
                if is_required {
                    self.add(&pointer, "required", &format!("`{name}` is missing"));
                }
                None
            }
            Some(Value::String(text)) => {
                let fits = (1..=MOST_CHARS).contains(&text.chars().count());
                if !fits || text.chars().any(char::is_control) {
                    let words = format!("`{name}` is not 1 to {MOST_CHARS} characters on one line");
                    self.add(&pointer, "invalid", &words);
                    return None;
                }
                Some(text)
            }
            Some(_) => {
                self.add(&pointer, "wrong_type", &format!("`{name}` is no text"));
                None
            }
        }
    }

    fn content_type(&mut self, map: &mut Map<String, Value>) {
        if map.remove("data_base64").is_some() {
            self.add(
                "/data_base64",
                "invalid",
                "`data_base64` is not accepted: `data` is JSON",
            );
        }
        let Some(content_type) = self.text(map, "datacontenttype", false) else {
            return;
        };
        let essence = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if essence != "application/json" && !essence.ends_with("+json") {
            self.add(
                "/datacontenttype",
                "invalid",
                "`datacontenttype` is no JSON",
            );
        }
    }

    fn tenant(&mut self, map: &mut Map<String, Value>, wrapping: &EventWrapping<'_>) -> Uuid {
        let Some(text) = self.text(map, "tenantid", false) else {
            return wrapping.tenant_id;
        };
        match Uuid::parse_str(&text) {
            Ok(id) if wrapping.may_name_tenant || id == wrapping.tenant_id => id,
            Ok(_) => {
                self.add(
                    "/tenantid",
                    "invalid",
                    "`tenantid` is not the tenant of the API key",
                );
                wrapping.tenant_id
            }
            Err(_) => {
                self.add("/tenantid", "invalid", "`tenantid` is no UUID");
                wrapping.tenant_id
            }
        }
    }

    fn extensions(&mut self, map: &Map<String, Value>) {
        if map.len() > MOST_EXTENSIONS {
            self.add(
                "",
                "invalid",
                &format!("it has more than {MOST_EXTENSIONS} extension attributes"),
            );
        }
        for (name, value) in map {
            let shown: String = name.chars().take(64).collect();
            let pointer = format!("/{}", shown.replace('~', "~0").replace('/', "~1"));
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(plain) {
                let words =
                    format!("`{shown}` is no attribute: names are lower-case letters and digits");
                self.add(&pointer, "unknown_field", &words);
            } else if value.is_object() || value.is_array() {
                self.add(
                    &pointer,
                    "wrong_type",
                    &format!("`{shown}` is neither text, number nor true or false"),
                );
            }
        }
    }

    fn finish(self, event: Option<DomainEvent>) -> Result<DomainEvent, Refusal> {
        let details = self.found.iter().map(|mistake| mistake.detail.as_str());
        let detail = details.collect::<Vec<_>>().join("; ");
        match (event, self.found.is_empty()) {
            (Some(event), true) => Ok(event),
            _ => Err(Refusal {
                mistakes: self.found,
                ..Refusal::new(self.reason.unwrap_or(Rejection::InvalidEvent), detail)
            }),
        }
    }
}

#[cfg(test)]
mod tests;
