//! Events that meet a notification which is not sent yet, as far as anybody knows.

use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use super::super::door::{SHOP, ask_as};
use super::{ANA, Hooks};
use crate::database::{PATIENCE, lines};

fn event(kind: &str, id: Uuid, more: Value) -> Value {
    let mut event = json!({
        "event": kind, "sg_event_id": format!("{kind}-{id}"), "email": "ana@example.com",
        "notification_id": id, "herald_notification_id": id,
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

/// Waits until a query says this.
async fn until(hooks: &Hooks, query: &str, wanted: &[&str]) {
    // By one connection: what waits for a lock gives up after a quarter of a second, and is to be seen before.
    let mut owner = hooks.stage.database.owner().await;
    let path = "SET search_path TO notification_schema";
    owner.batch_execute(path).await.unwrap();
    let mut said = vec![];
    let looked = async {
        while said != wanted {
            said = lines(&mut owner, query).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, looked).await;
    assert!(seen.is_ok(), "{said:?}");
}

/// What says that so many sessions of this database wait for others.
const WAITING: &str = "SELECT count(DISTINCT pid)::text AS text FROM pg_locks JOIN pg_stat_activity USING (pid) \
                       WHERE NOT granted AND datname = current_database()";

/// What SendGrid did not send, for a reason that is the account's own.
fn dropped(id: Uuid) -> Value {
    event("dropped", id, json!({ "reason": "Over Package Quota" }))
}

/// A row that waits for another try after these steps.
fn waiting(steps: &str) -> String {
    format!(
        "status = 'pending', reason = 'retry', sent_at = NULL, provider = NULL, due_at = now() + interval '1 day', \
         payload = '{{\"content\": {{\"subject\": \"Hello\", \"body\": \"Hello\"}}}}', attempt_count = 1,
         attempts = '[{steps}]'"
    )
}

const UNKNOWN: &str = r#"{"at": "2026-01-01T00:00:00Z", "step": "attempt", "provider": "mail", "class": "unknown", "elapsed_ms": 5}"#;
const DIED: &str = r#"{"at": "2026-01-01T00:00:00Z", "step": "node_died", "run": 1}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_is_known_to_have_is_not_sent_again() {
    let hooks = Hooks::open().await;
    let mut ids = vec![];
    for (steps, told) in [
        (UNKNOWN, "delivered"),
        (DIED, "processed"),
        // It proves nothing.
        (UNKNOWN, "dropped"),
    ] {
        let id = hooks.sent("mail", &waiting(steps)).await;
        let stored = format!(
            "INSERT INTO email_logs (tenant_id, notification_id, message_type, provider, event, event_id, matched_by,
                                     occurred_at)
             SELECT tenant_id, id, message_type, 'mail', '{told}', id::text, 'id', now() FROM notifications
             WHERE id = '{id}' RETURNING event AS text"
        );
        assert_eq!(hooks.lines(&stored).await, [told]);
        ids.push(id);
    }
    let _engine = hooks.stage.start().await;
    hooks
        .lines("UPDATE notifications SET due_at = now() RETURNING 'due' AS text")
        .await;
    let sent = "SELECT concat_ws(' ', status, provider, recipient, due_at, attempts -> -1 ->> 'code') AS text
                FROM notifications WHERE status = 'sent' ORDER BY id";
    let known = "sent mail ana@example.com told_later";
    until(&hooks, sent, &[known, known]).await;
    let asked = format!(
        "SELECT attempts -> 1 ->> 'class' AS text FROM notifications WHERE id = '{}' AND status <> 'sent'
         AND jsonb_array_length(attempts) > 1",
        ids[2]
    );
    until(&hooks, &asked, &["transient"]).await;
}

/// A row that the engine has in hand.
const IN_HAND: &str = "status = 'pending', sent_at = NULL, provider = NULL, due_at = now() + interval '1 day', \
                       owner = (SELECT max(run_id) FROM engine_nodes)";
/// What waits for an outcome, or for what says through which account it goes.
const AWAITING: &str =
    "SELECT count(*)::text AS text FROM email_logs WHERE awaits_outcome OR tenant_id IS NULL";

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_for_a_notification_in_hand_follows_its_outcome() {
    let hooks = Hooks::open().await;
    let webhook = format!(
        "[[webhooks]]\ntenant_id = \"{SHOP}\"\nname = \"desk\"\nurl = \"https://hooks.example.com/\"\n\
         secret = \"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\nevents = [\"notification.delivered\"]\n"
    );
    hooks.stage.apply(&webhook);
    let _engine = hooks.stage.start().await;
    let delivered = hooks.sent("mail", IN_HAND).await;
    let not_sent = hooks.sent("mail", IN_HAND).await;
    let unsure = hooks.sent("mail", IN_HAND).await;
    let batch = [
        event("delivered", delivered, json!({})),
        dropped(not_sent),
        event("processed", unsure, json!({})),
    ];
    assert_eq!(hooks.tell(&batch).await, 204);
    let told = "SELECT payload::jsonb #>> '{data,status}' AS text FROM webhook_deliveries";
    assert_eq!(hooks.lines(AWAITING).await, ["3"]);
    assert!(hooks.lines(told).await.is_empty());
    // Two were accepted, of the third nobody knows.
    for (id, outcome) in [
        (
            delivered,
            "status = 'sent', sent_at = now(), provider = 'mail', due_at = NULL".to_owned(),
        ),
        (
            not_sent,
            "status = 'sent', sent_at = now(), provider = 'mail', due_at = NULL".to_owned(),
        ),
        (unsure, format!("attempts = '[{UNKNOWN}]'")),
    ] {
        let settle = format!(
            "UPDATE notifications SET owner = NULL, {outcome} WHERE id = '{id}' RETURNING 'settled' AS text"
        );
        assert_eq!(hooks.lines(&settle).await, ["settled"]);
    }
    until(&hooks, AWAITING, &["0"]).await;
    until(&hooks, told, &["sent"]).await;
    let back = format!(
        "SELECT attempts -> 0 ->> 'step' || ' ' || (attempts -> 0 ->> 'not_by') AS text FROM notifications
         WHERE id = '{not_sent}'"
    );
    until(&hooks, &back, &["replayed [\"mail\"]"]).await;
    let known = format!(
        "SELECT status || ' ' || provider AS text FROM notifications WHERE id = '{unsure}'"
    );
    until(&hooks, &known, &["sent mail"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_has_opened_goes_through_no_other_account() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let (before, together) = (hooks.sent("mail", "").await, hooks.sent("mail", "").await);
    assert_eq!(hooks.tell(&[event("open", before, json!({}))]).await, 204);
    let batch = [
        dropped(before),
        event("click", together, json!({})),
        dropped(together),
    ];
    assert_eq!(hooks.tell(&batch).await, 204);
    let rows = "SELECT status || ' ' || attempts AS text FROM notifications";
    assert_eq!(hooks.lines(rows).await, ["sent []", "sent []"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_who_is_erased_while_their_events_come() {
    // What stores events gives up waiting for a lock and tries again; the erasing may come between two tries.
    while !erased_while_their_events_come().await {}
}

/// Erases somebody while their events wait to be stored, and looks at what is left; `false` when the erasing did not
/// have to wait for the events.
async fn erased_while_their_events_come() -> bool {
    let hooks = Hooks::open().await;
    let operator = hooks.key("admin", None);
    let _engine = hooks.stage.start().await;
    let (named, guessed) = (hooks.sent("mail", "").await, hooks.sent("mail", "").await);
    let mut unnamed = event("open", guessed, json!({}));
    for name in ["notification_id", "herald_notification_id"] {
        unnamed.as_object_mut().unwrap().remove(name);
    }
    let batch = [event("open", named, json!({})), unnamed];
    // The events know what they are about, and cannot be stored yet.
    let mut owner = hooks.stage.database.owner().await;
    let hold = format!(
        "BEGIN; INSERT INTO notification_schema.email_logs (message_type, provider, event, event_id, occurred_at)
         VALUES ('email', 'mail', 'open', 'open-{named}', now())"
    );
    owner.batch_execute(&hold).await.unwrap();
    let path = format!("/v1/users/{ANA}");
    let told = async {
        loop {
            match hooks.tell(&batch).await {
                503 => {}
                told => return told,
            }
        }
    };
    let gone = Notify::new();
    let erased = async {
        until(&hooks, WAITING, &["1"]).await;
        loop {
            match ask_as(&hooks.stage, &operator, "DELETE", &path, "").await {
                erased if erased.status == 503 => {}
                erased => {
                    gone.notify_one();
                    return erased;
                }
            }
        }
    };
    let released = async {
        let met = tokio::select! {
            () = until(&hooks, WAITING, &["2"]) => true,
            () = gone.notified() => false,
        };
        owner.batch_execute("ROLLBACK").await.unwrap();
        met
    };
    let (told, erased, met) = tokio::join!(told, erased, released);
    assert_eq!((told, erased.status), (204, 204));
    if met {
        assert_eq!(
            hooks.lines("SELECT event AS text FROM email_logs").await,
            [""; 0]
        );
    }
    met
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_at_once_of_an_address_is_heard_one_after_the_other() {
    let hooks = Hooks::with(&[("HERALD__POLICY__SOFT_BOUNCES", "3")]).await;
    let _engine = hooks.stage.start().await;
    let mut owner = hooks.stage.database.owner().await;
    let hold =
        "BEGIN; SELECT pg_advisory_xact_lock(1212502593, hashtext('email:ana@example.com') & 63)";
    owner.batch_execute(hold).await.unwrap();
    let mut batches = vec![];
    for _ in 0..3 {
        let id = hooks.sent("mail", "").await;
        batches.push([event(
            "bounce",
            id,
            json!({ "status": "4.2.2", "reason": "mailbox full" }),
        )]);
    }
    let released = async {
        until(&hooks, WAITING, &["3"]).await;
        owner.batch_execute("ROLLBACK").await.unwrap();
    };
    let (one, two, three, ()) = tokio::join!(
        hooks.tell(&batches[0]),
        hooks.tell(&batches[1]),
        hooks.tell(&batches[2]),
        released
    );
    assert_eq!((one, two, three), (204, 204, 204));
    let kinds = hooks.events().await;
    assert_eq!(kinds, ["soft_bounce id t"; 3]);
    assert_eq!(
        hooks.suppressed().await,
        ["email ana@example.com hard_bounce - t 1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_who_gets_very_many_the_last_are_looked_at() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let first = hooks.sent("mail", "provider_message_id = 'm0'").await;
    let more = format!(
        "INSERT INTO notifications (id, tenant_id, user_id, idempotency_key, message_type, priority, payload, provider,
                                    status, sent_at, recipient, provider_message_id)
         SELECT overlay(id::text placing 'bfff-' || lpad(to_hex(n), 12, '0') from 20)::uuid, tenant_id, user_id,
                idempotency_key, message_type, priority, payload, provider, status, sent_at, recipient, 'm' || n
         FROM notifications CROSS JOIN generate_series(1, 200) AS n WHERE id = '{first}' RETURNING 'one' AS text"
    );
    assert_eq!(hooks.lines(&more).await.len(), 200);
    let told = ["m0", "m1", "m200"].map(|message| {
        json!({
            "event": "processed", "sg_event_id": message, "email": "ana@example.com",
            "sg_message_id": format!("{message}.filter"),
        })
    });
    assert_eq!(hooks.tell(&told).await, 204);
    let known = "SELECT concat_ws(' ', event_id, coalesce(matched_by, '-')) AS text FROM email_logs ORDER BY event_id";
    assert_eq!(
        hooks.lines(known).await,
        ["m0 -", "m1 message_id", "m200 message_id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_believed_is_judged_again_and_operators_are_told_of_it() {
    let hooks = Hooks::with(&[("HERALD__PROVIDERS__DEAD_ADDRESSES_A_MINUTE", "2")]).await;
    let engine = hooks.stage.start().await;
    let mut batch = vec![];
    for n in 0..4 {
        let gone = format!("recipient = 'gone{n}@example.com'");
        let id = hooks.sent("mail", &gone).await;
        let gone = json!({ "email": format!("gone{n}@example.com"), "status": "5.1.1", "reason": "no such user" });
        batch.push(event("bounce", id, gone));
    }
    assert_eq!(hooks.tell(&batch).await, 204);
    let dead = "SELECT count(*)::text AS text FROM suppressions";
    let events =
        "SELECT is_resolved || ' ' || (details ->> 'provider') AS text FROM admin_system_events
                  WHERE event_type = 'provider_events_doubted'";
    assert_eq!(hooks.lines(dead).await, ["2"]);
    assert_eq!(hooks.lines(events).await, ["false mail"]);
    engine.stop().await;
    let later =
        "UPDATE email_logs SET created_at = created_at - interval '11 minutes' WHERE is_doubted
                 RETURNING 'doubted' AS text";
    assert_eq!(hooks.lines(later).await, ["doubted", "doubted"]);
    let _engine = hooks.stage.start().await;
    until(&hooks, events, &["true mail"]).await;
    let judged = "SELECT (count(*) > 2)::text AS text FROM suppressions";
    until(&hooks, judged, &["true"]).await;
}
