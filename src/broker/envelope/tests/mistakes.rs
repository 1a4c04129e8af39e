//! All mistakes of a message at once, each with its place.

use super::*;

/// Pointer and code of each mistake.
fn told(envelope: &Value) -> Vec<(String, &'static str)> {
    let refusal = decoded(envelope).unwrap_err();
    let mistakes = refusal.mistakes.into_iter();
    mistakes.map(|it| (it.pointer, it.code)).collect()
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let envelope = json!({
        "version": "1",
        "user_id": "ana",
        "chanel": "email",
        "priority": "soon",
        "category": "",
        "template": { "variables": [], "lang/~": 1 },
        "to": "a@x.example,b@y.example",
        "recipient": { "email": "nobody", "phone": "0151", "timezone": "Mars/Base", "locale": 7, "age": 3 },
        "send_at": "tomorrow",
        "expires_at": "1960-01-01T00:00:00Z",
        "max_retries": 101,
        "source": {},
        "metadata": "x",
    });
    let mut told = told(&envelope);
    told.sort_unstable();
    let expected = [
        ("/category", "invalid"),
        ("/chanel", "unknown_field"),
        ("/expires_at", "invalid"),
        ("/max_retries", "invalid"),
        ("/metadata", "wrong_type"),
        ("/priority", "invalid"),
        ("/recipient/age", "unknown_field"),
        ("/recipient/email", "bad_address"),
        ("/recipient/locale", "wrong_type"),
        ("/recipient/phone", "bad_address"),
        ("/recipient/timezone", "invalid"),
        ("/send_at", "invalid"),
        ("/source/id", "required"),
        ("/source/type", "required"),
        ("/template/lang~1~0", "unknown_field"),
        ("/template/name", "required"),
        ("/template/variables", "wrong_type"),
        ("/to", "bad_address"),
        ("/user_id", "invalid"),
        ("/version", "wrong_type"),
    ];
    assert_eq!(
        told,
        expected.map(|(pointer, code)| (pointer.to_owned(), code))
    );
}

#[test]
fn a_refusal_says_all_and_begins_with_its_reason() {
    let mut envelope = with("to", json!("nobody"));
    envelope["max_retries"] = json!(-1);
    let refusal = decoded(&envelope).unwrap_err();
    assert_eq!(refusal.reason, Rejection::InvalidEnvelope);
    for words in [
        "max_retries: invalid value",
        "`to` is not one e-mail address",
    ] {
        assert!(refusal.detail.contains(words), "{}", refusal.detail);
    }
    envelope["max_retries"] = json!(1);
    let refusal = decoded(&envelope).unwrap_err();
    assert_eq!(refusal.reason, Rejection::BadAddress);
}

#[test]
fn what_is_missing_is_told_once_and_nothing_follows_from_it() {
    assert_eq!(
        told(&json!({})),
        [
            ("/version".to_owned(), "required"),
            ("/user_id".to_owned(), "required"),
            ("/content".to_owned(), "required"),
        ]
    );
    let broken = with("content", json!({ "subject": 7 }));
    assert_eq!(
        told(&broken),
        [("/content/subject".to_owned(), "wrong_type")]
    );
    let file = |envelope: &Value| {
        let body = envelope.to_string();
        let refusal = decode_file(body.as_bytes(), 4_096, wrapping().now).unwrap_err();
        let mistakes = refusal.mistakes.into_iter();
        mistakes.map(|it| it.pointer).collect::<Vec<_>>()
    };
    let mut nowhere = plain();
    nowhere.as_object_mut().unwrap().remove("channel");
    assert_eq!(file(&nowhere), ["/channel"]);
    assert_eq!(file(&with("channel", json!("pigeon"))), ["/channel"]);
}

#[test]
fn nothing_of_what_was_sent_is_repeated() {
    for (field, value) in [
        ("user_id", json!("secret")),
        ("priority", json!("secret")),
        ("send_at", json!("secret")),
        ("to", json!("secret")),
        ("max_retries", json!("secret, expected \"secret\"")),
        ("content", json!("secret")),
        ("content", json!({ "subject": ["secret"] })),
        (
            "recipient",
            json!({ "email": "secret", "timezone": "secret" }),
        ),
    ] {
        let detail = decoded(&with(field, value)).unwrap_err().detail;
        assert!(!detail.contains("secret"), "{detail}");
    }
}

proptest! {
    #[test]
    fn whatever_is_wrong_has_a_place(field in "[a-z_]{1,12}", number: f64, text in "\\PC{0,20}") {
        for value in [json!(number), json!(text), json!([text]), json!({ text.as_str(): number })] {
            if let Err(refusal) = decoded(&with(&field, value)) {
                prop_assert!(!refusal.mistakes.is_empty(), "{}", refusal.detail);
            }
        }
    }
}
