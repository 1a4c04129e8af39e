//! SystemConditions of the whole system that operators should see: an event each, opened once and resolved when it is
//! over. Every node looks, and all see the same.

use serde_json::{Map, Value};

use crate::domain::{Severity, SystemEvent};
use crate::store::conditions::{self, SystemConditions};
use crate::store::{Database, StoreError, system_events};

/// Open dead letters of the last hour from which on they are said to grow.
const MANY_LETTERS: i64 = 100;
/// Below this they do no longer.
const FEW_LETTERS: i64 = 50;

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    /// It is open, and says this.
    Open(SystemEvent),
    /// It is over.
    Over(&'static str),
}

/// Looks, and tells.
///
/// # Errors
/// The database is out of reach.
pub async fn look(database: &Database) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    let found = conditions::read(&mut connection).await?;
    let mut over = vec![];
    for verdict in verdicts(&found) {
        match verdict {
            Verdict::Open(event) => system_events::say(&mut connection, &event).await?,
            Verdict::Over(event_type) => over.push(event_type),
        }
    }
    system_events::resolve_types(&mut connection, over).await
}

fn verdicts(found: &SystemConditions) -> Vec<Verdict> {
    let named = [
        (
            "lanes_paused",
            Severity::High,
            "channels",
            &found.paused_channels,
            "no account of these channels can be asked now; their messages wait",
        ),
        (
            "node_lost",
            Severity::High,
            "nodes",
            &found.lost_nodes,
            "these nodes died, and none of their name has started since; what they had in hand was taken over",
        ),
        (
            "partition_missing",
            Severity::Critical,
            "months",
            &found.missing_partitions,
            "`notifications` has no partition for these months; nodes make them by themselves, and their log says why \
             they cannot",
        ),
    ];
    let named = named.map(|(event_type, severity, what, names, words)| {
        if names.is_empty() {
            return Verdict::Over(event_type);
        }
        let words = format!("{words}: {}", names.join(", "));
        let names = Value::from(names.clone());
        Verdict::Open(event(event_type, severity, words, (what, names)))
    });
    named
        .into_iter()
        .chain(letters(found.recent_letters))
        .collect()
}

/// Between few and many it stays as it is.
fn letters(recent: i64) -> Option<Verdict> {
    let event_type = "dead_letters_growing";
    if recent >= MANY_LETTERS {
        let words = format!("{recent} open dead letters came in the last hour");
        let details = ("letters", Value::from(recent));
        return Some(Verdict::Open(event(
            event_type,
            Severity::High,
            words,
            details,
        )));
    }
    (recent < FEW_LETTERS).then_some(Verdict::Over(event_type))
}

fn event(
    event_type: &str,
    severity: Severity,
    description: String,
    (name, value): (&str, Value),
) -> SystemEvent {
    SystemEvent {
        event_type: event_type.to_owned(),
        severity,
        description,
        details: Map::from_iter([(name.to_owned(), value)]),
        tenant_id: None,
        user_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(found: &SystemConditions) -> (Vec<String>, Vec<&'static str>) {
        let (mut open, mut over) = (vec![], vec![]);
        for verdict in verdicts(found) {
            match verdict {
                Verdict::Open(event) => open.push(event.event_type),
                Verdict::Over(event_type) => over.push(event_type),
            }
        }
        (open, over)
    }

    #[test]
    fn each_condition_opens_its_event_and_ends_it() {
        let good = types(&SystemConditions::default());
        let all = [
            "lanes_paused",
            "node_lost",
            "partition_missing",
            "dead_letters_growing",
        ];
        assert_eq!((good.0, good.1.as_slice()), (vec![], all.as_slice()));
        let bad = SystemConditions {
            recent_letters: 100,
            paused_channels: vec!["sms".to_owned()],
            lost_nodes: vec!["a".to_owned(), "b".to_owned()],
            missing_partitions: vec!["2026-12".to_owned()],
        };
        assert_eq!(types(&bad), (all.map(str::to_owned).to_vec(), vec![]));
        let Some(Verdict::Open(lost)) = verdicts(&bad).into_iter().nth(1) else {
            panic!("it is open");
        };
        assert!(lost.description.ends_with(": a, b"), "{}", lost.description);
    }

    #[test]
    fn dead_letters_that_are_neither_few_nor_many_change_nothing() {
        assert_eq!(letters(99), None);
        assert_eq!(letters(50), None);
        assert_eq!(letters(49), Some(Verdict::Over("dead_letters_growing")));
    }
}
