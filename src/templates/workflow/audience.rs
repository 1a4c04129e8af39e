//! Whom an event is told, and what the runs of a workflow for it are about.

use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::definition::{RecipientRule, TopicPart, Workflow};
use crate::domain::{EVERYBODY, RunEnd, Source, hex};

/// Most people whom an event is told without a topic.
pub const MOST_RECIPIENTS: usize = 1_000;
/// Most characters of what a run is about.
const KEY_CHARS: usize = 255;
/// Most characters that are shown of what is no user id.
const SHOWN_CHARS: usize = 64;

/// Whom an event is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    /// People, each once, in the order in which they were named.
    pub people: Vec<Uuid>,
    /// People who are not told though a topic has them.
    pub excluded: Vec<Uuid>,
    /// Topics, each once.
    pub topics: Vec<String>,
    /// What was named and is no user id, in words.
    pub bad: Vec<String>,
    /// What the runs are about.
    pub key: Option<String>,
    /// What their notifications are about.
    pub source: Option<Source>,
    /// What is to be said of it.
    pub notes: Vec<String>,
}

/// Why an event is told nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAudience {
    /// The workflow is not meant: its `when` is false.
    NotMeant,
    /// It cannot be said who is: in words.
    Failed(RunEnd, String),
}

/// Whom a workflow tells of an event, of which this is known.
///
/// # Errors
/// Nobody, and why.
pub fn audience(workflow: &Workflow, known: &Map<String, Value>) -> Result<Audience, NoAudience> {
    let failed = |what: &str, problem: String| {
        NoAudience::Failed(RunEnd::ExpressionFailed, format!("`{what}`: {problem}"))
    };
    if let Some(when) = &workflow.when {
        let is_meant = when
            .truth(known)
            .map_err(|problem| failed("when", problem))?;
        if !is_meant {
            return Err(NoAudience::NotMeant);
        }
    }
    let mut audience = Audience::default();
    for expression in &workflow.exclude {
        match expression.value(known) {
            Ok(value) => {
                let mut bad = vec![];
                people(&value, &mut audience.excluded, &mut bad);
                let of = |bad: String| format!("nobody is left out for this in `exclude`: {bad}");
                audience.notes.extend(bad.into_iter().map(of));
            }
            Err(problem) => audience
                .notes
                .push(format!("nobody is left out for `exclude`: {problem}")),
        }
    }
    for rule in &workflow.recipients {
        match rule {
            RecipientRule::People(expression) => {
                let value = expression
                    .value(known)
                    .map_err(|it| failed("recipients", it))?;
                people(&value, &mut audience.people, &mut audience.bad);
            }
            RecipientRule::Topic(parts) => {
                let topic = topic(parts, known).map_err(|it| failed("recipients", it))?;
                if !audience.topics.contains(&topic) {
                    audience.topics.push(topic);
                }
            }
        }
    }
    let excluded = &audience.excluded;
    audience.people.retain(|id| !excluded.contains(id));
    if audience.people.len() > MOST_RECIPIENTS {
        let words = format!("more than {MOST_RECIPIENTS} recipients: make them a topic");
        return Err(NoAudience::Failed(RunEnd::TooManyRecipients, words));
    }
    if let Some(key) = &workflow.key {
        let value = key.value(known).map_err(|problem| failed("key", problem))?;
        audience.key = key_text(&value);
    }
    audience.source = match &workflow.source {
        Some(rule) => {
            let id = rule
                .id
                .value(known)
                .map_err(|problem| failed("source", problem))?;
            let kind = rule.kind.clone();
            key_text(&id).map(|id| Source { kind, id })
        }
        None => subject(known),
    };
    Ok(audience)
}

/// What an event is about by its own words: `ticket.replied` with the subject `7` is about the ticket 7.
fn subject(known: &Map<String, Value>) -> Option<Source> {
    let event = known.get("event")?;
    let kind = event.get("type")?.as_str()?.split('.').next()?;
    let id = event.get("subject")?.as_str()?;
    let fits = |text: &str, most: usize| (1..=most).contains(&text.chars().count());
    (fits(kind, 50) && fits(id, 255)).then(|| Source {
        kind: kind.to_owned(),
        id: id.to_owned(),
    })
}

fn topic(parts: &[TopicPart], known: &Map<String, Value>) -> Result<String, String> {
    let mut name = String::new();
    for part in parts {
        match part {
            TopicPart::Text(text) => name.push_str(text),
            TopicPart::Value(expression) => match expression.value(known)? {
                Value::String(text) => name.push_str(&text),
                Value::Number(number) => name.push_str(&number_text(&number)),
                _ => {
                    return Err(format!(
                        "`{}` makes no part of a topic's name",
                        expression.source()
                    ));
                }
            },
        }
    }
    Ok(name)
}

/// The people that a value names, each once; null is nobody.
fn people(value: &Value, people_so_far: &mut Vec<Uuid>, bad: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::String(text) => match Uuid::parse_str(text) {
            Ok(id) if id == EVERYBODY => {
                bad.push("the nil UUID stands for everybody, and is nobody's id".to_owned())
            }
            Ok(id) => {
                if !people_so_far.contains(&id) {
                    people_so_far.push(id);
                }
            }
            Err(_) => {
                let shown: String = text.chars().take(SHOWN_CHARS).collect();
                bad.push(format!("\"{shown}\" is no user id"));
            }
        },
        Value::Array(items) => {
            for item in items {
                people(item, people_so_far, bad);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            bad.push("a recipient is no user id: it should be a UUID in quotes".to_owned());
        }
    }
}

/// A number as others write it too: `7`, `7.0` and `7e0` are one ticket, whatever language its publishers are written in.
fn number_text(number: &Number) -> String {
    let written = number.to_string();
    if !written.contains(['.', 'e', 'E']) {
        return written;
    }
    // Up to here every whole number is one that a publisher may have meant.
    let is_whole = |it: &f64| it.fract() == 0.0 && it.abs() < 9_007_199_254_740_992.0;
    match number.as_f64().filter(is_whole) {
        Some(0.0) => "0".to_owned(),
        Some(whole) => format!("{whole:.0}"),
        None => written,
    }
}

/// A value as what something is about; null is nothing. A long one is known by its hash.
#[must_use]
pub fn key_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Number(number) => number_text(number),
        other => other.to_string(),
    };
    match text.chars().count() > KEY_CHARS {
        true => Some(format!("sha256:{}", hex(&Sha256::digest(text.as_bytes())))),
        false => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::reading::read;
    use super::*;

    fn audience_of(definition: Value, data: Value) -> Result<Audience, NoAudience> {
        let mut definition = definition.as_object().unwrap().clone();
        for (key, value) in [
            ("name", json!("w")),
            ("on", json!("ticket.*")),
            (
                "steps",
                json!([{"send": {"channel": "in_app", "template": "t"}}]),
            ),
        ] {
            definition.insert(key.to_owned(), value);
        }
        let known = json!({"event": {"type": "ticket.replied", "subject": "7"}, "data": data});
        audience(&read(&definition).unwrap(), known.as_object().unwrap())
    }

    #[test]
    fn people_are_told_once_and_not_of_their_own_deed() {
        let (ana, bob, eve) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let definition = json!({"recipients": ["data.owner", "data.watchers", "topic:t-{{ data.id }}"],
            "exclude": ["data.author", "data.nobody", "data.name"], "key": "data.id"});
        let data = json!({"owner": ana, "watchers": [bob, ana, [eve], "x", null], "author": bob, "id": 12, "name": "ana@example.com"});
        let told = audience_of(definition, data).unwrap();
        assert_eq!(told.people, [ana, eve]);
        assert_eq!(told.excluded, [bob]);
        assert_eq!(told.topics, ["t-12"]);
        assert_eq!(told.bad, ["\"x\" is no user id"]);
        assert_eq!(told.key.as_deref(), Some("12"));
        assert_eq!(told.source.unwrap().id, "7");
        assert_eq!(told.notes.len(), 2);
        assert!(told.notes[1].contains("\"ana@example.com\" is no user id"));
    }

    #[test]
    fn what_is_missing_is_said_and_what_is_not_meant_is_not_told() {
        let of = |definition, data| audience_of(definition, data).unwrap_err();
        let failed = |error: NoAudience| match error {
            NoAudience::Failed(end, words) => (end, words),
            NoAudience::NotMeant => panic!("it is meant"),
        };
        let definition = json!({"recipients": ["data.owner"], "when": "not data.internal"});
        assert_eq!(
            of(definition.clone(), json!({"internal": true})),
            NoAudience::NotMeant
        );
        let (end, words) = failed(of(definition, json!({})));
        assert_eq!(end, RunEnd::ExpressionFailed);
        assert!(words.contains("data.owner"), "{words}");
        let many: Vec<Uuid> = (1..=1_001).map(Uuid::from_u128).collect();
        let (end, _) = failed(of(
            json!({"recipients": ["data.all"]}),
            json!({"all": many}),
        ));
        assert_eq!(end, RunEnd::TooManyRecipients);
    }

    /// Another publisher writes the same id otherwise: its items belong into the same digest, and its event ends the same
    /// runs.
    #[test]
    fn equal_numbers_are_one_key() {
        let key = |text: &str| key_text(&serde_json::from_str(text).unwrap());
        for same in ["7", "7.0", "7.00", "7e0", "70e-1", "\"7\""] {
            assert_eq!(key(same).as_deref(), Some("7"), "{same}");
        }
        for (text, wanted) in [
            ("-0.0", "0"),
            ("0", "0"),
            ("-3.0", "-3"),
            ("1.50", "1.50"),
            ("9007199254740993", "9007199254740993"),
            ("1e400", "1e+400"),
            ("12345678901234567890.0", "12345678901234567890.0"),
        ] {
            assert_eq!(key(text).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(key("null"), None);
        let definition = json!({"recipients": ["topic:t-{{ data.id }}"], "key": "data.id"});
        let data: Value = serde_json::from_str("{\"id\": 12.0}").unwrap();
        let told = audience_of(definition, data).unwrap();
        assert_eq!(
            (told.topics, told.key.as_deref()),
            (vec!["t-12".to_owned()], Some("12"))
        );
    }

    #[test]
    fn everybody_is_no_recipient() {
        let told = audience_of(
            json!({"recipients": ["data.owner"]}),
            json!({"owner": EVERYBODY}),
        )
        .unwrap();
        assert!(told.people.is_empty());
        assert_eq!(told.bad.len(), 1);
    }
}
