//! What is to be sent, as it is written.

use super::*;

fn over(channel: Channel, content: &str) -> Result<Envelope, Refusal> {
    let id = "0190c1a0-0000-7000-8000-000000000001";
    let body = format!("{{\"version\":1,\"user_id\":\"{id}\",\"content\":{content}}}");
    let wrapping = Wrapping {
        lane: Some(Lane::new(channel, Priority::Normal)),
        max_body_bytes: 262_144,
        ..wrapping()
    };
    decode(body.as_bytes(), &wrapping)
}

#[test]
fn content_that_its_channel_cannot_carry_is_refused_at_the_door() {
    let long = |count| json!({ "subject": "x", "body": "ü".repeat(count) }).to_string();
    let (invalid, large) = (Rejection::InvalidEnvelope, Rejection::TooLarge);
    for (channel, content, reason, words) in [
        (
            Channel::Email,
            r#"{"body":"x"}"#,
            invalid,
            "needs a subject",
        ),
        (
            Channel::Sms,
            &*long(1_601),
            large,
            "has 1601 characters; at most 1600",
        ),
        (Channel::Chat, &*long(40_001), large, "at most 40000"),
        (Channel::Push, &*long(2_048), large, "at most 4096"),
        (
            Channel::Push,
            r#"{"data":{"from":"x"}}"#,
            invalid,
            "`from` is reserved",
        ),
    ] {
        let refusal = over(channel, content).unwrap_err();
        assert_eq!(refusal.reason, reason, "{channel}");
        assert!(refusal.detail.contains(words), "{}", refusal.detail);
        assert!(!refusal.detail.contains('ü'), "no text of the message");
    }
    for channel in [Channel::Sms, Channel::Email, Channel::Chat, Channel::InApp] {
        assert!(over(channel, &long(1_600)).is_ok(), "{channel}");
    }
}

#[test]
fn numbers_stay_as_they_are_written() {
    let data = r#"{"a":89490200001234567890,"b":1.10,"c":1e400,"d":[-0,{"e":2.50E-7}]}"#;
    let content = format!("{{\"body\":\"x\",\"data\":{data}}}");
    let envelope = over(Channel::Push, &content).unwrap();
    let Body::Content(content) = envelope.payload.body else {
        panic!("content");
    };
    let data = content.data.unwrap();
    let text = |key: &str| crate::domain::carriage::push_value(&data[key]).into_owned();
    assert_eq!(text("a"), "89490200001234567890");
    assert_eq!((text("b"), text("c")), ("1.10".into(), "1e400".into()));
    assert_eq!(text("d"), r#"[-0,{"e":2.50E-7}]"#);
}
