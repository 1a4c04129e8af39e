//! What many jobs rest on is looked up again.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use herald::cache::recipients::RecipientCache;
use herald::delivery::cap_reservations::CapReservations;
use herald::delivery::eligibility::{Eligibility, RecheckRequests, RecheckSubject};
use herald::domain::{Channel, DEFAULT_TENANT, GlobalPolicy};
use herald::runtime::Shutdown;
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

const WAITING: &str = "SELECT 'waits' AS text FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

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
    let stop = Shutdown::new();
    let eligibility = Eligibility {
        database: pool.clone(),
        recipients: RecipientCache::new(pool.clone(), 16, Duration::from_secs(1)),
        rechecks: RecheckRequests::default(),
        cap_reservations: CapReservations::new(pool.clone(), stop.clone()),
        global: GlobalPolicy::default(),
        giving_up: stop,
    };
    let lock = "BEGIN; LOCK TABLE notification_schema.suppressions";
    owner.batch_execute(lock).await.unwrap();
    let subject = |_| RecheckSubject {
        id: Uuid::now_v7(),
        recipient_key: (DEFAULT_TENANT, user),
        channel: Channel::Email,
        to: None,
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
