//! Months that are kept no longer: written to files, and removed with what depends on them.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use herald::objects::Objects;
use herald::ops::month_removal::MonthRemoval;
use herald::runtime::Shutdown;
use herald::store::Access;

use crate::database::{TestDatabase, lines};

/// Two notifications of a month, with all that may depend on them.
fn month_of(day: &str, status: &str, resolved: bool) -> String {
    format!(
        "SELECT ensure_partitions('{day}', 1);
         INSERT INTO notifications
             (id, tenant_id, idempotency_key, message_type, priority, status, payload)
         SELECT overlay(uuid_bound('{day}')::text placing lpad(n::text, 12, '0') from 25)::uuid,
                '00000000-0000-7000-8000-000000000001', 'k' || n, 'email', 'low', '{status}',
                jsonb_build_object('content', E'line\\nnext \\\\ \"quoted\" ä')
         FROM generate_series(1, 2) AS n;
         INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, resolved)
         SELECT tenant_id, id, 'no_address', {resolved} FROM notifications
         WHERE id >= uuid_bound('{day}') ORDER BY id LIMIT 1;"
    )
}

async fn removal(
    database: &TestDatabase,
    months: i32,
    folder: Option<&std::path::Path>,
) -> MonthRemoval {
    MonthRemoval {
        database: database.pool().await,
        access: Access::from(database.url()),
        months,
        place: folder.map(|folder| Objects::in_folder(folder.into())),
        stop: Shutdown::new(),
    }
}

async fn run(connection: &mut AsyncPgConnection, statement: &str) {
    connection.batch_execute(statement).await.unwrap();
}

#[tokio::test]
async fn a_month_is_written_whole_and_goes_with_what_depends_on_it() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    run(&mut engine, &month_of("2020-01-10Z", "sent", true)).await;
    let folder = tempfile::tempdir().unwrap();
    let removal = removal(&database, 2, Some(folder.path())).await;
    assert_eq!(removal.round().await.unwrap(), ["2020-01"]);

    let read = |table: &str| {
        let path = folder.path().join(format!("2020-01/{table}.ndjson"));
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text.lines().map(serde_json::from_str);
        rows.collect::<Result<Vec<serde_json::Value>, _>>().unwrap()
    };
    let rows = read("notifications");
    let content = "line\nnext \\ \"quoted\" ä";
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter().all(|row| row["payload"]["content"] == content),
        "{rows:?}"
    );
    assert_eq!(read("notification_dlq").len(), 1);
    assert_eq!(
        read("email_logs").len() + read("webhook_deliveries").len(),
        0
    );

    let left = "SELECT (SELECT count(*) FROM notifications) || ' ' || (SELECT count(*) FROM notification_dlq) || ' '
                || (to_regclass('notifications_2020_01') IS NULL) AS text";
    assert_eq!(lines(&mut engine, left).await, ["0 0 true"]);
    assert!(removal.round().await.unwrap().is_empty(), "it is gone");
}

#[tokio::test]
async fn a_month_stays_that_is_not_over_or_not_on_the_disk() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    run(&mut engine, &month_of("2020-01-10Z", "pending", true)).await;
    run(&mut engine, &month_of("2020-02-10Z", "failed", false)).await;
    let plain = removal(&database, 2, None).await;
    assert!(
        plain.round().await.unwrap().is_empty(),
        "one waits, a dead letter is open"
    );
    run(
        &mut engine,
        "UPDATE notifications SET status = 'sent'; UPDATE notification_dlq SET resolved = true",
    )
    .await;

    // A file where the folder should be: nothing can be written.
    let place = tempfile::NamedTempFile::new().unwrap();
    let unwritable = removal(&database, 2, Some(place.path())).await;
    let error = unwritable.round().await.unwrap_err().to_string();
    assert!(error.contains("cannot be exported"), "{error}");
    let rows = "SELECT count(*)::text AS text FROM notifications JOIN notification_dlq ON notification_id = notifications.id";
    assert_eq!(lines(&mut engine, rows).await, ["2"], "all of it is there");

    assert!(
        removal(&database, 1_200, None)
            .await
            .round()
            .await
            .unwrap()
            .is_empty(),
        "it is kept"
    );
    assert_eq!(plain.round().await.unwrap(), ["2020-01", "2020-02"]);
}

#[tokio::test]
async fn what_was_written_whole_is_not_written_again_and_is_looked_at_before_the_month_goes() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    let month = month_of("2020-01-10Z", "sent", true);
    run(&mut engine, &month).await;
    let folder = tempfile::tempdir().unwrap();
    let removal = removal(&database, 2, Some(folder.path())).await;
    assert_eq!(removal.round().await.unwrap(), ["2020-01"]);

    // As after a crash: the files are whole, and of their rows some are gone.
    let file = |name: &str| folder.path().join("2020-01").join(name);
    let whole = std::fs::read(file("notifications.ndjson")).unwrap();
    run(&mut engine, &month).await;
    run(
        &mut engine,
        "DELETE FROM notification_dlq; DELETE FROM notifications WHERE idempotency_key = 'k1'",
    )
    .await;
    assert_eq!(removal.round().await.unwrap(), ["2020-01"]);
    assert_eq!(std::fs::read(file("notifications.ndjson")).unwrap(), whole);

    // What is no longer as it was written lets nothing go.
    run(&mut engine, &month).await;
    std::fs::write(file("notifications.ndjson"), &whole[1..]).unwrap();
    let error = removal.round().await.unwrap_err().to_string();
    assert!(error.contains("2020-01/notifications.ndjson"), "{error}");
    let rows = "SELECT count(*)::text AS text FROM notifications";
    assert_eq!(lines(&mut engine, rows).await, ["2"]);

    // A crash before the last file: all of them are written anew.
    std::fs::remove_file(file("manifest.json")).unwrap();
    assert_eq!(removal.round().await.unwrap(), ["2020-01"]);
    let anew = std::fs::read_to_string(file("notifications.ndjson")).unwrap();
    assert_eq!(anew.lines().count(), 2);
    let manifest = std::fs::read_to_string(file("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let of_notifications = &manifest["files"][3];
    assert_eq!(of_notifications["rows"], 2);
    assert_eq!(of_notifications["bytes"], anew.len());
}
