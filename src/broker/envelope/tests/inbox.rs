//! What is said for the inbox, and for whom.

use super::*;
use crate::domain::EVERYBODY;

fn in_app(fields: Value) -> Result<Envelope, Refusal> {
    let mut envelope = json!({
        "version": 1,
        "idempotency_key": "k",
        "user_id": "0190c1a0-0000-7000-8000-000000000001",
        "content": { "title": "hello" },
    });
    for (name, value) in fields.as_object().into_iter().flatten() {
        envelope[name] = value.clone();
    }
    let wrapping = Wrapping {
        lane: Some(Lane::new(Channel::InApp, Priority::Normal)),
        ..wrapping()
    };
    decode(envelope.to_string().as_bytes(), &wrapping)
}

fn places(fields: Value) -> Vec<String> {
    let mistakes = in_app(fields).unwrap_err().mistakes.into_iter();
    mistakes.map(|it| it.pointer).collect()
}

#[test]
fn what_is_said_for_the_inbox_is_read_and_is_part_of_what_a_message_says() {
    let said = json!({ "tags": ["a"], "url": "/x", "actions": [{ "id": "ok", "label": "OK", "primary": true }] });
    let envelope = in_app(json!({ "inbox": said })).unwrap();
    let options = envelope.payload.inbox.unwrap();
    assert_eq!((options.tags.len(), options.actions.len()), (1, 1));
    assert!(options.has_action("ok") && options.actions[0].primary);
    assert_ne!(envelope.content, in_app(json!({})).unwrap().content);
    let nothing = in_app(json!({ "inbox": null })).unwrap();
    assert_eq!(nothing.content, in_app(json!({})).unwrap().content);
    let stored = serde_json::to_value(&in_app(json!({ "inbox": said })).unwrap().payload).unwrap();
    assert_eq!(stored["inbox"], said);
}

#[test]
fn mistakes_within_lists_are_told_with_their_places() {
    let said = json!({
        "tags": ["a", 5, "a"],
        "actions": [{ "id": "a b", "label": "", "icon": 1 }, { "label": "x" }, 7],
        "link": "/x",
    });
    let mut told = places(json!({ "inbox": said }));
    told.sort_unstable();
    for place in [
        "/inbox/tags/1",
        "/inbox/actions/0/icon",
        "/inbox/actions/1/id",
        "/inbox/actions/2",
        "/inbox/link",
    ] {
        assert!(told.iter().any(|it| it == place), "{place}: {told:?}");
    }
    let words = decoded(&with("inbox", json!({}))).unwrap_err().detail;
    assert_eq!(words, "`inbox` is for the channel in_app alone");
}

#[test]
fn everybody_is_said_and_nobody_gets_there_by_accident() {
    assert_eq!(
        in_app(json!({ "user_id": null })).unwrap().user_id,
        EVERYBODY
    );
    assert_eq!(places(json!({ "user_id": EVERYBODY })), ["/user_id"]);
    assert_eq!(
        places(json!({ "user_id": null, "recipient": {} })),
        ["/recipient"]
    );
    assert_eq!(
        places(json!({ "user_id": null, "content": {} })),
        ["/content"]
    );
    let mut absent = plain();
    absent.as_object_mut().unwrap().remove("user_id");
    assert_eq!(decoded(&absent).unwrap_err().mistakes[0].code, "required");
    let by_mail = with("user_id", Value::Null);
    assert_eq!(
        decoded(&by_mail).unwrap_err().mistakes[0].pointer,
        "/user_id"
    );
}
