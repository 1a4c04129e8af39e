use serde_json::json;

use super::*;
use crate::domain::{
    Body, Content, DEFAULT_TENANT, KeyHash, Lane, Payload, RunId, TakeId, WebhookFilter,
};

const WEBHOOK: Uuid = Uuid::from_u128(7);

fn sent() -> Settlement {
    let id = "01970f1e-6800-7000-8000-000000000005".parse().unwrap();
    let body = Body::Content(Content::default());
    let notification = Notification {
        id,
        tenant_id: DEFAULT_TENANT,
        user_id: Uuid::from_u128(1),
        lane: Lane {
            channel: Channel::Email,
            priority: Priority::Normal,
        },
        category: Some("orders".to_owned()),
        key: KeyHash([0; 32]),
        payload: Payload {
            body,
            to: Some("ana@example.com".to_owned()),
            provider: None,
            traceparent: None,
            inbox: None,
        },
        send_at: None,
        expires_at: None,
        max_retries: 5,
        source: Some(Source {
            kind: "ticket".to_owned(),
            id: "12".to_owned(),
        }),
        metadata: Some(Map::from_iter([("cart".to_owned(), json!(3))])),
        created_at: "2025-05-27T00:00:00Z".parse().unwrap(),
        attempt_count: 1,
        attempts: vec![],
        stored_attempts: 0,
    };
    Settlement {
        notification,
        origin: Origin::Broker(TakeId::of(RunId(1), 1)),
        status: Status::Sent,
        reason: None,
        due_at: None,
        waits_for: None,
        decided_at: "2026-11-20T12:00:00.5Z".parse().unwrap(),
        last_attempted: None,
        provider: Some("mail".to_owned()),
        recipient: Some("ana@example.com".to_owned()),
        template_version: None,
        provider_response: None,
        provider_message_id: Some("m-1".to_owned()),
        error_message: None,
        refund: false,
        dead_addresses: vec![],
        item: None,
    }
}

fn told(settlement: &Settlement) -> Vec<NewWebhookDelivery> {
    let mut catalog = WebhookCatalog::default();
    assert!(deliveries_of(&catalog, &[settlement]).is_empty());
    let every = WebhookFilter {
        events: super::super::WebhookEvents::ALL,
        ..WebhookFilter::default()
    };
    catalog.add(DEFAULT_TENANT, WEBHOOK, every);
    deliveries_of(&catalog, &[settlement])
}

#[test]
fn a_message_of_the_broker_is_accepted_and_then_what_became_of_it() {
    let told = told(&sent());
    let bodies: Vec<Value> = told
        .iter()
        .map(|it| serde_json::from_str(&it.body).unwrap())
        .collect();
    assert_eq!(bodies[0]["type"], "notification.accepted");
    assert_eq!(bodies[0]["data"]["status"], "pending");
    let expected = json!({
        "type": "notification.sent",
        "timestamp": "2026-11-20T12:00:00.5Z",
        "data": {
            "id": "01970f1e-6800-7000-8000-000000000005",
            "tenant_id": DEFAULT_TENANT,
            "user_id": Uuid::from_u128(1),
            "channel": "email",
            "priority": "normal",
            "category": "orders",
            "status": "sent",
            "reason": null,
            "provider": "mail",
            "provider_message_id": "m-1",
            "error": null,
            "attempts": 1,
            "due_at": null,
            "source": { "type": "ticket", "id": "12" },
            "metadata": { "cart": 3 },
        },
    });
    assert_eq!(bodies[1], expected);
    assert!(!told[1].body.contains("ana@example.com"));
}

#[test]
fn the_exchange_hears_of_everything_in_order_whoever_else_does() {
    let catalog = WebhookCatalog::default().telling_exchange(true);
    let sent = sent();
    let told = deliveries_of(&catalog, &[&sent]);
    let keys: Vec<String> = told.iter().map(NewWebhookDelivery::routing_key).collect();
    assert_eq!(keys, ["email.accepted", "email.sent"]);
    assert!(told.iter().all(NewWebhookDelivery::is_for_exchange));
    let event: Value = serde_json::from_str(&told[1].body).unwrap();
    let of_webhook = self::told(&sent).pop().unwrap();
    let of_webhook: Value = serde_json::from_str(&of_webhook.body).unwrap();
    assert_eq!(event["data"], of_webhook["data"], "the same is told");
    assert_eq!(event["id"], json!(told[1].id));
    assert_eq!(event["subject"], event["data"]["id"]);
    assert_eq!(
        told,
        deliveries_of(&catalog, &[&sent]),
        "once, however often"
    );
}

#[test]
fn a_row_that_waits_is_deferred_and_was_accepted_long_ago() {
    let put_off = Settlement {
        origin: Origin::Database(TakeId(1)),
        status: Status::Pending,
        reason: Some(Reason::Retry),
        ..sent()
    };
    let told = told(&put_off);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event, WebhookEvent::Deferred);
    assert!(told[0].body.contains(r#""reason":"retry""#));
}

#[test]
fn what_is_told_twice_has_one_id_and_what_differs_has_another() {
    let (first, again) = (told(&sent()), told(&sent()));
    assert_eq!(first, again);
    let later = Settlement {
        decided_at: "2026-11-20T12:00:01Z".parse().unwrap(),
        ..sent()
    };
    let later = told(&later);
    let mut catalog = WebhookCatalog::default();
    let accepted = WebhookFilter {
        events: WebhookEvent::Accepted.into(),
        ..WebhookFilter::default()
    };
    catalog.add(DEFAULT_TENANT, WEBHOOK, accepted);
    assert_eq!(accepted_of(&catalog, [&sent().notification]), first[..1]);
    assert_eq!(later[0].id, first[0].id, "accepted once");
    assert_ne!(later[1].id, first[1].id);
    assert_ne!(first[0].id, first[1].id);
    assert_eq!(time_in(first[1].id), "2026-11-20T12:00:00.5Z".parse().ok());
}

#[test]
fn metadata_that_would_make_a_body_too_large_is_left_out() {
    let mut large = sent();
    let text = "x".repeat(METADATA_BYTES);
    large.notification.metadata = Some(Map::from_iter([("text".to_owned(), json!(text))]));
    let told = told(&large);
    assert!(told[1].body.contains(r#""metadata":null"#));
    assert!(told[1].body.len() < 20_000);
}
