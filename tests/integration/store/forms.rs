//! The stored form: what another version wrote stays as it is, whoever works on the row.

use diesel_async::SimpleAsyncConnection;
use herald::domain::{AttemptRecord, Class, Reason, Status, Step};
use herald::runtime::clock;
use herald::store::Database;
use herald::store::settle::{self, Origin, Settlement};
use herald::store::takes::TakeId;

use super::fixtures::{cancelled, people, reservation};
use crate::database::{TestDatabase, lines};

/// A notification that was put off, of a person who exists.
async fn put_off(pool: &Database) -> Settlement {
    let person = people(&mut pool.get().await.unwrap(), 1).await;
    let mut settlement = Settlement {
        origin: Origin::Database(TakeId(1)),
        status: Status::Pending,
        reason: Some(Reason::Retry),
        due_at: Some(clock::now()),
        refund: false,
        ..cancelled(&reservation(person[0], &[]))
    };
    settlement.notification.attempts.push(deferral());
    settlement
}

fn deferral() -> AttemptRecord {
    let now = clock::now();
    let step = Step::Deferred {
        reason: Reason::Retry,
        until: now,
    };
    AttemptRecord { at: now, step }
}

fn attempt(class: Class) -> AttemptRecord {
    let step = Step::Attempt {
        provider: "main".to_owned(),
        class,
        code: None,
        detail: None,
        device_id: None,
        message_id: None,
        elapsed_ms: 1,
    };
    AttemptRecord {
        at: clock::now(),
        step,
    }
}

async fn settle(pool: &Database, settlement: &Settlement) -> usize {
    let settled = settle::settle(pool, &[settlement], clock::instant()).await;
    settled.unwrap().stored()
}

/// One more pass over what was stored before.
fn again(settlement: &mut Settlement, record: AttemptRecord) {
    let notification = &mut settlement.notification;
    notification.stored_attempts = notification.attempts.len();
    notification.attempts.push(record);
}

const STEPS: &str =
    "SELECT concat_ws(' ', line ->> 'step', line ->> 'class', line ->> 'note') AS text
    FROM notification_schema.notifications,
         jsonb_array_elements(attempts) WITH ORDINALITY AS line (line, place) ORDER BY place";

#[tokio::test]
async fn lines_of_a_newer_version_stay_whole_when_others_are_added() {
    let database = TestDatabase::create().await;
    let (pool, mut owner) = (database.pool().await, database.owner().await);
    let mut settlement = put_off(&pool).await;
    assert_eq!(settle(&pool, &settlement).await, 1);
    owner
        .batch_execute(
            "UPDATE notification_schema.notifications SET attempts = jsonb_build_array(
                attempts -> 0 || '{\"note\": \"kept\"}', '{\"step\": \"noticed\", \"note\": \"unknown\"}'::jsonb),
                payload = payload || '{\"card\": 1}', format = 7, unreadable_count = 3",
        )
        .await
        .unwrap();
    again(&mut settlement, attempt(Class::Transient));
    assert_eq!(settle(&pool, &settlement).await, 1);
    let wanted = ["deferred kept", "noticed unknown", "attempt transient"];
    assert_eq!(lines(&mut owner, STEPS).await, wanted);
    let rest = "SELECT concat_ws(' ', format, unreadable_count, payload -> 'card') AS text
                FROM notification_schema.notifications";
    assert_eq!(lines(&mut owner, rest).await, ["7 0 1"]);

    // Its answer was lost, and it is stored again.
    assert_eq!(settle(&pool, &settlement).await, 1);
    assert_eq!(lines(&mut owner, STEPS).await, wanted);
}

#[tokio::test]
async fn a_long_timeline_forgets_only_what_nothing_follows_from() {
    let database = TestDatabase::create().await;
    let (pool, mut owner) = (database.pool().await, database.owner().await);
    let mut settlement = put_off(&pool).await;
    assert_eq!(settle(&pool, &settlement).await, 1);
    for class in [Class::Transient; 30] {
        again(&mut settlement, attempt(class));
        assert_eq!(settle(&pool, &settlement).await, 1);
    }
    let kept = [Class::Accepted, Class::Permanent, Class::Unknown];
    for class in kept {
        again(&mut settlement, attempt(class));
        assert_eq!(settle(&pool, &settlement).await, 1);
    }
    owner
        .batch_execute(
            "UPDATE notification_schema.notifications
             SET attempts = attempts || '[{\"step\": \"noticed\"}, {\"step\": \"attempt\", \"class\": \"odd\"}]'",
        )
        .await
        .unwrap();
    for _ in 0..40 {
        again(&mut settlement, deferral());
        assert_eq!(settle(&pool, &settlement).await, 1);
    }
    let steps = lines(&mut owner, STEPS).await;
    assert_eq!(steps.len(), 50, "{steps:?}");
    let count = |step: &str| steps.iter().filter(|line| *line == step).count();
    for kept in [
        "attempt accepted",
        "attempt permanent",
        "attempt unknown",
        "noticed",
        "attempt odd",
    ] {
        assert_eq!(count(kept), 1, "{kept} of {steps:?}");
    }
    assert_eq!(steps[0], "deferred", "the first half stays");
    assert_eq!(count("attempt transient"), 24);
    assert_eq!(steps[49], "deferred");
}

#[tokio::test]
async fn an_infinite_time_cannot_be_written() {
    let database = TestDatabase::create().await;
    let (pool, mut owner) = (database.pool().await, database.owner().await);
    assert_eq!(settle(&pool, &put_off(&pool).await).await, 1);
    for column in [
        "created_at",
        "send_at",
        "due_at",
        "expires_at",
        "last_attempted",
    ] {
        for time in ["infinity", "-infinity"] {
            let write = format!("UPDATE notification_schema.notifications SET {column} = '{time}'");
            let refused = owner.batch_execute(&write).await.unwrap_err().to_string();
            assert!(refused.contains("notifications_times_finite"), "{refused}");
        }
    }
}
