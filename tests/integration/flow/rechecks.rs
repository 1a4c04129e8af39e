//! What many jobs rest on is looked up again.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use herald::cache::recipients::RecipientCache;
use herald::delivery::cap_reservations::CapReservations;
use herald::delivery::eligibility::{Eligibility, Fact, RecheckRequests, RecheckSubject};
use herald::domain::{Channel, DEFAULT_TENANT, GlobalPolicy};
use herald::runtime::Shutdown;
use herald::store::Database;
use tokio::time::timeout;
use uuid::Uuid;

use crate::database::{PATIENCE, TestDatabase, lines};

const WAITING: &str = "SELECT 'waits' AS text FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

pub(super) fn eligibility(pool: &Database) -> Eligibility {
    let stop = Shutdown::new();
    Eligibility {
        database: pool.clone(),
        recipients: RecipientCache::new(pool.clone(), 16, Duration::from_secs(1)),
        rechecks: RecheckRequests::default(),
        pace: Default::default(),
        cap_reservations: CapReservations::new(pool.clone(), stop.clone()),
        global: GlobalPolicy::default(),
        giving_up: stop,
    }
}

#[tokio::test]
async fn rechecks_of_many_jobs_leave_connections_to_others() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let user = Uuid::now_v7();
    let mut owner = database.owner().await;
    let person = format!(
        "INSERT INTO notification_schema.users (id, tenant_id, email)
         VALUES ('{user}', '{DEFAULT_TENANT}', 'a@example.com')"
    );
    owner.batch_execute(&person).await.unwrap();
    let eligibility = eligibility(&pool);
    let lock = "BEGIN; LOCK TABLE notification_schema.suppressions";
    owner.batch_execute(lock).await.unwrap();
    let subject = |_| RecheckSubject {
        id: Uuid::now_v7(),
        recipient_key: (DEFAULT_TENANT, user),
        channel: Channel::Email,
        to: None,
        category: None,
        recipient: None,
    };
    let looks = join_all((0..64).map(|at| eligibility.recheck(vec![subject(at)])));
    let mut watcher = database.owner().await;
    let others = async {
        while lines(&mut watcher, WAITING).await.is_empty() {}
        // All of the pool's four, but the one that waits for the lock.
        let lent = join_all((0..3).map(|_| pool.get())).await;
        assert!(lent.iter().all(Result::is_ok), "{lent:?}");
        owner.batch_execute("COMMIT").await.unwrap();
    };
    let (looks, ()) = tokio::join!(looks, others);
    assert!(looks.iter().all(Option::is_some));
}

#[tokio::test]
async fn somebody_who_cannot_be_read_is_told_apart_from_who_asks_at_the_same_time() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let [good, unreadable, suppressed] = [1, 2, 3].map(Uuid::from_u128);
    let prepare = format!(
        "SET search_path TO notification_schema;
         INSERT INTO users (id, tenant_id, email)
         SELECT id::uuid, '{DEFAULT_TENANT}', id || '@example.com'
         FROM (VALUES ('{good}'), ('{unreadable}'), ('{suppressed}')) AS people (id);
         INSERT INTO suppressions (tenant_id, channel, address, reason)
         VALUES ('{DEFAULT_TENANT}', 'email', '{suppressed}@example.com', 'manual');
         ALTER TABLE notification_preferences DROP CONSTRAINT notification_preferences_flat_days_check;
         INSERT INTO notification_preferences (tenant_id, user_id, quiet_hours_days)
         VALUES ('{DEFAULT_TENANT}', '{unreadable}', '{{{{mon,tue}},{{wed,thu}}}}')"
    );
    let mut owner = database.owner().await;
    owner.batch_execute(&prepare).await.unwrap();
    let eligibility = eligibility(&pool);
    let subject = |user| RecheckSubject {
        id: Uuid::now_v7(),
        recipient_key: (DEFAULT_TENANT, user),
        channel: Channel::Email,
        to: None,
        category: None,
        recipient: None,
    };
    let nobody = Uuid::from_u128(4);
    let subjects = [good, unreadable, suppressed, nobody].map(subject);
    // The first asks alone, and the others together.
    let asked = join_all(
        subjects
            .iter()
            .map(|one| eligibility.recheck(vec![one.clone()])),
    );
    let facts = timeout(PATIENCE, asked).await.expect("nobody is answered");
    let facts: Vec<_> = facts.into_iter().map(Option::unwrap).collect();
    let found: Vec<Fact<'_>> = facts
        .iter()
        .zip(&subjects)
        .map(|(it, of)| it.of(of))
        .collect();
    match found.as_slice() {
        [
            Fact::Known(first, none),
            Fact::Unreadable,
            Fact::Known(third, listed),
            Fact::Gone,
        ] => {
            assert_eq!((first.user_id, third.user_id), (good, suppressed));
            assert_eq!((none.len(), listed.len()), (0, 1));
        }
        found => panic!("{found:?}"),
    }
    let told = timeout(PATIENCE, eligibility.recipients.unreadable());
    let told = told.await.expect("nobody is told");
    assert_eq!((told.len(), told[0].user_id), (1, Some(unreadable)));
}
