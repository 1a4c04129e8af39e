use serde_json::json;

use super::*;
use crate::domain::ProviderKind;
use crate::providers::events;
use crate::providers::testing::{ID, account, now};

/// SendGrid's own vector (sendgrid-python, test/unit/test_eventwebhook.py).
const VENDOR_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
const OTHER_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj+y7GjUuFDb/R1NGe1OPzpA==";
const VENDOR_SIGNATURE: &str = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
const VENDOR_TIMESTAMP: &str = "1600112502";
const VENDOR_BODY: &str = "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n";

fn vendor_now() -> Timestamp {
    Timestamp::from_second(1_600_112_503).unwrap()
}

fn told(
    key: Option<&str>,
    signature: &str,
    timestamp: &str,
    (body, now): (&[u8], Timestamp),
) -> Result<Vec<HeardEvent>, EventRefusal> {
    let config = match key {
        Some(key) => json!({ "from": "a@example.com", "event_public_key": key }),
        None => json!({ "from": "a@example.com" }),
    };
    let account = account(ProviderKind::Sendgrid, Some("SG.key"), None, config);
    let head = EventHead {
        url: None,
        query: "",
        headers: vec![(SIGNATURE, signature), (TIMESTAMP, timestamp)],
        now,
    };
    events::read(&account, &head, body)
}

#[test]
fn the_vendors_vector_passes_and_whatever_is_changed_of_it_does_not() {
    let body = VENDOR_BODY.as_bytes();
    let good = (body, vendor_now());
    let events = told(Some(VENDOR_KEY), VENDOR_SIGNATURE, VENDOR_TIMESTAMP, good).unwrap();
    let [dropped] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(dropped.event, ProviderEvent::Dropped);
    assert_eq!(dropped.blame, Some(EventBlame::Dead));
    assert_eq!(
        dropped.event_id,
        "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA"
    );
    let armoured = format!("-----BEGIN PUBLIC KEY-----\n{VENDOR_KEY}\n-----END PUBLIC KEY-----");
    assert!(told(Some(&armoured), VENDOR_SIGNATURE, VENDOR_TIMESTAMP, good).is_ok());

    let wrong = Err(EventRefusal::WrongSignature);
    let without_end = (body.trim_ascii_end(), vendor_now());
    let changed = VENDOR_BODY.replace("hello", "hallo");
    let changed = (changed.as_bytes(), vendor_now());
    for (key, signature, timestamp, told_body) in [
        (VENDOR_KEY, VENDOR_SIGNATURE, VENDOR_TIMESTAMP, without_end),
        (VENDOR_KEY, VENDOR_SIGNATURE, VENDOR_TIMESTAMP, changed),
        (VENDOR_KEY, VENDOR_SIGNATURE, "1600112503", good),
        (OTHER_KEY, VENDOR_SIGNATURE, VENDOR_TIMESTAMP, good),
        (VENDOR_KEY, "bm8=", VENDOR_TIMESTAMP, good),
        (VENDOR_KEY, "%", VENDOR_TIMESTAMP, good),
        ("bm8=", VENDOR_SIGNATURE, VENDOR_TIMESTAMP, good),
        ("?", VENDOR_SIGNATURE, VENDOR_TIMESTAMP, good),
    ] {
        assert_eq!(told(Some(key), signature, timestamp, told_body), wrong);
    }
    let no_key = told(None, VENDOR_SIGNATURE, VENDOR_TIMESTAMP, good);
    assert_eq!(no_key, Err(EventRefusal::NoKey));
}

#[test]
fn a_call_is_good_for_a_days_retries_and_not_for_ever() {
    let body = VENDOR_BODY.as_bytes();
    let at = |seconds: i64| {
        let now = Timestamp::from_second(1_600_112_502 + seconds).unwrap();
        told(
            Some(VENDOR_KEY),
            VENDOR_SIGNATURE,
            VENDOR_TIMESTAMP,
            (body, now),
        )
        .map(|it| it.len())
    };
    assert_eq!(at(24 * 3_600), Ok(1));
    assert_eq!(at(26 * 3_600), Err(EventRefusal::Stale));
    assert_eq!(at(-200), Ok(1));
    assert_eq!(at(-400), Err(EventRefusal::Stale));
    let good = (body, vendor_now());
    let odd = told(Some(VENDOR_KEY), VENDOR_SIGNATURE, "soon", good);
    assert_eq!(odd, Err(EventRefusal::Stale));
}

fn one(event: Value) -> HeardEvent {
    let body = json!([event]).to_string();
    events(body.as_bytes(), now()).remove(0)
}

#[test]
fn events_are_told_apart_by_what_they_say_and_not_by_their_name() {
    use EventBlame::{Complained, Dead, Unsubscribed, Way};
    use ProviderEvent::{
        Block, Bounce, Click, Complaint, Delivered, Dropped, MachineOpen, Open, Other, Resubscribe,
        SoftBounce, Unsubscribe,
    };
    for (event, expected, blame) in [
        (
            json!({"event": "delivered", "response": "250 OK"}),
            Delivered,
            None,
        ),
        (
            json!({"event": "bounce", "type": "bounce", "status": "5.1.1"}),
            Bounce,
            Some(Dead),
        ),
        (
            json!({"event": "bounce", "type": "bounce"}),
            Bounce,
            Some(Dead),
        ),
        (
            json!({"event": "bounce", "type": "blocked", "reason":
                "550 5.7.1 Unfortunately, messages from [1.2.3.4] weren't sent (S3150)"}),
            Block,
            Some(Way),
        ),
        (
            json!({"event": "bounce", "type": "bounce", "status": "5.7.1"}),
            Block,
            Some(Way),
        ),
        (
            json!({"event": "bounce", "type": "bounce", "status": "5.1.1",
                "bounce_classification": "Reputation"}),
            Block,
            Some(Way),
        ),
        (
            json!({"event": "bounce", "type": "blocked", "bounce_classification": "Content"}),
            Block,
            None,
        ),
        (
            json!({"event": "bounce", "type": "blocked", "status": "5.2.2",
                "reason": "552 5.2.2 over quota"}),
            SoftBounce,
            None,
        ),
        (
            json!({"event": "bounce", "type": "blocked", "bounce_classification": "Invalid Address"}),
            Bounce,
            Some(Dead),
        ),
        (
            json!({"event": "dropped", "reason": "Bounced Address"}),
            Dropped,
            Some(Dead),
        ),
        (
            json!({"event": "dropped", "reason": "Spam Reporting Address"}),
            Dropped,
            Some(Complained),
        ),
        (
            json!({"event": "dropped", "reason": "Unsubscribed Address"}),
            Dropped,
            Some(Unsubscribed),
        ),
        (
            json!({"event": "dropped", "reason": "Invalid SMTPAPI header"}),
            Dropped,
            None,
        ),
        (
            json!({"event": "dropped", "reason": "Recipient List over Package Quota"}),
            Dropped,
            Some(Way),
        ),
        (
            json!({"event": "dropped", "reason": "Group Unsubscribe"}),
            Dropped,
            Some(Unsubscribed),
        ),
        (
            json!({"event": "dropped", "reason": "Duplicate message"}),
            Dropped,
            None,
        ),
        (json!({"event": "dropped"}), Dropped, None),
        (
            json!({"event": "bounce", "type": "bounce", "reason":
                "554 Service unavailable; Client host [1.2.3.4] blocked using zen.spamhaus.org"}),
            Block,
            Some(Way),
        ),
        (
            json!({"event": "bounce", "type": "bounce", "reason": "550 Message rejected as spam by Content Filtering."}),
            Block,
            None,
        ),
        (
            json!({"event": "bounce", "type": "bounce", "status": "5.2.1", "reason":
                "550-5.2.1 The user you are trying to contact is receiving mail at a rate that"}),
            SoftBounce,
            None,
        ),
        (
            json!({"event": "bounce", "type": "bounce", "reason": "550 No Such User Here"}),
            Bounce,
            Some(Dead),
        ),
        (
            json!({"event": "bounce", "type": "blocked", "status": "4.0.0", "reason": "450 later"}),
            Block,
            Some(Way),
        ),
        (
            json!({"event": "bounce", "type": "expired", "reason": "unable to get mx info"}),
            Block,
            Some(Way),
        ),
        (json!({"event": "bounce", "type": ""}), Bounce, Some(Dead)),
        (json!({"event": "open"}), Open, None),
        (
            json!({"event": "open", "sg_machine_open": true}),
            MachineOpen,
            None,
        ),
        (
            json!({"event": "click", "url": "https://x.example/a?who=ana"}),
            Click,
            None,
        ),
        (json!({"event": "spamreport"}), Complaint, None),
        (
            json!({"event": "group_unsubscribe", "asm_group_id": 7}),
            Unsubscribe,
            None,
        ),
        (json!({"event": "group_resubscribe"}), Resubscribe, None),
        (json!({"event": "account_status_change"}), Other, None),
        (json!({"event": 7}), Other, None),
        (json!({}), Other, None),
    ] {
        let heard = one(event.clone());
        assert_eq!((heard.event, heard.blame), (expected, blame), "{event}");
    }
    let click = one(json!({"event": "click", "url": "https://x.example/a?who=ana"}));
    assert_eq!(click.detail.as_deref(), Some("https://x.example/a"));
}

#[test]
fn an_event_is_known_by_its_id_and_names_ours_the_messages_and_the_address() {
    let event = json!({
        "event": "bounce", "type": "bounce", "email": "Ana@Example.com", "timestamp": 1_795_175_000,
        "sg_event_id": "e-1", "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "herald_notification_id": ID, "status": "5.1.1", "reason": "550 5.1.1 <ana@example.com> unknown",
        "category": ["a", "b"], "new_field": {"x": 1},
    });
    let heard = one(event.clone());
    assert_eq!(heard.named, Some((ID, EventMatch::Id)));
    assert_eq!(heard.event_id, "e-1");
    assert_eq!(heard.address.as_deref(), Some("ana@example.com"));
    assert_eq!(heard.at, Timestamp::from_second(1_795_175_000).unwrap());
    assert_eq!(heard.code.as_deref(), Some("5.1.1"));
    assert_eq!(
        heard.detail.as_deref(),
        Some("550 5.1.1 <<address>> unknown")
    );
    let kept: Value = serde_json::from_str(&heard.raw.clone().unwrap()).unwrap();
    assert_eq!(kept, event, "nothing is left out");
    // Without an id, equal bytes are one event, and others are another.
    for id in [json!(""), json!(null), json!("a\u{0}")] {
        let mut nameless = event.clone();
        nameless["sg_event_id"] = id;
        let first = one(nameless.clone());
        assert!(first.event_id.starts_with("sha256:"));
        assert_eq!(first.event_id, one(nameless.clone()).event_id);
        nameless["status"] = json!("5.1.2");
        assert_ne!(first.event_id, one(nameless).event_id);
    }
    let bare = one(json!({"event": "bounce", "smtp-id": "<abc@ismtpd.example>"}));
    assert_eq!(bare.message_id.as_deref(), Some("abc"));
    let empty = json!({"event": "bounce", "sg_message_id": "", "smtp-id": "<abc@ismtpd.example>"});
    assert_eq!(one(empty).message_id.as_deref(), Some("abc"));
    for seconds in [
        json!("1795175000"),
        json!(1_795_175_000.75),
        json!("1795175000.75"),
    ] {
        let told = one(json!({"event": "open", "timestamp": seconds}));
        let expected = Timestamp::from_second(1_795_175_000).unwrap();
        assert_eq!(told.at, expected, "{seconds}");
    }
    assert_eq!((bare.at, bare.named, bare.address), (now(), None, None));
}

#[test]
fn a_bad_event_stops_no_other() {
    let body = b"[{\"event\":\"delivered\",\"sg_event_id\":\"1\"},\r\n7,{\"event\":\"open\",\"x\":\"\xff\"},\
        {\"event\":\"click\",\"n\":1e999999,\"z\":\"\\u0000\"},null]\r\n";
    let heard = events(body, now());
    let kinds: Vec<ProviderEvent> = heard.iter().map(|it| it.event).collect();
    use ProviderEvent::{Click, Delivered, Open, Unreadable};
    assert_eq!(kinds, [Delivered, Unreadable, Open, Click, Unreadable]);
    let deep = format!("[{}{}]", "[".repeat(2_000), "]".repeat(2_000));
    assert_eq!(events(deep.as_bytes(), now())[0].event, Unreadable);
    assert_eq!(events(b"", now()), []);
    assert_eq!(events(b"[]\r\n", now()), []);
    assert_eq!(events(b"nothing", now())[0].event, Unreadable);
    assert_eq!(events(b"{\"event\":\"open\"}", now())[0].event, Open);
    let broken = b"[{\"event\":\"delivered\"},\r\n{\"event\":open},\r\n{\"event\":\"click\"}]";
    let heard = events(broken, now());
    let kinds: Vec<ProviderEvent> = heard.iter().map(|it| it.event).collect();
    assert_eq!(kinds, [Delivered, Unreadable, Click]);
}
