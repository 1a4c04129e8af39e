use super::*;
use crate::domain::DEFAULT_TENANT;

fn decoded(body: &Value) -> Result<EventDraft, Refusal> {
    let wrapping = EventWrapping {
        tenant_id: DEFAULT_TENANT,
        may_name_tenant: false,
        traceparent: None,
        id: Uuid::from_u128(7),
        now: Timestamp::UNIX_EPOCH,
    };
    decode(body.to_string().as_bytes(), &wrapping)
}

fn event() -> Value {
    json!({"specversion": "1.0", "id": "e1", "source": "/desk", "type": "ticket.replied", "subject": "7",
        "datacontenttype": "application/json", "traceparent": "x", "data": {"n": 1.10}})
}

#[test]
fn an_event_is_read_and_a_repetition_says_the_same() {
    let draft = decoded(&event()).unwrap();
    assert_eq!(
        (draft.event.kind.as_str(), draft.event.subject.as_deref()),
        ("ticket.replied", Some("7"))
    );
    assert_eq!(draft.event.time, Timestamp::UNIX_EPOCH);
    assert_eq!(draft.event.data.to_string(), r#"{"n":1.1}"#);
    assert_eq!(draft.said, decoded(&event()).unwrap().said);
    let mut again = event();
    again["traceparent"] = json!("another");
    again["tracestate"] = json!("another");
    assert_eq!(draft.said, decoded(&again).unwrap().said);
    let timed = |time: &str| {
        let mut timed = event();
        timed["time"] = json!(time);
        decoded(&timed).unwrap().said
    };
    assert_eq!(
        timed("2026-11-30T10:00:00Z"),
        timed("2026-11-30T11:00:00.000+01:00")
    );
    assert_ne!(timed("2026-11-30T10:00:00Z"), timed("2026-11-30T10:00:01Z"));
    let mut other = event();
    other["data"]["n"] = json!(2);
    assert_ne!(draft.said, decoded(&other).unwrap().said);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let body = json!({"specversion": "0.3", "id": 5, "source": "", "time": "2026-11-30 10:00Z", "tenantId": "x",
        "datacontenttype": "text/xml", "tenantid": Uuid::from_u128(9), "data_base64": "eA==", "ext": {}});
    let refusal = decoded(&body).unwrap_err();
    assert_eq!(refusal.reason, Rejection::InvalidEvent);
    let mut wrong: Vec<_> = refusal
        .mistakes
        .iter()
        .map(|it| (it.pointer.as_str(), it.code))
        .collect();
    wrong.sort_unstable();
    assert_eq!(
        wrong,
        [
            ("/data_base64", "invalid"),
            ("/datacontenttype", "invalid"),
            ("/ext", "wrong_type"),
            ("/id", "wrong_type"),
            ("/source", "invalid"),
            ("/specversion", "invalid"),
            ("/tenantId", "unknown_field"),
            ("/tenantid", "invalid"),
            ("/time", "invalid"),
            ("/type", "required"),
        ]
    );
}

#[test]
fn what_is_no_event_has_its_reason() {
    let wrapping = EventWrapping {
        tenant_id: DEFAULT_TENANT,
        may_name_tenant: true,
        traceparent: None,
        id: Uuid::from_u128(7),
        now: Timestamp::UNIX_EPOCH,
    };
    let reason = |body: &[u8]| decode(body, &wrapping).unwrap_err().reason;
    assert_eq!(reason(b"{"), Rejection::MalformedJson);
    assert_eq!(reason(b"\xff\xff"), Rejection::MalformedJson);
    assert_eq!(reason(b"[]"), Rejection::InvalidEvent);
    assert_eq!(reason(br#"{"id":"a","id":"b"}"#), Rejection::InvalidEvent);
    assert_eq!(reason(&vec![b' '; MOST_BYTES + 1]), Rejection::TooLarge);
    let mut large = event();
    large["data"] = json!("x".repeat(MOST_DATA_BYTES));
    assert_eq!(reason(large.to_string().as_bytes()), Rejection::TooLarge);
}

#[test]
fn an_event_of_ours_names_its_notification() {
    let mut own = event();
    own["type"] = json!("notification.sent");
    own["data"] = json!({"id": Uuid::from_u128(5)});
    assert_eq!(decoded(&own).unwrap().caused_by, Some(Uuid::from_u128(5)));
}
