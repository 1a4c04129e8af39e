//! Monthly partitions by id.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::store::StoreError;

use crate::database::{TestDatabase, lines};

/// A row whose id was made at a moment.
fn insert(moment: &str, status: &str) -> String {
    format!(
        "INSERT INTO notifications
             (id, tenant_id, idempotency_key, message_type, priority, status, payload)
         VALUES (uuid_bound('{moment}'), '00000000-0000-7000-8000-000000000001', 'k', 'email',
                 'low', '{status}', '{{}}')"
    )
}

async fn execute(connection: &mut AsyncPgConnection, statement: &str) -> Result<(), StoreError> {
    Ok(connection.batch_execute(statement).await?)
}

#[tokio::test]
async fn partitions_are_made_once_by_concurrent_nodes() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let make = async || {
        let mut connection = pool.get().await.unwrap();
        let query = "SELECT ensure_partitions('2032-11-30', 3)::text AS text";
        lines(&mut connection, query).await.remove(0)
    };
    let mut made = futures_util::future::join_all([make(), make(), make(), make()]).await;
    made.sort();
    assert_eq!(made, ["0", "0", "0", "3"]);

    let names = lines(
        &mut database.owner().await,
        "SELECT relname::text AS text FROM pg_class WHERE relkind = 'r' AND relispartition
         AND relname ~ '_203[23]_' ORDER BY 1",
    )
    .await;
    let expected = [
        "notifications_2032_11",
        "notifications_2032_12",
        "notifications_2033_01",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_missing_one_is_an_error_of_its_own_and_can_be_made() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    let row = insert("2040-02-29T23:59:59.999Z", "sent");
    let missing = execute(&mut engine, &row).await;
    assert_eq!(missing, Err(StoreError::NoPartition));

    let moment = "2040-02-10T00:00:00Z".parse().unwrap();
    assert_eq!(
        herald::store::partitions::ensure(&mut engine, moment).await,
        Ok(5)
    );
    assert_eq!(execute(&mut engine, &row).await, Ok(()));
    let place = "SELECT tableoid::regclass::text AS text FROM notifications";
    assert_eq!(lines(&mut engine, place).await, ["notifications_2040_02"]);
}

#[tokio::test]
async fn a_made_one_is_like_its_siblings() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    let shape = "SELECT count(*)::text AS text FROM (
            SELECT indrelid AS oid FROM pg_index UNION ALL
            SELECT conrelid FROM pg_constraint) AS part
        JOIN pg_class USING (oid) WHERE relname ~ '^notifications_\\d{4}_\\d{2}$'
        GROUP BY relname ORDER BY relname";
    let shapes = lines(&mut owner, shape).await;
    assert_eq!(shapes.len(), 5);
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
    let least: u32 = shapes[0].parse().unwrap();
    assert!(least > 10, "5 indexes, primary key, foreign key, checks");
    let make = "SELECT notification_schema.ensure_partitions('2032-11-30', 1)::text AS text";
    assert_eq!(lines(&mut owner, make).await, ["1"]);
    let vacuumed = "SELECT count(*)::text AS text FROM pg_class
        WHERE relkind = 'r' AND relname ~ '^notifications_\\d{4}_\\d{2}$'
          AND 'autovacuum_vacuum_scale_factor=0.01' = ANY(reloptions)";
    assert_eq!(lines(&mut owner, vacuumed).await, ["6"]);
}

#[tokio::test]
async fn a_bound_lies_below_every_id_of_its_moment() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    for moment in [
        "1970-01-01T00:00:00Z",
        "2026-11-20T22:46:46.123Z",
        "9999-12-30T22:00:00Z",
    ] {
        let time: jiff::Timestamp = moment.parse().unwrap();
        let millis = u64::try_from(time.as_millisecond()).unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid();
        let before = lines(
            &mut engine,
            &format!(
                "SELECT (uuid_bound('{moment}') <= '{id}' AND
                         uuid_bound('{moment}'::timestamptz + interval '1 ms') > '{id}')::text AS text"
            ),
        )
        .await;
        assert_eq!(before, ["true"], "{moment}");
    }
}

#[tokio::test]
async fn only_one_without_live_rows_is_dropped() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    execute(&mut engine, "SELECT ensure_partitions('2020-01-01', 1)")
        .await
        .unwrap();
    let drop = "SELECT drop_partition('2020-01-31')::text AS text";

    execute(&mut engine, &insert("2020-01-15", "pending"))
        .await
        .unwrap();
    assert_eq!(lines(&mut engine, drop).await, ["false"], "one waits");

    let failed = "UPDATE notifications SET status = 'failed';
        INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason)
        SELECT tenant_id, id, 'no_address' FROM notifications";
    execute(&mut engine, failed).await.unwrap();
    assert_eq!(
        lines(&mut engine, drop).await,
        ["false"],
        "a dead letter is unresolved"
    );

    execute(&mut engine, "UPDATE notification_dlq SET resolved = true")
        .await
        .unwrap();
    assert_eq!(lines(&mut engine, drop).await, ["true"]);
    assert_eq!(
        lines(&mut engine, drop).await,
        ["false"],
        "it is gone already"
    );

    let current = "SELECT drop_partition(now()::date)";
    assert!(
        execute(&mut engine, current).await.is_err(),
        "this month is being written"
    );
}
