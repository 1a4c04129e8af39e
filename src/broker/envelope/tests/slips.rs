//! What publishers write though they mean an envelope.

use super::*;

#[test]
fn json_mistake_is_told_with_its_place() {
    let body = |rest: &str| {
        let id = "0190c1a0-0000-7000-8000-000000000001";
        format!("{{\"version\":1,\"user_id\":\"{id}\",\"content\":{{\"body\":\"x\"}}{rest}}}")
    };
    let malformed = Rejection::MalformedJson;
    for (rest, reason, words) in [
        (",", malformed, "trailing comma at line 1 column"),
        (",\"metadata\":{\"a\":[1,]}", malformed, "trailing comma"),
        (
            ",\"metadata\":{\"a\":NaN}",
            malformed,
            "expected value at line 1",
        ),
        (
            ",\"metadata\":{\"a\":Infinity}",
            malformed,
            "expected value",
        ),
        (",\"metadata\":{'a':1}", malformed, "key must be a string"),
        (
            ",\"metadata\":{\"a\":\"\t\"}",
            malformed,
            "control character",
        ),
        (" /* why */", malformed, "expected `,` or `}`"),
        (
            ",\"user_id\":\"x\"",
            Rejection::InvalidEnvelope,
            "`user_id` stands twice",
        ),
        (
            ",\"metadata\":{\"a\":{\"b\":1,\"b\":2}}",
            Rejection::InvalidEnvelope,
            "`b` stands twice",
        ),
        // Equal once what PostgreSQL cannot store is gone.
        (
            ",\"metadata\":{\"a\\u0000\":1,\"a\":2}",
            Rejection::InvalidEnvelope,
            "`a` stands twice",
        ),
    ] {
        let refusal = decode(body(rest).as_bytes(), &wrapping()).unwrap_err();
        assert_eq!(refusal.reason, reason, "{rest}: {}", refusal.detail);
        assert!(refusal.detail.contains(words), "{rest}: {}", refusal.detail);
    }
    let deep = format!(
        ",\"metadata\":{{\"a\":{}1{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    let refusal = decode(body(&deep).as_bytes(), &wrapping()).unwrap_err();
    assert!(
        refusal.detail.contains("127 levels deep"),
        "{}",
        refusal.detail
    );
}

#[test]
fn common_slips_of_publishers_cost_no_message() {
    let halves = plain()
        .to_string()
        .replace("hello", "\\ud83d \\ude00\\u0000");
    let body = format!("\u{feff}{halves}");
    let file = decode_file(body.as_bytes(), 4_096, wrapping().now).unwrap();
    assert_eq!(Some(file.lane), wrapping().lane);
    let decoded = decode(body.as_bytes(), &wrapping()).unwrap();
    let Body::Content(content) = decoded.payload.body else {
        panic!("content was given");
    };
    assert_eq!(content.subject.as_deref(), Some("\u{fffd} \u{fffd}"));
    let wide: Vec<u8> = plain()
        .to_string()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let refusal = decode(&wide, &wrapping()).unwrap_err();
    assert_eq!(refusal.reason, Rejection::MalformedJson);
    assert!(refusal.detail.contains("UTF-16"), "{}", refusal.detail);
}

#[test]
fn expiry_in_the_far_future_is_no_expiry() {
    for never in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999+14:00"] {
        let decoded = decoded(&with("expires_at", json!(never))).unwrap();
        assert_eq!(decoded.expires_at, None, "{never}");
    }
    let soon = decoded(&with("send_at", json!("2026-03-02t00:00:00.1234567891z"))).unwrap();
    assert_eq!(
        soon.send_at,
        Some("2026-03-02T00:00:00.123456789Z".parse().unwrap())
    );
}

#[test]
fn nul_characters_are_dropped_everywhere() {
    let mut envelope = with("metadata", json!({"k\0ey": ["a\0b", {"c": "\0"}]}));
    envelope["content"] = json!({"subject": "a\0b", "body": "c\0"});
    let decoded = decoded(&envelope).unwrap();
    assert_eq!(json!(decoded.metadata), json!({"key": ["ab", {"c": ""}]}));
    assert!(matches!(decoded.payload.body, Body::Content(c) if c.subject.as_deref() == Some("ab")));
}

#[test]
fn json_that_is_no_object_is_no_envelope() {
    for body in ["[1]", "7", "null", " \"text\" "] {
        let refusal = decode(body.as_bytes(), &wrapping()).unwrap_err();
        assert_eq!(refusal.reason, Rejection::InvalidEnvelope, "{body}");
    }
}

#[test]
fn body_that_is_not_json_is_malformed() {
    let deep = "[".repeat(3_000);
    for body in [
        &b"not json"[..],
        b"",
        b"{\"version\":1",
        b"\xff\xfe",
        deep.as_bytes(),
    ] {
        let refusal = decode(body, &wrapping()).unwrap_err();
        assert_eq!(
            refusal.reason,
            Rejection::MalformedJson,
            "{}",
            refusal.detail
        );
    }
    let deep = format!("{{\"version\":1,\"metadata\":{}", "{\"a\":".repeat(600));
    let refusal = decode(deep.as_bytes(), &wrapping()).unwrap_err();
    assert_eq!(refusal.reason, Rejection::MalformedJson);
}
