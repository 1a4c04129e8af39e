//! Twilio's status callbacks, and what people answer.

use loadtest::events::{form_body, twilio_headers};

use super::super::door::{is, told};
use super::{Hooks, PUBLIC_URL};

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_signed_over_the_public_url_as_it_was_called() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("texts", "").await;
    let form = [
        ("MessageSid", "SM1"),
        ("MessageStatus", "delivered"),
        ("To", "+4915112345678"),
        ("Empty", ""),
        ("New", "a b&c"),
    ];
    let query = format!("?b=2&a=1+x&notification_id={sent}");
    assert_eq!(hooks.call(&query, &form).await, 204);
    assert_eq!(hooks.call(&query, &form).await, 204);
    assert_eq!(hooks.events().await, ["delivered id t"]);
    let path = format!("/hooks/twilio/texts{query}");
    let sorted = format!("{PUBLIC_URL}/hooks/twilio/texts?a=1+x&b=2&notification_id={sent}");
    let port = PUBLIC_URL.replace(".com", ".com:443");
    let with_port = twilio_headers("token", &format!("{port}{path}"), &form);
    assert_eq!(
        hooks
            .post(&path, &with_port, &form_body(&form))
            .await
            .status,
        204
    );
    for headers in [
        twilio_headers("token", &sorted, &form),
        twilio_headers("another", &format!("{PUBLIC_URL}{path}"), &form),
        twilio_headers("token", &hooks.stage.url(&path), &form),
    ] {
        let answer = hooks.post(&path, &headers, &form_body(&form)).await;
        assert_eq!(told(&answer), is(403, "events_refused"));
    }
    assert_eq!(hooks.events().await.len(), 1);
    // Without our id: the message's, and the number.
    let texted = hooks.sent("texts", "provider_message_id = 'SM2'").await;
    let form = [
        ("MessageSid", "SM2"),
        ("MessageStatus", "undelivered"),
        ("ErrorCode", "30005"),
        ("To", "+4915112345678"),
    ];
    assert_eq!(hooks.call("", &form).await, 204);
    let matched = format!(
        "SELECT event || ' ' || matched_by || ' ' || code AS text FROM email_logs WHERE notification_id = '{texted}'"
    );
    assert_eq!(
        hooks.lines(&matched).await,
        ["undelivered message_id 30005"]
    );
    // The number is dead for all who use the sender.
    assert_eq!(
        hooks.suppressed().await,
        ["sms +4915112345678 hard_bounce - t 2"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_heard_for_all_who_use_the_sender_until_a_start() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    hooks.sent("texts", "category = 'news'").await;
    let said = async |sid: &str, text: &str| {
        let form = [
            ("MessageSid", sid),
            ("SmsStatus", "received"),
            ("From", "+4915112345678"),
            ("Body", text),
        ];
        hooks.call("", &form).await
    };
    assert_eq!(said("SM1", "Thank you!").await, 204);
    assert!(hooks.suppressed().await.is_empty());
    assert_eq!(said("SM2", "Stop").await, 204);
    let stopped = ["sms +4915112345678 stop - f 2"];
    assert_eq!(hooks.suppressed().await, stopped);
    assert_eq!(said("SM3", "HELP").await, 204);
    assert_eq!(hooks.suppressed().await, stopped);
    assert_eq!(said("SM4", "start").await, 204);
    assert!(hooks.suppressed().await.is_empty());
    assert_eq!(said("SM2", "Stop").await, 204);
    assert!(
        hooks.suppressed().await.is_empty(),
        "the same again changes nothing"
    );
    let kept = "SELECT coalesce(raw::text, '') || coalesce(detail, '') AS text FROM email_logs";
    let kept = hooks.lines(kept).await.concat();
    assert!(!kept.contains("Thank you"), "{kept}");
}
