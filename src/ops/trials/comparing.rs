//! Two versions of a workflow over recorded events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{DryRun, Trials, TriedPerson};
use crate::domain::DomainEvent;
use crate::store::events::desk::{self, StoredDomainEvent};
use crate::store::{StoreError, workflows};
use crate::templates::workflow::{self, Workflow, span};

/// People of an event whose runs are compared.
const MOST_PEOPLE: usize = 20;
/// Events that are looked through for those of a workflow.
const LOOKED_THROUGH: usize = 100_000;
/// Ids that are told of each change.
const EXAMPLES: usize = 10;

/// What two versions would do with the same events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkflowComparison {
    /// How many events were looked at.
    pub looked_at: u64,
    /// How many people have each outcome by the first version; of an event that tells nobody there is one.
    pub before: BTreeMap<String, u64>,
    /// The same by the second.
    pub after: BTreeMap<String, u64>,
    /// What differs, the most frequent first.
    pub changes: Vec<ComparedChange>,
}

/// Outcomes that change alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ComparedChange {
    /// What becomes of them by the first version.
    pub before: String,
    /// What would by the second.
    pub after: String,
    /// How many there are.
    pub count: u64,
    /// The first of their events.
    pub examples: Vec<Uuid>,
}

/// Tries both versions on each event; without one there is nothing.
///
/// # Errors
/// The database is out of reach.
pub async fn compare(
    trials: &Trials,
    (before, after): (Option<&Workflow>, Option<&Workflow>),
    events: &[StoredDomainEvent],
) -> Result<WorkflowComparison, StoreError> {
    let mut comparison = WorkflowComparison::default();
    let mut changes: BTreeMap<(String, String), (u64, Vec<Uuid>)> = BTreeMap::new();
    for event in events {
        let one = outcomes(trials, before, event).await?;
        let other = outcomes(trials, after, event).await?;
        comparison.looked_at += 1;
        for (counts, of) in [
            (&mut comparison.before, &one),
            (&mut comparison.after, &other),
        ] {
            for outcome in of.values() {
                *counts.entry(outcome.clone()).or_default() += 1;
            }
        }
        let people: BTreeSet<&Uuid> = one.keys().chain(other.keys()).collect();
        for person in people {
            let of = |outcomes: &BTreeMap<Uuid, String>| {
                let outcome = outcomes.get(person).cloned();
                outcome.unwrap_or_else(|| "not told".to_owned())
            };
            let (before, after) = (of(&one), of(&other));
            if before != after {
                let (count, examples) = changes.entry((before, after)).or_default();
                *count += 1;
                if examples.len() < EXAMPLES && !examples.contains(&event.event.id) {
                    examples.push(event.event.id);
                }
            }
        }
    }
    let changes = changes.into_iter();
    let changes = changes.map(|((before, after), (count, examples))| ComparedChange {
        before,
        after,
        count,
        examples,
    });
    comparison.changes = changes.collect();
    comparison
        .changes
        .sort_by_key(|change| std::cmp::Reverse(change.count));
    Ok(comparison)
}

impl Trials {
    /// What a workflow would do in place of the one that is published, with the newest recorded events of a span of time: of
    /// at most so many.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn changed(
        &self,
        (tenant_id, workflow): (Uuid, &Workflow),
        (since, until): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<WorkflowComparison, StoreError> {
        let mut connection = self.database.get().await?;
        let found = workflows::standing(&mut connection, tenant_id, &workflow.name).await?;
        let published = found.iter().find(|it| it.state == "published");
        let published = published.and_then(|it| workflow::read(&it.definition).ok());
        let of_both = |kind: &str| {
            let now = published.as_ref().is_some_and(|now| now.on.fits(kind));
            now || workflow.on.fits(kind)
        };
        let whose = (tenant_id, None);
        let fits = |event: &DomainEvent| of_both(&event.kind);
        let events = desk::newest(&mut connection, whose, fits, (most, LOOKED_THROUGH)).await?;
        drop(connection);
        let in_span = |event: &StoredDomainEvent| (since..until).contains(&event.accepted_at);
        let events: Vec<StoredDomainEvent> = events.into_iter().filter(in_span).collect();
        compare(self, (published.as_ref(), Some(workflow)), &events).await
    }
}

/// What becomes of each person; of nobody in particular it is the nil UUID's.
async fn outcomes(
    trials: &Trials,
    workflow: Option<&Workflow>,
    event: &StoredDomainEvent,
) -> Result<BTreeMap<Uuid, String>, StoreError> {
    let meant = workflow.filter(|workflow| workflow.on.fits(&event.event.kind));
    let Some(workflow) = meant else {
        return Ok(BTreeMap::new());
    };
    let at = event.accepted_at;
    let run = trials
        .dry_run(workflow, (&event.event, at), MOST_PEOPLE)
        .await?;
    let DryRun {
        people, outcome, ..
    } = run;
    if people.is_empty() {
        return Ok(BTreeMap::from([(Uuid::nil(), outcome)]));
    }
    let people = people.into_iter();
    Ok(people
        .map(|one| (one.user_id, in_words(&one, at)))
        .collect())
}

/// What becomes of a person: each message with its channel, time and fate; without one, how the run ends.
fn in_words(person: &TriedPerson, begin: Timestamp) -> String {
    let messages = person.steps.iter().filter_map(|step| {
        let message = step.message.as_ref()?;
        let later =
            std::time::Duration::try_from(step.at.duration_since(begin)).unwrap_or_default();
        let after = match later.is_zero() {
            true => String::new(),
            false => format!(" after {}", span::show(later)),
        };
        Some(format!("{}{after} {}", message.channel, message.decision))
    });
    let messages: Vec<String> = messages.collect();
    match messages.is_empty() {
        true => person.reason.clone(),
        false => messages.join("; "),
    }
}
