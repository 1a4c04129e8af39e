//! What publishers and operators say.

use std::path::Path;

use herald::broker::envelope::{self, Wrapping};
use herald::broker::fuzzing;
use herald::config::Sources;
use herald::config::manifest::{Manifest, ManifestChecks};
use herald::domain::{Channel, DEFAULT_TENANT, Lane, Payload, Priority};
use herald::templates::{Library, Limits, LocaleHints, TemplateSource};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A body. What is accepted can be stored as JSON, without the one character that PostgreSQL does not
/// take, and is the same when it is read again; what is refused says why.
pub(crate) fn envelope(body: &[u8]) {
    let wrapping = Wrapping {
        lane: Some(Lane::new(Channel::Email, Priority::Normal)),
        tenant_id: DEFAULT_TENANT,
        idempotency_key: None,
        message_id: Some("m"),
        call: None,
        traceparent: None,
        max_body_bytes: 65_536,
        now: Timestamp::UNIX_EPOCH,
    };
    match envelope::decode(body, &wrapping) {
        Ok(accepted) => {
            let stored = serde_json::to_string(&accepted.payload).expect("it can be written");
            let read: Payload = serde_json::from_str(&stored).expect("it can be read");
            assert_eq!(read, accepted.payload);
            assert!(!has_nul(&stored), "{stored}");
            let metadata = serde_json::to_string(&accepted.metadata).expect("it can be written");
            assert!(!has_nul(&metadata), "{metadata}");
            let again = envelope::decode(body, &wrapping).expect("the same again");
            assert_eq!(again, accepted);
        }
        Err(refusal) => {
            assert!(!refusal.detail.is_empty());
            assert!(refusal.detail.len() <= 1_000, "{}", refusal.detail.len());
            assert!(refusal.mistakes.len() <= 32);
        }
    }
    let _ = envelope::decode_file(body, wrapping.max_body_bytes, wrapping.now);
}

/// Whether JSON stands for U+0000 somewhere: an escaped backslash before `u0000` does not.
fn has_nul(json: &str) -> bool {
    json.replace("\\\\", "").contains("\\u0000")
}

/// The properties of a message, as they stand in its frame.
pub(crate) fn headers(frame: &[u8]) {
    if let Ok((_, properties)) = lapin::protocol::basic::parse_properties(frame) {
        fuzzing::properties(&properties);
    }
}

/// What a broker sends. Whatever the pieces that it comes in, the client library sees the same, and it
/// can read every message's properties.
pub(crate) fn frames(bytes: &[u8]) {
    let whole = fuzzing::seen(bytes, usize::MAX);
    for most in [1, 7, 64] {
        match (&whole, fuzzing::seen(bytes, most)) {
            (Ok(whole), Ok(pieces)) => assert_eq!(*whole, pieces, "{most}"),
            (Err(_), Err(_)) => {}
            (whole, pieces) => panic!("{most}: {whole:?}, {pieces:?}"),
        }
    }
    let mut rest = whole.unwrap_or_default();
    // What begins with an A is no frame, and the connection's end.
    while let [kind, _, _, a, b, c, d, ..] = *rest.as_slice()
        && kind != b'A'
    {
        let payload = usize::try_from(u32::from_be_bytes([a, b, c, d])).expect("it is small");
        let Some(after) = rest.get(payload + 8..) else {
            return;
        };
        if kind == 2 {
            let properties = rest
                .get(7 + 12..7 + payload)
                .expect("class, weight and size");
            let (unread, _) = lapin::protocol::basic::parse_properties(properties)
                .expect("what cannot be read is replaced");
            assert!(unread.is_empty());
        }
        rest = after.to_vec();
    }
}

/// A template, a line of three hyphens, and the variables as JSON.
pub(crate) fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, variables) = text.split_once("\n---\n").unwrap_or((&text, "{}"));
    let variables: Map<String, Value> = serde_json::from_str(variables).unwrap_or_default();
    let source = TemplateSource {
        tenant_id: Uuid::nil(),
        name: "t".to_owned(),
        channel: Channel::Email,
        locale: "en".to_owned(),
        version: 1,
        subject: Some(text.to_owned()),
        title: None,
        body: Some(text.to_owned()),
        html: Some(text.to_owned()),
        variables: vec!["name?".to_owned()],
        trouble: None,
    };
    let _ = Library::check(&source);
    let limits = Limits {
        max_output_bytes: 10_000,
        fuel: 20_000,
    };
    let library = Library::compile(&[source], limits);
    let reader = LocaleHints::default();
    let rendered = library.render(Uuid::nil(), Channel::Email, "t", reader, &variables, None);
    match rendered {
        Ok(rendered) => {
            let subject = rendered.content.subject.expect("there is one");
            assert!(!subject.contains(['\r', '\n', '\0']), "{subject:?}");
            for text in [rendered.content.body, rendered.content.html] {
                assert!(text.expect("there is one").len() <= limits.max_output_bytes);
            }
        }
        Err(error) => assert!(!error.message.is_empty()),
    }
}

/// A file of `herald apply`.
pub(crate) fn manifest(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A value may stand in any file of the machine, also in one without an end.
    if text.contains("file") {
        return;
    }
    let (path, sources) = (Path::new("fuzz.toml"), Sources::default());
    match Manifest::parse(path, &text, &sources, &ManifestChecks::default()) {
        Ok(manifest) => assert!(manifest.len() <= text.len()),
        Err(error) => assert!(!error.mistakes.is_empty()),
    }
}
