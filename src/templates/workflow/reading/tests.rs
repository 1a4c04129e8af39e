use serde_json::json;

use super::super::definition::{Deed, DigestWindow, Reached};
use super::*;

fn minimal(changes: Value) -> Map<String, Value> {
    let mut definition = json!({"name": "w", "on": "ticket.replied", "recipients": ["data.requester_id"],
        "steps": [{"send": {"channel": "in_app", "template": "t"}}]});
    let fields = definition.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        fields.insert(key.clone(), value.clone());
    }
    fields.clone()
}

/// Pointers and codes of what is wrong.
fn wrong(changes: Value) -> Vec<(String, &'static str)> {
    let mistakes = read(&minimal(changes)).unwrap_err();
    mistakes
        .into_iter()
        .map(|it| (it.pointer, it.code))
        .collect()
}

fn steps(steps: Value) -> Vec<Deed> {
    let workflow = read(&minimal(json!({"steps": steps}))).unwrap();
    workflow.moves.into_iter().map(|it| it.deed).collect()
}

#[test]
fn the_contracts_example_is_read() {
    let workflow = read(&minimal(json!({
        "name": "ticket-replied", "when": "not data.internal", "exclude": ["data.author_id"],
        "cancel_on": {"type": "ticket.closed", "key": "data.ticket_id"}, "key": "data.ticket_id",
        "steps": [
            {"send": {"channel": "in_app", "template": "ticket-replied"}},
            {"wait": {"for": "10m", "unless": "read"}},
            {"digest": {"for": "15m", "key": "data.ticket_id", "at_most": 50}},
            {"send": {"channel": "email", "template": "ticket-digest", "priority": "low"}},
        ]
    })))
    .unwrap();
    assert_eq!(workflow.name, "ticket-replied");
    assert_eq!(workflow.moves.len(), 5);
    let Deed::EndIf(reach) = &workflow.moves[2].deed else {
        panic!("{:?}", workflow.moves[2])
    };
    assert_eq!(
        (reach.effect, reach.of.as_slice()),
        (Reached::Read, &[0][..])
    );
    let Deed::Digest(digest) = &workflow.moves[3].deed else {
        panic!("{:?}", workflow.moves[3])
    };
    assert_eq!((digest.keeps, digest.least), (50, 1));
    assert!(matches!(digest.window, DigestWindow::Fixed(_)));
    assert_eq!(workflow.moves[4].label, "4");
}

#[test]
fn a_route_is_laid_out_with_its_pauses() {
    let deeds = steps(json!([{"send": {"route": [
        {"channel": "in_app", "template": "t"},
        {"channel": "push", "template": "t"},
        {"channel": "email", "template": "t", "after": "15m", "unless": "seen"},
        {"channel": "sms", "template": "t", "after": "20m", "unless": "seen"},
    ]}}]));
    assert!(
        matches!(&deeds[..], [Deed::Send(_), Deed::Send(_), Deed::Pause(first), Deed::Send(email),
        Deed::Pause(second), Deed::Send(_)]
        if first.as_secs() == 900 && second.as_secs() == 300
            && email.unless.as_ref().unwrap().of == [0, 1])
    );
}

#[test]
fn what_is_left_out_is_counted_in_moves() {
    let deeds = steps(json!([
        {"when": "data.a", "send": {"route": [{"channel": "in_app", "template": "t"},
            {"channel": "email", "template": "t", "after": "1m"}]}},
        {"condition": {"when": "data.b", "otherwise": "skip"}},
        {"wait": {"for": "1m", "unless": "read"}},
        {"when": "data.c", "stop": true},
        {"condition": {"when": "data.d"}},
    ]));
    assert!(matches!(&deeds[0], Deed::SkipUnless(_, 3)));
    assert!(matches!(&deeds[4], Deed::SkipUnless(_, 2)));
    assert!(matches!(&deeds[7], Deed::SkipUnless(_, 1)));
    assert!(matches!(&deeds[9], Deed::Unless(_)));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    assert_eq!(
        wrong(
            json!({"on": "a b", "when": "((", "recipients": ["x.y", 1, "topic:"], "colour": 1,
            "exclude": "data.a", "cancel_on": {"type": "x"},
            "steps": [{}, {"send": {"channel": "pigeon"}}, {"wait": {"for": "ever"}}, 7]})
        ),
        [
            ("/on".to_owned(), "invalid"),
            ("/when".to_owned(), "invalid"),
            ("/recipients/0".to_owned(), "invalid"),
            ("/recipients/1".to_owned(), "wrong_type"),
            ("/recipients/2".to_owned(), "invalid"),
            ("/exclude".to_owned(), "wrong_type"),
            ("/cancel_on/key".to_owned(), "required"),
            ("/steps/0".to_owned(), "required"),
            ("/steps/1/send/template".to_owned(), "required"),
            ("/steps/1/send/channel".to_owned(), "invalid"),
            ("/steps/2/wait/unless".to_owned(), "required"),
            ("/steps/2/wait/for".to_owned(), "invalid"),
            ("/steps/3".to_owned(), "wrong_type"),
            ("/colour".to_owned(), "unknown_field"),
        ]
    );
}

#[test]
fn what_can_never_happen_is_a_mistake() {
    let send = json!({"send": {"channel": "in_app", "template": "t"}});
    let sms = json!({"send": {"channel": "sms", "template": "t"}});
    let wait = json!({"wait": {"for": "1m", "unless": "read"}});
    for (steps, place) in [
        (json!([{"stop": true}, send]), "/steps/1"),
        (json!([wait, send]), "/steps/0/wait/unless"),
        (json!([sms, wait]), "/steps/1/wait/unless"),
        (
            json!([send, {"condition": {"when": "data.a", "otherwise": "skip"}}]),
            "/steps/1",
        ),
        (
            json!([{"send": {"channel": "in_app", "template": "t", "variables": {"n": "digest.count"}}}]),
            "/steps/0/send/variables/n",
        ),
        (
            json!([{"digest": {"for": "1m", "at_least": 5, "close_at": 2}}, send]),
            "/steps/0/digest/close_at",
        ),
        (
            json!([{"digest": {"for": "1m", "every": "hourly"}}, send]),
            "/steps/0/digest",
        ),
        (
            json!([{"digest": {"for": "1m", "sliding": true}}, send]),
            "/steps/0/digest/longest",
        ),
        (
            json!([{"name": "a", "stop": true, "when": "data.x"}, {"name": "a", "stop": true}]),
            "/steps/1/name",
        ),
        (
            json!([{"delay": {"for": "400d"}}, send]),
            "/steps/0/delay/for",
        ),
        (
            json!([{"delay": {"for": "1m", "at": "09:00"}}]),
            "/steps/0/delay",
        ),
        (
            json!([{"send": {"route": [{"channel": "sms", "template": "t", "after": "2m"},
            {"channel": "email", "template": "t", "after": "1m"}]}}]),
            "/steps/0/send/route/1/after",
        ),
    ] {
        let found = wrong(json!({"steps": steps}));
        assert!(
            found.iter().any(|(pointer, _)| pointer == place),
            "{place}: {found:?}"
        );
        assert_eq!(found.len(), 1, "{found:?}");
    }
    assert_eq!(
        wrong(json!({"cancel_on": {"type": "x", "key": "data.id"}})),
        [("/key".to_owned(), "required")]
    );
}
