use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::domain::ProviderKind;
use crate::providers::events;
use crate::providers::testing::{ID, account, now};

const URL: &str = "https://herald.example.com/hooks/twilio/main?b=2&a=1+x";
const SENT: &[u8] =
    b"MessageSid=SM1&MessageStatus=delivered&To=%2B4915112345678&From=%2B1500&Note=";

fn signed(token: &str, url: &str, body: &[u8]) -> String {
    let mut pairs: Vec<_> = url::form_urlencoded::parse(body).collect();
    pairs.sort();
    let text = pairs
        .iter()
        .fold(url.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

fn told(
    config: Value,
    (key, secret): (&str, &str),
    url: Option<&str>,
    signature: &str,
) -> Result<Vec<HeardEvent>, EventRefusal> {
    let account = account(ProviderKind::Twilio, Some(key), Some(secret), config);
    let query = url
        .and_then(|url| url.split_once('?'))
        .map_or("", |(_, query)| query);
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    let head = EventHead {
        url,
        query,
        headers: vec![(SIGNATURE, signature), ("content-type", form)],
        now: now(),
    };
    events::read(&account, &head, SENT)
}

#[test]
fn each_account_has_the_token_of_its_own() {
    let (with_key, own) = (("SK1", "secret"), ("AC1", "token"));
    let signature = signed("token", URL, SENT);
    let token = json!({ "auth_token": "token" });
    assert!(told(token.clone(), with_key, Some(URL), &signature).is_ok());
    assert!(told(json!({}), own, Some(URL), &signature).is_ok());
    let refused = |config, credentials, url, signature: &str| {
        told(config, credentials, url, signature).unwrap_err()
    };
    for (config, credentials) in [
        (json!({ "auth_token": "other" }), with_key),
        (json!({}), ("AC1", "other")),
        // The account's own word counts more.
        (json!({ "auth_token": "other" }), own),
    ] {
        let refusal = refused(config, credentials, Some(URL), &signature);
        assert_eq!(refusal, EventRefusal::WrongSignature);
    }
    let sorted = URL.replace("b=2&a=1+x", "a=1+x&b=2");
    let refusal = refused(token.clone(), with_key, Some(&sorted), &signature);
    assert_eq!(refusal, EventRefusal::WrongSignature);
    // The secret of an API key signs nothing.
    let refusal = refused(json!({}), ("SK1", "token"), Some(URL), &signature);
    assert_eq!(refusal, EventRefusal::NoKey);
    let refusal = refused(token, with_key, None, &signature);
    assert_eq!(refusal, EventRefusal::NoPublicUrl);
}

fn heard(query: &str, body: &str) -> HeardEvent {
    event((query, body.as_bytes(), true), now())
}

#[test]
fn a_status_says_what_became_of_the_message_and_its_code_whom_it_is_about() {
    use EventBlame::{Dead, Stopped, Way};
    use ProviderEvent::{Delivered, Dropped, Other, Processed, Undelivered};
    for (status, error, expected, blame) in [
        ("queued", "", Processed, None),
        ("sent", "", Processed, None),
        ("delivered", "", Delivered, None),
        ("undelivered", "30003", Undelivered, Some(Way)),
        ("undelivered", "30005", Undelivered, Some(Dead)),
        ("undelivered", "30007", Undelivered, None),
        ("undelivered", "30034", Undelivered, Some(Way)),
        ("undelivered", "39999", Undelivered, Some(Way)),
        ("failed", "21610", Undelivered, Some(Stopped)),
        ("failed", "30004", Undelivered, None),
        ("failed", "", Undelivered, Some(Way)),
        ("canceled", "", Dropped, None),
        ("teleported", "", Other, None),
    ] {
        let body = format!(
            "MessageSid=SM1&MessageStatus={status}&ErrorCode={error}&To=%2B49+151+12345678&New=1"
        );
        let event = heard(&format!("notification_id={ID}"), &body);
        assert_eq!(
            (event.event, event.blame),
            (expected, blame),
            "{status} {error}"
        );
        assert_eq!(event.event_id, format!("SM1:{status}"));
        assert_eq!(event.named, Some((ID, EventMatch::Id)));
        assert_eq!(event.address.as_deref(), Some("+4915112345678"));
        assert_eq!(
            event.code.as_deref(),
            Some(error).filter(|it| !it.is_empty())
        );
    }
    let json = br#"{"MessageSid":"SM2","MessageStatus":"sent","To":"+4915112345678"}"#;
    assert_eq!(event(("", json, false), now()).event, Processed);
    for odd in ["", "%00=%00", "\u{0}"] {
        assert!(
            matches!(heard("", odd).event, Other | ProviderEvent::Unreadable),
            "{odd:?}"
        );
    }
    assert_eq!(
        event(("", b"[]", false), now()).event,
        ProviderEvent::Unreadable
    );
}

#[test]
fn of_what_people_write_back_only_stop_and_start_are_heard() {
    use ProviderEvent::{Other, Resubscribe, Unsubscribe};
    for (text, expected) in [
        ("STOP", Unsubscribe),
        (" stop. ", Unsubscribe),
        ("Unsubscribe", Unsubscribe),
        ("Opt out", Unsubscribe),
        ("stop all", Unsubscribe),
        ("start", Resubscribe),
        ("UNSTOP", Resubscribe),
        ("HELP", Other),
        ("please stop calling, my PIN is 1234", Other),
    ] {
        let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let body = format!(
            "MessageSid=SM3&SmsStatus=received&From=%2B4915112345678&To=%2B1500&Body={text}"
        );
        let event = heard(&format!("notification_id={ID}"), &body);
        assert_eq!(event.event, expected, "{text}");
        assert_eq!(event.address.as_deref(), Some("+4915112345678"));
        assert_eq!(event.event_id, "SM3:received");
        assert_eq!(event.named, None);
        let kept = format!("{:?}", event);
        assert!(!kept.contains("1234\"") && !kept.contains("PIN"), "{kept}");
    }
    let advanced =
        "MessageSid=SM4&SmsStatus=received&From=%2B4915112345678&Body=ALTO&OptOutType=STOP";
    assert_eq!(heard("", advanced).event, Unsubscribe);
    // What comes back by another way of the sender is from the same number.
    for from in ["rcs%3A%2B4915112345678", "whatsapp%3A%2B4915112345678"] {
        let body = format!("MessageSid=SM5&SmsStatus=received&From={from}&Body=STOP");
        let stop = heard("", &body);
        assert_eq!(stop.event, Unsubscribe);
        assert_eq!(stop.address.as_deref(), Some("+4915112345678"), "{from}");
    }
    let page = heard(
        "",
        "MessageSid=SM6&SmsStatus=received&From=messenger%3A123&Body=STOP",
    );
    assert_eq!(page.address, None);
}
