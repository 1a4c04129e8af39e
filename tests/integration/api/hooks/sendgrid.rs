//! SendGrid's Event Webhook.

use herald::runtime::clock;
use loadtest::events::{SendgridKey, sendgrid_body};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::door::{OTHER, SHOP, ask, ask_as, is, json_of, told};
use super::{ANA, Hooks};
use crate::database::PATIENCE;

pub(super) fn event(kind: &str, id: &str, more: Value) -> Value {
    let mut event = json!({
        "event": kind, "sg_event_id": id, "email": "ana@example.com", "timestamp": clock::now().as_second(),
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_stored_once_before_the_answer_and_shown_where_they_belong() {
    let hooks = Hooks::open().await;
    let webhook = format!(
        "[[webhooks]]\ntenant_id = \"{SHOP}\"\nname = \"desk\"\nurl = \"https://hooks.example.com/\"\n\
         secret = \"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\n\
         events = [\"notification.delivered\", \"notification.opened\", \"notification.bounced\"]\n"
    );
    hooks.stage.apply(&webhook);
    let (shop, other) = (
        hooks.key("notifications:read,provider-events:read", Some(SHOP)),
        hooks.key("notifications:read", Some(OTHER)),
    );
    let operator = hooks.key("viewer", None);
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("mail", "provider_message_id = 'abc.def'").await;
    let ours = json!({ "herald_notification_id": sent });
    let batch = [
        event("delivered", "1", ours.clone()),
        event("delivered", "1", ours.clone()),
        event(
            "open",
            "2",
            json!({ "herald_notification_id": sent, "sg_machine_open": true }),
        ),
        event(
            "processed",
            "3",
            json!({ "sg_message_id": "abc.def.filter0905p1mdw1-4434-59E0C6FF-3.0" }),
        ),
        event("deferred", "4", json!({})),
        event(
            "bounce",
            "5",
            json!({ "email": "nobody@example.com", "type": "bounce" }),
        ),
        event(
            "bounce",
            "6",
            json!({ "type": "blocked", "sg_message_id": "another.filter" }),
        ),
        event(
            "teleported",
            "7",
            json!({ "herald_notification_id": sent, "x": "\u{0}", "n": 1 }),
        ),
        json!(7),
    ];
    assert_eq!(hooks.tell(&batch).await, 204);
    let stored = [
        "block - f",
        "bounce - f",
        "deferred address t",
        "delivered id t",
        "machine_open id t",
        "other id t",
        "processed message_id t",
        "unreadable - f",
    ];
    assert_eq!(hooks.events().await, stored);
    assert_eq!(hooks.tell(&batch).await, 204);
    assert_eq!(
        hooks.events().await,
        stored,
        "the same again changes nothing"
    );

    let path = format!("/v1/notifications/{sent}");
    let shown = json_of(&ask_as(&hooks.stage, &shop, "GET", &path, "").await);
    assert_eq!(shown["delivery"], "delivered");
    let says: Vec<&str> = shown["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["says"].as_str().unwrap())
        .collect();
    for line in [
        "mail reported that it has arrived.",
        "mail reported that it was opened by a machine.",
        "mail reported that the receiving side asked to come again later; matched by address to the last that \
         was sent there.",
    ] {
        assert!(says.contains(&line), "{line}: {says:?}");
    }
    let answer = ask_as(&hooks.stage, &other, "GET", &path, "").await;
    assert_eq!(told(&answer), is(404, "not_found"));
    let told_to = hooks
        .lines(
            "SELECT event_type || ' ' || (payload::jsonb #>> '{data,provider_event,event}') AS text
                FROM webhook_deliveries ORDER BY 1",
        )
        .await;
    assert_eq!(told_to, ["notification.delivered delivered"]);

    let list = "/v1/provider-events?matched=false&provider=mail&limit=2";
    let answer = ask_as(&hooks.stage, &shop, "GET", list, "").await;
    assert_eq!(told(&answer), is(403, "operator_required"));
    let page = json_of(&ask_as(&hooks.stage, &operator, "GET", list, "").await);
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    let rest = format!("{list}&after={}", page["next"].as_str().unwrap());
    let rest = json_of(&ask_as(&hooks.stage, &operator, "GET", &rest, "").await);
    let rest = rest["data"].as_array().unwrap();
    assert_eq!((rest.len(), &rest[0]["tenant_id"]), (1, &Value::Null));
    let metrics = ask(&hooks.stage, "GET", "/metrics", &[], "").await.text();
    for line in [
        "herald_provider_events_total{provider=\"mail\",event=\"delivered\"} 1",
        "herald_provider_events_unmatched_total{provider=\"mail\"} 3",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

/// Webhooks hear of each that may concern them, also where two happen in one second, and of the others nothing.
#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_told_of_each_kind_of_event() {
    let hooks = Hooks::open().await;
    let kinds = [
        "delivered",
        "bounced",
        "complained",
        "opened",
        "clicked",
        "unsubscribed",
    ];
    let events = kinds
        .map(|kind| format!("\"notification.{kind}\""))
        .join(", ");
    hooks.stage.apply(&format!(
        "[[webhooks]]\ntenant_id = \"{SHOP}\"\nname = \"desk\"\nurl = \"https://hooks.example.com/\"\n\
         secret = \"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\nevents = [{events}]\n"
    ));
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("mail", "provider_message_id = 'abc.def'").await;
    let told = [
        "processed",
        "deferred",
        "delivered",
        "open",
        "click",
        "click",
        "bounce",
        "spamreport",
        "unsubscribe",
        "group_unsubscribe",
        "group_resubscribe",
    ];
    let batch: Vec<Value> = told
        .iter()
        .enumerate()
        .map(|(at, kind)| {
            event(
                kind,
                &at.to_string(),
                json!({ "herald_notification_id": sent, "type": "bounce" }),
            )
        })
        .collect();
    assert_eq!(hooks.tell(&batch).await, 204);
    let heard = hooks
        .lines(
            "SELECT event_type || ' ' || (payload::jsonb #>> '{data,provider_event,event}') AS text
             FROM webhook_deliveries ORDER BY 1",
        )
        .await;
    assert_eq!(
        heard,
        [
            "notification.bounced bounce",
            "notification.clicked click",
            "notification.clicked click",
            "notification.complained complaint",
            "notification.delivered delivered",
            "notification.opened open",
            "notification.unsubscribed unsubscribe",
            "notification.unsubscribed unsubscribe",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_not_the_providers_touches_nothing() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let body = sendgrid_body(&[event("delivered", "1", json!({}))]);
    let now = clock::now().as_second();
    let good = hooks.sendgrid.headers(now, &body).unwrap();
    let bare = body.strip_suffix(b"\r\n").unwrap();
    let stale = hooks.sendgrid.headers(now - 26 * 3_600, &body).unwrap();
    let foreign = SendgridKey::generate()
        .unwrap()
        .headers(now, &body)
        .unwrap();
    let refused = is(403, "events_refused");
    for (path, headers, body) in [
        ("/hooks/sendgrid/mail", &good[..], bare),
        ("/hooks/sendgrid/mail", &good[..1], &body[..]),
        ("/hooks/sendgrid/mail", &stale[..], &body[..]),
        ("/hooks/sendgrid/mail", &foreign[..], &body[..]),
        ("/hooks/sendgrid/other", &good[..], &body[..]),
        ("/hooks/sendgrid/mute", &good[..], &body[..]),
    ] {
        let answer = hooks.post(path, headers, body).await;
        assert_eq!(told(&answer), refused, "{path}");
    }
    for path in [
        "/hooks/sendgrid/nobody",
        "/hooks/sendgrid/texts",
        "/hooks/twilio/mail",
        "/hooks/sendgrid/a%00b",
    ] {
        let answer = hooks.post(path, &good, &body).await;
        assert_eq!(told(&answer), is(404, "not_found"), "{path}");
    }
    let get = ask(&hooks.stage, "GET", "/hooks/sendgrid/mail", &[], "").await;
    assert_eq!(told(&get), is(405, "method_not_allowed"));
    let packed = [&good[..], &["content-encoding: gzip".to_owned()]].concat();
    let packed = hooks.post("/hooks/sendgrid/mail", &packed, &body).await;
    assert_eq!(told(&packed), is(415, "unsupported_media_type"));
    let large = vec![b' '; 3 * 1_024 * 1_024];
    let signed = hooks.sendgrid.headers(now, &large).unwrap();
    let large = hooks.post("/hooks/sendgrid/mail", &signed, &large).await;
    assert_eq!(told(&large), is(413, "too_large"));
    assert!(hooks.events().await.is_empty());
    let metrics = ask(&hooks.stage, "GET", "/metrics", &[], "").await.text();
    for line in [
        "herald_provider_events_refused_total{reason=\"wrong_signature\"} 3",
        "herald_provider_events_refused_total{reason=\"unsigned\"} 1",
        "herald_provider_events_refused_total{reason=\"stale\"} 1",
        "herald_provider_events_refused_total{reason=\"no_key\"} 1",
        "herald_provider_events_refused_total{reason=\"unknown_account\"} 4",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert_eq!(
        hooks
            .post("/hooks/sendgrid/mail", &good, &body)
            .await
            .status,
        204
    );
    assert_eq!(hooks.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_keeps_to_its_scope_and_to_the_order_of_what_was_said() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("mail", "category = 'news'").await;
    let required = hooks.sent("mail", "category = 'security'").await;
    let ours = |more: Value| {
        let mut ours = json!({ "herald_notification_id": sent });
        for (name, value) in more.as_object().unwrap() {
            ours[name] = value.clone();
        }
        ours
    };
    let blocked = ours(json!({ "type": "blocked", "reason": "550 5.7.1 S3150" }));
    let batch = [
        event("bounce", "1", blocked),
        event("open", "2", ours(json!({}))),
        event(
            "unsubscribe",
            "3",
            json!({ "herald_notification_id": required }),
        ),
    ];
    assert_eq!(hooks.tell(&batch).await, 204);
    assert!(hooks.suppressed().await.is_empty());

    let now = clock::now().as_second();
    let unsubscribe = event(
        "group_unsubscribe",
        "4",
        ours(json!({ "timestamp": now - 100 })),
    );
    assert_eq!(hooks.tell(std::slice::from_ref(&unsubscribe)).await, 204);
    let news = ["email ana@example.com unsubscribe news f 1"];
    assert_eq!(hooks.suppressed().await, news);
    // Said before that: it comes too late to say anything.
    let earlier = event(
        "group_resubscribe",
        "5",
        ours(json!({ "timestamp": now - 200 })),
    );
    assert_eq!(hooks.tell(&[earlier]).await, 204);
    assert_eq!(hooks.suppressed().await, news);
    let again = event(
        "group_resubscribe",
        "6",
        ours(json!({ "timestamp": now - 50 })),
    );
    assert_eq!(hooks.tell(&[again]).await, 204);
    assert!(hooks.suppressed().await.is_empty());
    // An older wish, told late, and the same batch again.
    let older = event(
        "group_unsubscribe",
        "7",
        ours(json!({ "timestamp": now - 80 })),
    );
    assert_eq!(hooks.tell(&[older, unsubscribe]).await, 204);
    assert!(hooks.suppressed().await.is_empty());

    for number in 0..4 {
        // At one moment it would be one bounce, told again.
        let at = now - 40 + number;
        let full = ours(json!({ "type": "blocked", "status": "5.2.2", "timestamp": at }));
        let full = event("bounce", &format!("full-{number}"), full);
        assert_eq!(hooks.tell(&[full]).await, 204);
    }
    assert!(
        hooks.suppressed().await.is_empty(),
        "four times full is not dead"
    );
    let full = event(
        "bounce",
        "full-4",
        ours(json!({ "bounce_classification": "Mailbox Unavailable", "timestamp": now - 30 })),
    );
    assert_eq!(hooks.tell(&[full]).await, 204);
    let dead = ["email ana@example.com hard_bounce - t 1"];
    assert_eq!(hooks.suppressed().await, dead);

    let complaint = event("spamreport", "8", ours(json!({})));
    let delivered = event("delivered", "9", ours(json!({})));
    let resubscribed = event("group_resubscribe", "10", ours(json!({})));
    assert_eq!(hooks.tell(&[complaint, delivered, resubscribed]).await, 204);
    let complained = [
        "email ana@example.com complaint - f 1",
        "email ana@example.com hard_bounce - t 1",
    ];
    assert_eq!(
        hooks.suppressed().await,
        complained,
        "nothing undoes a complaint"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_quicker_than_its_notification_finds_it_and_one_of_nobody_is_forgotten() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let early = clock::new_id();
    let bounced = event(
        "bounce",
        "1",
        json!({ "herald_notification_id": early, "type": "bounce" }),
    );
    assert_eq!(hooks.tell(&[bounced]).await, 204);
    assert!(hooks.suppressed().await.is_empty());
    let insert = format!(
        "INSERT INTO notifications (id, tenant_id, user_id, idempotency_key, message_type, priority, payload,
                                    provider, status, sent_at, recipient)
         VALUES ('{early}', '{SHOP}', '{ANA}', repeat('0', 64), 'email', 'normal', '{{\"content\": {{}}}}', 'mail',
                 'sent', now(), 'ana@example.com') RETURNING id::text AS text"
    );
    assert_eq!(hooks.lines(&insert).await, [early.to_string()]);
    let found = tokio::time::timeout(PATIENCE, async {
        while hooks.suppressed().await.is_empty() {}
    });
    assert!(
        found.await.is_ok(),
        "the event did not find its notification"
    );
    assert_eq!(hooks.events().await, ["bounce id t"]);
    assert_eq!(
        hooks.suppressed().await,
        ["email ana@example.com hard_bounce - t 1"]
    );

    let nobodys = event(
        "delivered",
        "2",
        json!({ "herald_notification_id": Uuid::now_v7() }),
    );
    assert_eq!(hooks.tell(&[nobodys]).await, 204);
    let age =
        "UPDATE email_logs SET created_at = now() - interval '2 hours' WHERE tenant_id IS NULL
               RETURNING event AS text";
    assert_eq!(hooks.lines(age).await, ["delivered"]);
    hooks.let_go().await;
    let kept =
        "SELECT concat_ws(' ', event, recipient, raw, notification_id) AS text FROM email_logs
                WHERE tenant_id IS NULL";
    assert_eq!(hooks.lines(kept).await, ["delivered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_calls_too_many_addresses_dead_is_not_believed() {
    let hooks = Hooks::with(&[("HERALD__PROVIDERS__DEAD_ADDRESSES_A_MINUTE", "1")]).await;
    let _engine = hooks.stage.start().await;
    let dead =
        |id: &str, email: &str| event("bounce", id, json!({ "type": "bounce", "email": email }));
    let batch = [dead("1", "ana@example.com"), dead("2", "other@example.com")];
    assert_eq!(hooks.tell(&batch).await, 204);
    let believed = ["email ana@example.com hard_bounce - t 1"];
    assert_eq!(hooks.suppressed().await, believed);
    assert_eq!(hooks.events().await, ["bounce - f", "bounce - f"]);
}
