//! What an outcome changes beside its own row: refunds, and addresses that are dead.

use std::collections::BTreeSet;

use diesel_async::SimpleAsyncConnection;
use herald::domain::preference::Scope;
use herald::domain::{Channel, DEFAULT_TENANT, Platform, Reason, Status, SuppressionReason};
use herald::runtime::clock;
use herald::store::devices::{self, DeviceSighting};
use herald::store::frequency::{Reservation, reserve};
use herald::store::quarantine::{self, QuarantineFilter};
use herald::store::settle::{self, DeadAddress, Origin, Settlement};
use herald::store::takes::TakeId;
use herald::store::{Database, StoreError};
use uuid::Uuid;

use super::fixtures::{cancelled, counter, held, people, reservation, sent};
use crate::database::{TestDatabase, lines};

pub(super) async fn settle(pool: &Database, batch: &[&Settlement]) -> Result<usize, StoreError> {
    let settled = settle::settle(pool, batch, clock::instant()).await;
    settled.map(|settled| settled.stored())
}

/// People with a cap of ten, and three reservations of each.
pub(super) async fn reserved(pool: &Database, count: usize) -> Vec<Reservation> {
    let people = people(&mut pool.get().await.unwrap(), count).await;
    let counters = [
        counter(Scope::All, 10),
        counter(Scope::Channel(Channel::Email), 10),
    ];
    let three = |user: &Uuid| [(); 3].map(|()| reservation(*user, &counters));
    let all: Vec<Reservation> = people.iter().flat_map(three).collect();
    assert!(reserve(pool, &all).await.unwrap().is_empty());
    all
}

#[tokio::test]
async fn unsent_notifications_are_refunded_and_sent_ones_stay_counted() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let all = reserved(&pool, 2).await;
    // Two of one counter in one batch, beside one that is sent.
    let batch = [cancelled(&all[0]), sent(&all[1]), cancelled(&all[2])];
    assert_eq!(settle(&pool, &batch.each_ref()).await, Ok(3));
    let mut c = pool.get().await.unwrap();
    let after = held(&mut c).await;
    for scope in ["*/*", "email/*"] {
        let of = |user| after[&(user, scope.to_owned())].clone();
        assert_eq!(of(all[1].user_id), [all[1].notification_id]);
        assert_eq!(of(all[3].user_id).len(), 3, "somebody else's stay");
    }

    // The same outcome again: the place may be somebody else's by now, and nothing is taken.
    assert_eq!(settle(&pool, &batch.each_ref()).await, Ok(0));
    assert_eq!(held(&mut c).await, after);
}

#[tokio::test]
async fn notification_settled_by_another_is_not_refunded() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let all = reserved(&pool, 1).await;
    assert_eq!(settle(&pool, &[&sent(&all[0])]).await, Ok(1));
    let late = [cancelled(&all[0]), cancelled(&all[1])];
    assert_eq!(settle(&pool, &late.each_ref()).await, Ok(1));
    // Put off by a run that does not own the claim any more.
    let mut c = pool.get().await.unwrap();
    let put_off = Settlement {
        status: Status::Pending,
        reason: Some(Reason::Retry),
        due_at: Some(clock::now()),
        ..cancelled(&all[2])
    };
    let key = herald::domain::hex(&put_off.notification.key.0);
    let taken_over = format!(
        "INSERT INTO notification_deduplication (idempotency_key, notification_id, owner, expires_at)
         VALUES ('\\x{key}', '{}', 7, now() + interval '1 hour')",
        put_off.notification.id
    );
    c.batch_execute(&taken_over).await.unwrap();
    assert_eq!(settle(&pool, &[&put_off]).await, Ok(0));
    let left = [all[0].notification_id, all[2].notification_id];
    assert!(held(&mut c).await.values().all(|ids| *ids == left));
}

/// A run that was taken for dead tells what it had sent: a fact, which no owner can undo.
#[tokio::test]
async fn an_acceptance_is_stored_whoever_owns_the_row_by_now_and_nothing_else_is() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let all = reserved(&pool, 1).await;
    let put_off = |reservation: &Reservation| Settlement {
        status: Status::Pending,
        reason: Some(Reason::Retry),
        due_at: Some(clock::now()),
        refund: false,
        origin: Origin::Database(TakeId(1)),
        ..cancelled(reservation)
    };
    let rows: Vec<Settlement> = all.iter().map(put_off).collect();
    let refs: Vec<&Settlement> = rows.iter().collect();
    assert_eq!(settle(&pool, &refs).await, Ok(3));
    let mut c = pool.get().await.unwrap();
    let taken = "UPDATE notifications SET owner = 2, take = 2";
    c.batch_execute(taken).await.unwrap();

    let failed = Settlement {
        status: Status::Failed,
        reason: Some(Reason::RetriesExhausted),
        ..put_off(&all[1])
    };
    let late = [
        Settlement {
            origin: Origin::Database(TakeId(1)),
            ..sent(&all[0])
        },
        failed.clone(),
        put_off(&all[2]),
    ];
    assert_eq!(settle(&pool, &late.each_ref()).await, Ok(1));
    let stored = "SELECT status || ' ' || coalesce(owner::text, 'nobody') AS text
                  FROM notifications ORDER BY status DESC, id";
    assert_eq!(
        lines(&mut c, stored).await,
        ["sent nobody", "pending 2", "pending 2"]
    );

    // What the heir has to say of it comes too late; of the others it does not.
    let of_heir = [
        Settlement {
            status: Status::Failed,
            reason: Some(Reason::RetriesExhausted),
            origin: Origin::Database(TakeId(2)),
            ..put_off(&all[0])
        },
        Settlement {
            origin: Origin::Database(TakeId(2)),
            ..failed
        },
    ];
    let told = settle::settle(&pool, &of_heir.each_ref(), clock::instant()).await;
    assert_eq!(told.unwrap().stored(), 1);
    assert_eq!(
        lines(&mut c, stored).await,
        ["sent nobody", "pending 2", "failed nobody"]
    );
    let letters = "SELECT count(*)::text AS text FROM notification_dlq";
    assert_eq!(lines(&mut c, letters).await, ["1"]);
}

/// One that PostgreSQL cannot hold is found by halving; the refunds of all others are kept, its own
/// with it.
#[tokio::test]
async fn refunds_survive_a_batch_that_is_refused() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let all = reserved(&pool, 3).await;
    let mut batch: Vec<Settlement> = all.iter().map(cancelled).collect();
    batch[4].error_message = Some("a NUL \0 character".to_owned());
    let refs: Vec<&Settlement> = batch.iter().collect();
    assert_eq!(settle(&pool, &refs).await, Ok(8));
    let mut c = pool.get().await.unwrap();
    let left: BTreeSet<Uuid> = held(&mut c).await.into_values().flatten().collect();
    assert_eq!(left, [all[4].notification_id].into());
    let kept = quarantine::list(&pool, &QuarantineFilter::default(), 10)
        .await
        .unwrap();
    let whole: Settlement = serde_json::from_slice(&kept[0].settlement).unwrap();
    assert_eq!(whole, batch[4]);
}

#[tokio::test]
async fn a_person_erased_meanwhile_stops_neither_refunds_nor_outcomes() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let all = reserved(&pool, 2).await;
    let mut c = pool.get().await.unwrap();
    let erase = format!("DELETE FROM users WHERE id = '{}'", all[0].user_id);
    c.batch_execute(&erase).await.unwrap();
    let batch: Vec<Settlement> = all.iter().map(cancelled).collect();
    let refs: Vec<&Settlement> = batch.iter().collect();
    assert_eq!(settle(&pool, &refs).await, Ok(6));
    let held = held(&mut c).await;
    assert_eq!(held.len(), 2, "the counters went with the person");
    assert!(held.values().all(Vec::is_empty));
}

#[tokio::test]
async fn dead_addresses_are_buried_with_the_outcome() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let all = reserved(&pool, 1).await;
    let mut c = pool.get().await.unwrap();
    let user = all[0].user_id;
    for token in ["gone", "reported since"] {
        let (ios, reported) = (Platform::Ios, DeviceSighting::Reported);
        devices::upsert(&mut c, DEFAULT_TENANT, user, token, ios, reported)
            .await
            .unwrap();
    }
    let asked_at = clock::now();
    c.batch_execute(
        "UPDATE user_devices SET last_seen_at = now() + interval '1 minute' WHERE token LIKE 'rep%';
         UPDATE user_devices SET last_seen_at = now() - interval '1 minute' WHERE token = 'gone'",
    )
    .await
    .unwrap();
    let ids = "SELECT id::text AS text FROM user_devices";
    let devices = lines(&mut c, ids).await.into_iter();
    let device = |id: String| DeadAddress::Device {
        id: id.parse().unwrap(),
        asked_at,
    };
    let suppress = |address: &str, reason| DeadAddress::Suppress {
        channel: Channel::Email,
        address: address.to_owned(),
        reason,
        account: None,
    };
    let mut batch = [cancelled(&all[0]), sent(&all[1])];
    batch[0].refund = false;
    batch[0].dead_addresses = devices.map(device).collect();
    batch[1].dead_addresses = vec![
        suppress("Ana@Example.com", SuppressionReason::HardBounce),
        suppress("ana@example.com ", SuppressionReason::Stop),
        suppress(&"long".repeat(1_000), SuppressionReason::Stop),
        suppress("", SuppressionReason::Stop),
        suppress("nul\0", SuppressionReason::Stop),
    ];
    assert_eq!(settle(&pool, &batch.each_ref()).await, Ok(2));
    let retired = "SELECT token AS text FROM user_devices WHERE invalidated_at IS NOT NULL";
    assert_eq!(lines(&mut c, retired).await, ["gone"]);
    let listed = "SELECT address || ' ' || reason AS text FROM suppressions ORDER BY 1";
    let each = ["ana@example.com hard_bounce", "ana@example.com stop"];
    assert_eq!(lines(&mut c, listed).await, each);
    assert!(
        held(&mut c).await.values().all(|ids| ids.len() == 3),
        "nothing was refunded"
    );

    // A provider's word holds, whoever stored the outcome.
    let late = Settlement {
        dead_addresses: vec![suppress("ben@example.com", SuppressionReason::Stop)],
        ..cancelled(&all[0])
    };
    assert_eq!(settle(&pool, &[&late]).await, Ok(0));
    assert_eq!(lines(&mut c, listed).await.len(), 3);
}
