//! Whether somebody has noticed an item is decided in the transaction that would send elsewhere.

use diesel_async::{AnsiTransactionManager, SimpleAsyncConnection, TransactionManager};
use herald::store::runs::effects;
use uuid::Uuid;

use super::fixtures::people;
use crate::database::{TestDatabase, lines};

const WAITING: &str =
    "SELECT count(*)::text AS text FROM pg_locks JOIN pg_stat_activity USING (pid)
                       WHERE NOT granted AND datname = current_database()";
const SEEN: &str = "UPDATE notification_schema.inbox_items SET seen_at = now()";

/// Of two who change and ask at the same moment one is first: what is seen before is known, and what is not known is seen
/// after the commit.
#[tokio::test(flavor = "multi_thread")]
async fn who_sees_an_item_at_the_moment_of_the_decision_comes_before_or_after_it() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let [user, other] = people(&mut pool.get().await.unwrap(), 2)
        .await
        .try_into()
        .unwrap();
    let item = Uuid::now_v7();
    let mut person = database.owner().await;
    let made = format!(
        "INSERT INTO notification_schema.inbox_items (id, user_id, tenant_id, arrival, sequence, delivered_at)
         SELECT '{item}', id, tenant_id, 1, 1, now() FROM notification_schema.users WHERE id = '{user}'"
    );
    person.batch_execute(&made).await.unwrap();
    let told = |words: &[&str]| -> Vec<(Uuid, String)> {
        words
            .iter()
            .map(|word| (item, (*word).to_owned()))
            .collect()
    };
    let (unseen, seen) = (told(&["delivered"]), told(&["delivered", "seen"]));
    // The decision is first: whoever sees it waits for the commit.
    let mut deciding = pool.get().await.unwrap();
    AnsiTransactionManager::begin_transaction(&mut *deciding)
        .await
        .unwrap();
    let asked = [(item, user), (Uuid::now_v7(), user)];
    let held = effects::of(&mut deciding, &asked).await.unwrap();
    assert_eq!(held, unseen);
    let impatient = format!("SET lock_timeout = '100ms'; {SEEN}");
    assert!(person.batch_execute(&impatient).await.is_err(), "they wait");
    person.batch_execute("SET lock_timeout = 0").await.unwrap();
    let (waits, ()) = tokio::join!(person.batch_execute(SEEN), async {
        let mut watch = database.owner().await;
        while lines(&mut watch, WAITING).await == ["0"] {}
        AnsiTransactionManager::commit_transaction(&mut *deciding)
            .await
            .unwrap();
    });
    waits.unwrap();
    let held = effects::of(&mut deciding, &asked).await.unwrap();
    assert_eq!(held, seen);
    // The person is first: the decision waits for them, and knows.
    person
        .batch_execute("UPDATE notification_schema.inbox_items SET seen_at = NULL")
        .await
        .unwrap();
    person
        .batch_execute(&format!("BEGIN; {SEEN}"))
        .await
        .unwrap();
    deciding
        .batch_execute("SET lock_timeout = 0")
        .await
        .unwrap();
    let (held, ()) = tokio::join!(effects::of(&mut deciding, &asked), async {
        let mut watch = database.owner().await;
        while lines(&mut watch, WAITING).await == ["0"] {}
        person.batch_execute("COMMIT").await.unwrap();
    });
    assert_eq!(held.unwrap(), seen);
    // An item is its person's alone.
    assert_eq!(
        effects::of(&mut deciding, &[(item, other)]).await.unwrap(),
        []
    );
}
