//! Rows that cannot be taken: found, left out, and in no other row's way.

use diesel_async::SimpleAsyncConnection;
use herald::domain::{DEFAULT_TENANT, Status};
use herald::runtime::clock;
use herald::store::StoreError;
use herald::store::audit::DoneBy;
use herald::store::due::{self, Among, Taking, WaitsFor, Wanting};
use herald::store::lease::RunId;
use herald::store::quarantine::{self, QuarantineFilter};
use herald::store::settle::{self, Settlement};
use herald::store::takes::TakeId;
use uuid::Uuid;

use super::takes::{LANE, RUN, ids, put_off, rows, state, take, taking, wanted};
use crate::database::{TestDatabase, lines};

/// What a CHECK that came later makes of a row: it can be neither changed nor taken.
const UNCHANGEABLE: &str = "ALTER TABLE notification_schema.notifications
    ADD CONSTRAINT later CHECK (error_message IS DISTINCT FROM 'odd') NOT VALID";

#[tokio::test]
async fn the_rows_for_which_a_take_fails_are_found_and_the_others_are_taken_without_them() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let all = rows(&mut c, 9).await;
    let odd = format!(
        "UPDATE notification_schema.notifications SET error_message = 'odd' WHERE id IN ('{}', '{}');
         {UNCHANGEABLE}",
        all[2], all[7]
    );
    c.batch_execute(&odd).await.unwrap();
    let now = clock::now();
    let failed = due::take(&pool, taking(RUN, 1), now, &[wanted()]).await;
    assert!(
        matches!(failed, Err(StoreError::CheckViolation { .. })),
        "{failed:?}"
    );

    let wanting = Wanting {
        lane: LANE,
        tenant: None,
        most: 100,
        among: Among::Due(wanted().since),
    };
    let refused = due::refusing(&pool, taking(RUN, 2), now, &[wanting])
        .await
        .unwrap();
    let refusing: Vec<Uuid> = refused.iter().map(|(id, _)| *id).collect();
    assert_eq!(refusing, [all[2], all[7]]);
    assert_eq!(state(&mut c, all[0]).await, "nobody 0 0", "it only tries");
    let without = Taking {
        refusing: &refusing,
        ..taking(RUN, 3)
    };
    let taken = due::take(&pool, without, now, &[wanted()]).await.unwrap();
    assert_eq!(taken.notifications.len(), 7);
    let given: Vec<(Uuid, TakeId)> = all.iter().map(|id| (*id, TakeId::of(RUN, 3))).collect();
    settle::release(&pool, &given).await.all_done().unwrap();
    let free =
        "SELECT count(*)::text AS text FROM notification_schema.notifications WHERE owner IS NULL";
    assert_eq!(lines(&mut c, free).await, ["9"]);
}

#[tokio::test]
async fn rows_that_wait_for_an_account_are_sifted_too() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let all = rows(&mut c, 5).await;
    let odd = format!(
        "UPDATE notification_schema.notifications SET waits_for = 'account:main';
         UPDATE notification_schema.notifications SET error_message = 'odd' WHERE id = '{}';
         {UNCHANGEABLE}",
        all[3]
    );
    c.batch_execute(&odd).await.unwrap();
    let wanting = Wanting {
        lane: LANE,
        tenant: Some(DEFAULT_TENANT),
        most: 100,
        among: Among::Waiting(WaitsFor::Account("main".to_owned()), Uuid::nil()),
    };
    let refused = due::refusing(&pool, taking(RUN, 1), clock::now(), &[wanting]).await;
    let refusing: Vec<Uuid> = refused.unwrap().iter().map(|(id, _)| *id).collect();
    assert_eq!(refusing, [all[3]]);
}

#[tokio::test]
async fn a_quarantined_row_that_could_not_be_set_aside_is_not_taken_once_its_run_is_dead() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let id = rows(&mut c, 1).await[0];
    let taken = take(&pool, RUN, 1, false).await;
    let odd = format!(
        "UPDATE notification_schema.notifications SET error_message = 'odd'; {UNCHANGEABLE}"
    );
    c.batch_execute(&odd).await.unwrap();
    let sent = Settlement {
        status: Status::Sent,
        reason: None,
        due_at: None,
        error_message: Some("odd".to_owned()),
        ..put_off(&taken, TakeId::of(RUN, 1))
    };
    let settled = settle::settle(&pool, &[&sent], clock::instant()).await;
    assert!(settled.unwrap().is_quarantined(id));
    let owned = format!("{} {} 1 0", RUN.0, TakeId::of(RUN, 1).0);
    assert_eq!(state(&mut c, id).await, owned, "as it was");
    let mend = "ALTER TABLE notification_schema.notifications DROP CONSTRAINT later";
    c.batch_execute(mend).await.unwrap();
    assert!(ids(&take(&pool, RunId(2), 1, false).await).is_empty());
    let entry = quarantine::list(&pool, &QuarantineFilter::default(), 1)
        .await
        .unwrap()
        .remove(0);
    // Nothing of it is stored, and nothing is sent.
    assert_eq!(
        quarantine::resolve(&pool, &entry, &DoneBy::command_line()).await,
        Ok(true)
    );
    assert!(ids(&take(&pool, RunId(2), 2, false).await).is_empty());
    let set_aside = "SELECT count(*)::text AS text FROM notification_schema.notifications
        WHERE owner IS NULL AND due_at IS NULL";
    assert_eq!(lines(&mut c, set_aside).await, ["1"]);
}
