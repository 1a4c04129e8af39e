//! What follows from an event: the runs that it starts, and those that it ends.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::book::{EventVersions, KnownWorkflow};
use crate::broker::cloud_event::EventDraft;
use crate::domain::{DomainEvent, RunEnd};
use crate::store::events::{NewEvent, NewRun};
use crate::store::runs::cancel::CancelOnOrder;
use crate::store::runs::{RunLine, RunSeed, nobody_id, run_id};
use crate::templates::workflow::audience::key_text;
use crate::templates::workflow::{Audience, NoAudience, Workflow, audience};

/// How many workflows may start each other: an event that leads to itself ends here.
pub const MOST_DEPTH: i16 = 8;

/// What follows from an event.
#[derive(Debug, Clone)]
pub(super) struct Following {
    pub(super) event: NewEvent,
    pub(super) runs: Vec<NewRun>,
    pub(super) cancels: Vec<CancelOnOrder>,
    pub(super) topics: Vec<TopicRuns>,
}

/// Runs for those who subscribe to topics.
#[derive(Debug, Clone)]
pub(super) struct TopicRuns {
    pub(super) seed: RunSeed,
    pub(super) topics: Vec<String>,
    pub(super) excluded: Vec<uuid::Uuid>,
}

/// What follows from an event.
pub(super) fn following(
    draft: EventDraft,
    depth: i16,
    versions: &EventVersions,
    now: Timestamp,
) -> Following {
    let known = draft.event.known();
    let mut following = Following {
        event: NewEvent {
            event: draft.event,
            said: draft.said,
            depth,
            outcome: Value::Null,
        },
        runs: vec![],
        cancels: vec![],
        topics: vec![],
    };
    let tenant_id = following.event.event.tenant_id;
    let mut outcome = vec![];
    let of_tenant = |version: &&Arc<KnownWorkflow>| version.tenant_id == tenant_id;
    for version in versions.outlasting.iter().filter(of_tenant) {
        if let Ok(workflow) = &version.workflow {
            following.cancel((version, workflow), &known, &mut outcome);
        }
    }
    for version in versions.published.iter().filter(of_tenant) {
        let workflow = match &version.workflow {
            Ok(workflow) => workflow,
            Err(problem) => {
                outcome.push(line(version, "unreadable", problem));
                continue;
            }
        };
        following.cancel((version, workflow), &known, &mut outcome);
        if workflow.on.fits(&following.event.event.kind) {
            following.start((version, workflow), &known, now, &mut outcome);
        }
    }
    following.event.outcome = Value::Array(outcome);
    following
}

impl Following {
    fn cancel(
        &mut self,
        (version, workflow): (&KnownWorkflow, &Workflow),
        known: &Map<String, Value>,
        outcome: &mut Vec<Value>,
    ) {
        match cancelled(version, workflow, &self.event.event, known) {
            None => {}
            Some(Ok(order)) => {
                let words = format!("runs that are about `{}`", order.key);
                outcome.push(line(version, "cancels", &words));
                self.cancels.push(order);
            }
            Some(Err(words)) => outcome.push(line(version, "cancels_nothing", &words)),
        }
    }

    fn start(
        &mut self,
        (version, workflow): (&KnownWorkflow, &Workflow),
        known: &Map<String, Value>,
        now: Timestamp,
        outcome: &mut Vec<Value>,
    ) {
        let found = match self.event.depth > MOST_DEPTH {
            true => {
                let words = format!(
                    "more than {MOST_DEPTH} workflows have started each other: this one does not begin"
                );
                Err(NoAudience::Failed(RunEnd::TooDeep, words))
            }
            false => audience(workflow, known),
        };
        match found {
            Err(NoAudience::NotMeant) => {
                outcome.push(line(version, "not_meant", "its `when` is false"))
            }
            Err(NoAudience::Failed(end, words)) => {
                outcome.push(line(version, end.as_str(), &words));
                self.fail(version, None, (end, words), now);
            }
            Ok(audience) => {
                outcome.push(self.tell(version, audience, now));
            }
        }
    }

    /// A run for each; and one that says what was wrong with the others.
    fn tell(&mut self, version: &KnownWorkflow, audience: Audience, now: Timestamp) -> Value {
        let kind = &self.event.event.kind;
        let mut lines = vec![said(now, format!("started by `{kind}`"))];
        lines.extend(audience.notes.iter().map(|note| said(now, note.clone())));
        let timeline = written(&lines);
        let (many, topics) = (audience.people.len(), audience.topics.len());
        for user_id in &audience.people {
            self.runs.push(NewRun {
                user_id: Some(*user_id),
                timeline: timeline.clone(),
                source: audience.source.clone(),
                ..self.run(version, Some(*user_id), audience.key.clone())
            });
        }
        if !audience.bad.is_empty() {
            let words = audience.bad.join("; ");
            self.fail(
                version,
                audience.key.clone(),
                (RunEnd::BadRecipient, words),
                now,
            );
        } else if many == 0 && topics == 0 {
            let words = "nobody is to be told".to_owned();
            self.fail(
                version,
                audience.key.clone(),
                (RunEnd::EmptyAudience, words),
                now,
            );
        }
        if topics > 0 {
            self.topics.push(TopicRuns {
                seed: RunSeed {
                    tenant_id: version.tenant_id,
                    workflow_id: version.id,
                    workflow: version.name.clone(),
                    event_id: self.event.event.id,
                    key: audience.key,
                    source: audience.source,
                },
                topics: audience.topics,
                excluded: audience.excluded,
            });
        }
        let mut line = line(
            version,
            "started",
            &format!("runs for {many} people and {topics} topics"),
        );
        if let Some(line) = line.as_object_mut() {
            line.insert("runs".to_owned(), json!(many));
        }
        line
    }

    /// A run that ended before it began.
    fn fail(
        &mut self,
        version: &KnownWorkflow,
        key: Option<String>,
        (end, words): (RunEnd, String),
        now: Timestamp,
    ) {
        let kind = &self.event.event.kind;
        let lines = [said(now, format!("started by `{kind}`")), said(now, words)];
        let run = NewRun {
            id: nobody_id(self.event.event.id, &version.name, end),
            end: Some(end),
            timeline: written(&lines),
            ..self.run(version, None, key)
        };
        self.runs.push(run);
    }

    fn run(
        &self,
        version: &KnownWorkflow,
        user_id: Option<uuid::Uuid>,
        key: Option<String>,
    ) -> NewRun {
        let event_id = self.event.event.id;
        NewRun {
            id: run_id(event_id, &version.name, user_id),
            tenant_id: version.tenant_id,
            workflow_id: version.id,
            workflow: version.name.clone(),
            event_id,
            user_id,
            key,
            end: None,
            source: None,
            timeline: String::new(),
        }
    }
}

/// Which runs of a version an event ends, if it is one of those that do; or why it ends none, in words.
fn cancelled(
    version: &KnownWorkflow,
    workflow: &Workflow,
    event: &DomainEvent,
    known: &Map<String, Value>,
) -> Option<Result<CancelOnOrder, String>> {
    let rule = workflow
        .cancel_on
        .as_ref()
        .filter(|rule| rule.kind.fits(&event.kind))?;
    let key = match rule.key.value(known) {
        Ok(value) => key_text(&value),
        Err(problem) => return Some(Err(format!("`cancel_on`: {problem}"))),
    };
    let Some(key) = key else {
        let source = rule.key.source();
        return Some(Err(format!(
            "`cancel_on`: `{source}` is null, which no run is about"
        )));
    };
    Some(Ok(CancelOnOrder {
        event_id: event.id,
        tenant_id: version.tenant_id,
        workflow: version.name.clone(),
        workflow_id: version.id,
        key,
    }))
}

fn line(version: &KnownWorkflow, what: &str, words: &str) -> Value {
    json!({ "workflow": version.name, "version": version.version, "outcome": what, "detail": words })
}

/// A line of a run as a whole.
pub(super) const fn said(at: Timestamp, words: String) -> RunLine {
    RunLine {
        at,
        step: String::new(),
        words,
    }
}

/// What is said of runs that an event ends.
pub(super) fn ended_by_event(now: Timestamp) -> String {
    written(&[said(
        now,
        "cancelled: an event of its `cancel_on` came".to_owned(),
    )])
}

/// Lines as they are stored.
pub(super) fn written(lines: &[RunLine]) -> String {
    serde_json::to_string(lines).unwrap_or_else(|_| "[]".to_owned())
}

#[cfg(test)]
mod tests;
