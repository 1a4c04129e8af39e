//! The envelope as it comes: read strictly. Where serde would tell the first mistake alone, each is noted and
//! put right for the moment, so that the next one shows.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};
use uuid::Uuid;

use super::refusal::{MOST, Mistakes};
use super::{Moment, RecipientDescription, Refusal};
use crate::domain::spelling::for_reading;
use crate::domain::{
    Channel, Content, InboxOptions, Priority, Rejection, Source, TemplateCall, unique_keys,
};

/// What stands for a text that is missing, until all mistakes are known.
const STAND_IN: &str = "-";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireEnvelope {
    pub(super) version: Option<u64>,
    pub(super) tenant_id: Option<Uuid>,
    /// `null` is said, and is somebody else than nobody.
    #[serde(default, deserialize_with = "said")]
    pub(super) user_id: Option<Option<Uuid>>,
    pub(super) channel: Option<Channel>,
    pub(super) priority: Option<Priority>,
    pub(super) category: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) template: Option<TemplateCall>,
    pub(super) content: Option<Content>,
    pub(super) to: Option<String>,
    pub(super) recipient: Option<RecipientDescription>,
    pub(super) send_at: Option<Moment>,
    pub(super) expires_at: Option<Moment>,
    pub(super) max_retries: Option<u16>,
    pub(super) provider: Option<String>,
    pub(super) source: Option<Source>,
    pub(super) metadata: Option<Map<String, Value>>,
    pub(super) inbox: Option<InboxOptions>,
}

/// A field that is there, be it as `null`.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Uuid>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The envelope in a JSON text; without what is wrong with it, which is noted. `None` when nothing is left.
///
/// # Errors
/// It is no JSON, no object, or has a key twice.
pub(super) fn read(text: &str, mistakes: &mut Mistakes) -> Result<Option<WireEnvelope>, Refusal> {
    unique_keys::check(text).map_err(|error| refusal(&error))?;
    // serde would also read a struct from an array of its fields.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Refusal::invalid("not a JSON object"));
    }
    let respelt = for_reading(text);
    let text = respelt.as_deref().unwrap_or(text);
    match serde_json::from_str(text) {
        Ok(wire) => Ok(Some(wire)),
        Err(error) if error.is_data() => {
            let whole = serde_json::from_str(text).map_err(|error| refusal(&error))?;
            Ok(put_right(whole, mistakes))
        }
        Err(error) => Err(refusal(&error)),
    }
}

fn refusal(error: &serde_json::Error) -> Refusal {
    let mut words = error.to_string();
    if error.is_data() {
        return Refusal::invalid(words);
    }
    if words.starts_with("recursion limit exceeded") {
        words.push_str(": JSON is read up to 127 levels deep");
    }
    Refusal::new(Rejection::MalformedJson, words)
}

/// Notes every mistake of shape. Each round notes one and takes it away, and three are enough for a place.
fn put_right(mut whole: Value, mistakes: &mut Mistakes) -> Option<WireEnvelope> {
    for _ in 0..3 * MOST {
        let error = match serde_path_to_error::deserialize::<_, WireEnvelope>(&whole) {
            Ok(wire) => return Some(wire),
            Err(error) => error,
        };
        let path = keys(error.path());
        let words = error.inner().to_string();
        note(&mut whole, &path, &words, mistakes)?;
        if mistakes.is_full() {
            return None;
        }
    }
    None
}

/// Notes one mistake and takes it away; `None` when it cannot be taken away.
fn note(whole: &mut Value, path: &[String], words: &str, mistakes: &mut Mistakes) -> Option<()> {
    let invalid = Rejection::InvalidEnvelope;
    let named = |kind: &str| {
        let rest = words.strip_prefix(kind)?;
        Some(rest.split_once('`')?.1)
    };
    if let Some(rest) = named("unknown field ") {
        let (parent, name) = unknown(whole, path, rest)?;
        let pointer = pointer(&[parent, std::slice::from_ref(&name)].concat());
        let shown: String = name.chars().take(64).collect();
        let allowed = rest.rsplit_once(", expected ").map_or("", |(_, it)| it);
        let detail = format!("unknown field `{shown}`: expected {allowed}");
        mistakes.add(invalid, pointer, "unknown_field", detail);
        at(whole, parent)?.remove(&name)?;
        return Some(());
    }
    if let Some(rest) = named("missing field ") {
        let name = rest.strip_suffix('`')?.to_owned();
        let place = [path, std::slice::from_ref(&name)].concat();
        mistakes.required(&pointer(&place));
        at(whole, path)?.insert(name, STAND_IN.into());
        return Some(());
    }
    let (name, parent) = path.split_last()?;
    let code = match words.starts_with("invalid type") {
        true => "wrong_type",
        false => "invalid",
    };
    let detail = format!("{}: {}", path.join("."), without_values(words));
    let is_known = mistakes.has(&pointer(path));
    mistakes.add(invalid, pointer(path), code, detail);
    let removed = take(whole, parent, name)?;
    if is_known && removed == STAND_IN {
        // It must be there, and is no text: what is right around it goes.
        let (around, outside) = parent.split_last().unwrap_or((name, &[]));
        take(whole, outside, around)?;
    }
    Some(())
}

/// The object that has an unknown field, and the field: the path ends with either.
fn unknown<'a>(
    whole: &mut Value,
    path: &'a [String],
    rest: &str,
) -> Option<(&'a [String], String)> {
    let parents = [Some(path), path.split_last().map(|(_, parent)| parent)];
    parents.into_iter().flatten().find_map(|parent| {
        let fields = at(whole, parent)?;
        let named = |name: &&String| {
            let rest = rest.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.starts_with('`'))
        };
        let name = fields.keys().filter(named).max_by_key(|name| name.len())?;
        Some((parent, name.clone()))
    })
}

fn at<'a>(whole: &'a mut Value, path: &[String]) -> Option<&'a mut Map<String, Value>> {
    place(whole, path)?.as_object_mut()
}

fn place<'a>(whole: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(whole, |value, name| match value {
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        other => other.get_mut(name),
    })
}

/// Takes away what stands somewhere; in a list something else stands there then.
fn take(whole: &mut Value, parent: &[String], name: &str) -> Option<Value> {
    match place(whole, parent)? {
        Value::Object(fields) => fields.remove(name),
        Value::Array(items) => {
            let item = items.get_mut(name.parse::<usize>().ok()?)?;
            Some(std::mem::replace(item, STAND_IN.into()))
        }
        _ => None,
    }
}

fn keys(path: &Path) -> Vec<String> {
    let keys = path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    keys.collect()
}

/// A JSON pointer. Names that are long are cut: they are shown to people.
fn pointer(path: &[String]) -> String {
    let escaped = path.iter().map(|part| {
        let part: String = part.chars().take(64).collect();
        format!("/{}", part.replace('~', "~0").replace('/', "~1"))
    });
    escaped.collect()
}

/// serde's words without the value that it found: `invalid type: string "x", expected a number` names its type
/// alone.
fn without_values(words: &str) -> String {
    if words == "invalid number" {
        return "invalid value: the number is too large, too small or not whole".to_owned();
    }
    let Some((found, expected)) = words.rsplit_once(", expected ") else {
        return words.to_owned();
    };
    let kind = found.split(['`', '"']).next().unwrap_or(found).trim_end();
    format!("{kind}, expected {expected}")
}
