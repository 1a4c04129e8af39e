use uuid::Uuid;

use super::*;
use crate::domain::{ContentHash, DEFAULT_TENANT};
use crate::templates::workflow::read;

fn version(number: i32) -> Arc<KnownWorkflow> {
    let definition = json!({
        "name": "told", "on": "ticket.*", "recipients": ["data.who"], "key": "data.id",
        "cancel_on": { "type": "ticket.closed", "key": "data.id" },
        "steps": [{ "send": { "channel": "in_app", "template": "t" } }],
    });
    Arc::new(KnownWorkflow {
        id: Uuid::from_u128(number.unsigned_abs().into()),
        tenant_id: DEFAULT_TENANT,
        name: "told".to_owned(),
        version: number,
        workflow: Ok(read(definition.as_object().unwrap()).unwrap()),
    })
}

fn event(kind: &str, data: Value) -> DomainEvent {
    DomainEvent {
        id: Uuid::from_u128(7),
        tenant_id: DEFAULT_TENANT,
        source: "/desk".to_owned(),
        event_id: "1".to_owned(),
        kind: kind.to_owned(),
        subject: None,
        time: Timestamp::UNIX_EPOCH,
        data,
        extensions: Map::new(),
    }
}

/// The key of the runs that an event ends; or why it ends none.
fn ends(kind: &str, data: Value) -> Option<Result<String, String>> {
    let (version, event) = (version(1), event(kind, data));
    let workflow = version.workflow.as_ref().unwrap();
    let found = cancelled(&version, workflow, &event, &event.known());
    found.map(|found| found.map(|order| order.key))
}

/// Elsewhere an event without a key has ended every run there was.
#[test]
fn an_event_that_names_nothing_ends_nothing() {
    assert_eq!(ends("ticket.replied", json!({ "id": 7 })), None);
    let seven = serde_json::from_str("{ \"id\": 7.0 }").unwrap();
    assert_eq!(ends("ticket.closed", seven), Some(Ok("7".to_owned())));
    for data in [json!({ "id": null }), json!({}), Value::Null] {
        let found = ends("ticket.closed", data.clone());
        assert!(matches!(found, Some(Err(_))), "{data}: {found:?}");
    }
    let empty = ends("ticket.closed", json!({ "id": "" }));
    assert_eq!(empty, Some(Ok(String::new())), "an empty text is one, too");
}

/// A workflow whose own messages start it again has filled others' queues until somebody noticed.
#[test]
fn workflows_that_start_each_other_end_visibly() {
    let versions = EventVersions {
        published: vec![version(1)],
        outlasting: vec![],
    };
    let at = |depth: i16| {
        let draft = EventDraft {
            event: event(
                "ticket.replied",
                json!({ "who": Uuid::from_u128(3), "id": 1 }),
            ),
            said: ContentHash([0; 32]),
            caused_by: None,
        };
        let runs = following(draft, depth, &versions, Timestamp::UNIX_EPOCH).runs;
        runs.into_iter().map(|run| run.end).collect::<Vec<_>>()
    };
    assert_eq!(at(0), [None]);
    assert_eq!(at(MOST_DEPTH), [None]);
    assert_eq!(at(MOST_DEPTH + 1), [Some(RunEnd::TooDeep)]);
    assert_eq!(at(i16::MAX), [Some(RunEnd::TooDeep)]);
}
