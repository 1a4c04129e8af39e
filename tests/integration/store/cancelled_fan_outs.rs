//! What is cancelled is told to nobody later, either: a fan-out that starts runs ends with them.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::fan_out::FanOutWhat;
use herald::domain::{ContentHash, DEFAULT_TENANT, DomainEvent};
use herald::runtime::clock;
use herald::store::events::{self, NewEvent};
use herald::store::fan_outs::{self, FanOutOrder};
use herald::store::runs::RunSeed;
use herald::store::runs::cancel::{self, CancelOnOrder, RunsMeant};
use herald::store::runs::cancel_on;
use serde_json::{Map, json};
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

const STATES: &str = "SELECT state AS text FROM notification_schema.jobs ORDER BY id";

/// Stores events in this order; their ids.
async fn happen(connection: &mut AsyncPgConnection, names: &[&str]) -> Vec<Uuid> {
    let event = |name: &&str| NewEvent {
        event: DomainEvent {
            id: clock::new_id(),
            tenant_id: DEFAULT_TENANT,
            source: "/desk".to_owned(),
            event_id: (*name).to_owned(),
            kind: "said".to_owned(),
            subject: None,
            time: clock::now(),
            data: json!({}),
            extensions: Map::new(),
        },
        said: ContentHash([0; 32]),
        depth: 0,
        outcome: json!([]),
    };
    let events: Vec<NewEvent> = names.iter().map(event).collect();
    let ids = events.iter().map(|it| it.event.id).collect();
    events::accept(connection, &events, &[]).await.unwrap();
    ids
}

/// Orders the runs of an event for a topic.
async fn order(connection: &mut AsyncPgConnection, event_id: Uuid, workflow_id: Uuid, key: &str) {
    let seed = RunSeed {
        tenant_id: DEFAULT_TENANT,
        workflow_id,
        workflow: "greet".to_owned(),
        event_id,
        key: Some(key.to_owned()),
        source: None,
    };
    let order = FanOutOrder {
        tenant_id: DEFAULT_TENANT,
        topics: vec!["news".to_owned()],
        condition: None,
        excluded: vec![],
        rate: 1,
        what: FanOutWhat::Run(serde_json::to_value(&seed).unwrap()),
    };
    fan_outs::order(connection, &order, None).await.unwrap();
}

#[tokio::test]
async fn a_fan_out_ends_with_its_event_its_key_and_by_a_later_event() {
    let database = TestDatabase::create().await;
    let (pool, mut owner) = (database.pool().await, database.owner().await);
    let mut c = pool.get().await.unwrap();
    let topic = format!("INSERT INTO topics (tenant_id, name) VALUES ('{DEFAULT_TENANT}', 'news')");
    c.batch_execute(&topic).await.unwrap();
    // Ids as text are in another order than that in which they were accepted.
    let ids = happen(&mut c, &["9", "10", "closed", "11"]).await;
    let (of, other) = (Uuid::now_v7(), Uuid::now_v7());
    let orders = [
        (ids[0], of, "k"),
        (ids[1], of, "other"),
        (ids[1], other, "k"),
        (ids[3], of, "k"),
    ];
    for (event, version, key) in orders {
        order(&mut c, event, version, key).await;
    }
    // An event ends what its version, its key and the order of events name.
    let closed = CancelOnOrder {
        event_id: ids[2],
        tenant_id: DEFAULT_TENANT,
        workflow: "greet".to_owned(),
        workflow_id: of,
        key: "k".to_owned(),
    };
    cancel_on::cancel_on(&mut c, &[closed], "[]").await.unwrap();
    let states = lines(&mut owner, STATES).await;
    assert_eq!(states, ["cancelled", "running", "running", "running"]);
    // So does who asks, and is told how many.
    let meant = RunsMeant::Event(ids[3]);
    let ended = cancel::cancel(&mut c, DEFAULT_TENANT, &meant, "[]").await;
    assert_eq!(ended.unwrap().fan_outs, 1);
    let meant = RunsMeant::Key(Some("greet".to_owned()), "other".to_owned());
    let ended = cancel::cancel(&mut c, DEFAULT_TENANT, &meant, "[]").await;
    assert_eq!(ended.unwrap().fan_outs, 1);
    let states = lines(&mut owner, STATES).await;
    assert_eq!(states, ["cancelled", "cancelled", "running", "cancelled"]);
    // One run, and one person, are not everybody.
    for meant in [
        RunsMeant::Run(Uuid::now_v7()),
        RunsMeant::Person(Uuid::now_v7()),
    ] {
        let ended = cancel::cancel(&mut c, DEFAULT_TENANT, &meant, "[]").await;
        assert_eq!(ended.unwrap().fan_outs, 0);
    }
}
