//! An event may end more runs than one transaction can: the others are left alone until they are ended, too.

use diesel_async::SimpleAsyncConnection;
use herald::domain::DEFAULT_TENANT;
use herald::store::runs::cancel::CancelOnOrder;
use herald::store::runs::{self, RunTake, cancel_on};
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

const STANDINGS: &str =
    "SELECT concat_ws(' ', status, key, count(*)) AS text FROM notification_schema.workflow_runs
                         GROUP BY status, key ORDER BY 1";
const NOTES: &str = "SELECT count(*)::text AS text FROM notification_schema.run_cancellations";

#[tokio::test]
async fn what_one_transaction_cannot_end_is_ended_in_parts_and_told_by_nobody_meanwhile() {
    let database = TestDatabase::create().await;
    let (pool, mut owner) = (database.pool().await, database.owner().await);
    let (workflow, first, last) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let made = format!(
        "SET search_path TO notification_schema;
         INSERT INTO workflows (id, tenant_id, name, version, state, definition)
             VALUES ('{workflow}', '{DEFAULT_TENANT}', 'greet', 1, 'published', '{{}}');
         INSERT INTO events (id, tenant_id, source, event_id, kind, happened_at, said, data)
             SELECT id, '{DEFAULT_TENANT}', '/desk', id::text, 'said', now(), decode(repeat('00', 32), 'hex'), '{{}}'
             FROM (VALUES (1, '{first}'::uuid), (2, '{last}')) AS them (place, id) ORDER BY place;
         INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, user_id, key, status, due_at)
             SELECT gen_random_uuid(), '{DEFAULT_TENANT}', '{workflow}', 'greet', '{first}', gen_random_uuid(),
                 CASE WHEN n > 4500 THEN 'other' ELSE 'k' END, 'waiting', now()
             FROM generate_series(1, 4501) AS n"
    );
    owner.batch_execute(&made).await.unwrap();
    let mut c = pool.get().await.unwrap();
    let order = CancelOnOrder {
        event_id: last,
        tenant_id: DEFAULT_TENANT,
        workflow: "greet".to_owned(),
        workflow_id: workflow,
        key: "k".to_owned(),
    };
    let ended = cancel_on::cancel_on(&mut c, &[order], "[]").await;
    assert_eq!(ended, Ok(2_000));
    let standings = lines(&mut owner, STANDINGS).await;
    assert_eq!(
        standings,
        ["cancelled k 2000", "waiting k 2500", "waiting other 1"]
    );
    for take in [RunTake::Longest(200), RunTake::InTurn(200)] {
        let due = runs::take(&mut c, take).await.unwrap();
        assert_eq!(due.len(), 1, "what is about to be ended is not due");
    }
    for more in [Some(2_000), Some(500), None] {
        assert_eq!(cancel_on::sweep(&mut c, "[]").await.unwrap(), more);
    }
    let standings = lines(&mut owner, STANDINGS).await;
    assert_eq!(standings, ["cancelled k 4500", "waiting other 1"]);
    assert_eq!(lines(&mut owner, NOTES).await, ["0"]);
}
