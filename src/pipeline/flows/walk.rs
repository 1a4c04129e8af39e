//! A run on its way through its moves, until it waits or ends.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::book::KnownWorkflow;
use crate::broker::envelope::{KeySource, key_hash, valid_trace};
use crate::domain::{
    Body, ContentHash, DomainEvent, Lane, Notification, Payload, RunEnd, RunOutcome, TemplateCall,
    Zone, limits,
};
use crate::store::runs::digests::DigestJoin;
use crate::store::runs::people::RunPerson;
use crate::store::runs::{DueRun, RunLine, RunUpdate, SentMove};
use crate::templates::workflow::{
    Deed, DigestAsk, Move, Reach, Reached, RunNote, SendOrder, StepDecision, StepFacts, Workflow,
    decide,
};

/// Most bytes of the items of a digest that a template sees: of what has no room beside them the `data` is left out.
const MOST_ITEM_BYTES: usize = 256 * 1_024;

/// A run on its way.
pub(super) struct RunWalk {
    pub(super) run: DueRun,
    version: Option<Arc<KnownWorkflow>>,
    known: Map<String, Value>,
    zone: Option<TimeZone>,
    at: usize,
    digest_id: Option<Uuid>,
    items: Option<u64>,
    pub(super) reached: HashSet<(usize, Reached)>,
    pub(super) admitted: Option<bool>,
    lines: Vec<RunLine>,
    /// What it sends in this transaction.
    sends: Vec<Uuid>,
    rest: Option<Rest>,
}

/// Where a walk came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Due(Timestamp),
    InDigest,
    Ended(RunEnd),
}

impl RunWalk {
    pub(super) fn new(
        run: DueRun,
        version: Option<Arc<KnownWorkflow>>,
        event: Option<&DomainEvent>,
        person: Option<&RunPerson>,
    ) -> Self {
        let mut known = event.map(DomainEvent::known).unwrap_or_default();
        if let Some(person) = person {
            known.insert("recipient".to_owned(), person.known());
        }
        let zone = person.map(|person| zone_of(person.timezone.as_deref()));
        let mut walk = Self {
            at: run.step,
            digest_id: run.digest_id,
            items: None,
            reached: HashSet::new(),
            admitted: None,
            lines: vec![],
            sends: vec![],
            rest: None,
            run,
            version,
            known,
            zone,
        };
        let problem = match (&walk.version, event) {
            (None, _) => Some("its version is gone".to_owned()),
            (_, None) => Some("its event is gone".to_owned()),
            (Some(version), _) => version.workflow.as_ref().err().cloned(),
        };
        if let Some(problem) = problem {
            walk.end(RunEnd::Unreadable, (String::new(), problem));
        }
        walk
    }

    pub(super) const fn is_resting(&self) -> bool {
        self.rest.is_some()
    }

    fn workflow(&self) -> Option<&Workflow> {
        self.version.as_ref()?.workflow.as_ref().ok()
    }

    /// What must be known of earlier notifications before the next move is decided.
    pub(super) fn asks(&self) -> Vec<(usize, Uuid)> {
        let it = self
            .workflow()
            .and_then(|workflow| workflow.moves.get(self.at));
        let reach: Option<&Reach> = match it.map(|it| &it.deed) {
            Some(Deed::EndIf(reach)) => Some(reach),
            Some(Deed::Send(rule)) => rule.unless.as_ref(),
            _ => None,
        };
        let of = reach.map_or(&[][..], |reach| &reach.of);
        let sent = self.run.sent.iter();
        let meant = sent.filter_map(|it| Some((self.at_now(it, of)?, it.id)));
        meant.collect()
    }

    /// Which of some moves has sent this. What another version has sent is known by its mark: a digest goes on with the
    /// newest, whose moves are others.
    fn at_now(&self, sent: &SentMove, among: &[usize]) -> Option<usize> {
        if sent.version.is_none_or(|id| id == self.run.workflow_id) {
            return among.contains(&sent.at).then_some(sent.at);
        }
        let moves = &self.workflow()?.moves;
        let mut same = among.iter().copied();
        same.find(|at| moves.get(*at).and_then(Move::mark).as_deref() == Some(&*sent.mark))
    }

    /// The digest that it carries, and how many of its items are kept.
    pub(super) fn carries(&self) -> Option<(Uuid, u32)> {
        let digest = self.digest_id.filter(|_| self.items.is_none())?;
        let before = self.workflow()?.moves.iter().take(self.at).rev();
        let keeps = before.filter_map(|it| match &it.deed {
            Deed::Digest(rule) => Some(rule.keeps),
            _ => None,
        });
        Some((digest, keeps.into_iter().next().unwrap_or(1)))
    }

    /// What its digest holds.
    pub(super) fn holds(&mut self, count: u64, items: &[Map<String, Value>], keeps: u32) {
        let (mut left, mut too_large) = (MOST_ITEM_BYTES, 0_usize);
        let kept = items
            .iter()
            .take(usize::try_from(keeps).unwrap_or(usize::MAX));
        let mut fitting = |item: &Map<String, Value>| {
            let mut item = item.clone();
            match left.checked_sub(Value::Object(item.clone()).to_string().len()) {
                Some(rest) => left = rest,
                None => {
                    too_large += 1;
                    item.insert("data".to_owned(), Value::Null);
                }
            }
            Value::Object(item)
        };
        let kept: Vec<Value> = kept.map(&mut fitting).collect();
        if too_large > 0 {
            self.note(RunNote {
                step: String::new(),
                words: format!("the `data` of {too_large} items has no room beside the others'"),
            });
        }
        let digest = json!({ "count": count, "items": kept });
        self.known.insert("digest".to_owned(), digest);
        self.items = Some(count);
    }

    /// What follows at the move where it stands.
    pub(super) fn decide(&self) -> StepDecision {
        let Some(workflow) = self.workflow() else {
            let note = RunNote {
                step: String::new(),
                words: "its version is gone".to_owned(),
            };
            return StepDecision::End {
                end: RunEnd::Unreadable,
                note,
            };
        };
        let facts = StepFacts {
            known: &self.known,
            person: self.zone.as_ref(),
            reached: &self.reached,
            items: self.items,
            admitted: self.admitted,
        };
        decide(workflow, self.at, &facts, self.run.now)
    }

    pub(super) fn go_on(&mut self, to: usize, note: Option<RunNote>) {
        self.at = to;
        self.admitted = None;
        if let Some(note) = note {
            self.note(note);
        }
    }

    pub(super) fn wait(&mut self, at: Timestamp, to: usize, note: RunNote) {
        self.go_on(to, Some(note));
        self.rest = Some(Rest::Due(at));
    }

    /// It rests in a digest, where it stands.
    pub(super) fn rest_in(&mut self, digest: Uuid, note: RunNote) {
        self.note(note);
        self.digest_id = Some(digest);
        self.rest = Some(Rest::InDigest);
    }

    /// It goes on at once with a digest of its own.
    pub(super) fn carry_alone(&mut self, digest: Uuid, at: usize) {
        self.digest_id = Some(digest);
        self.items = None;
        let note = RunNote {
            step: String::new(),
            words: "it is the first of its digest, and goes on at once".to_owned(),
        };
        self.go_on(at + 1, Some(note));
    }

    pub(super) fn end(&mut self, end: RunEnd, (step, words): (String, String)) {
        self.note(RunNote { step, words });
        self.rest = Some(Rest::Ended(end));
    }

    fn note(&mut self, note: RunNote) {
        self.lines.push(RunLine {
            at: self.run.now,
            step: note.step,
            words: note.words,
        });
    }

    /// What it asks of a digest.
    pub(super) fn joining(&self, ask: &DigestAsk, new_id: Uuid) -> Option<DigestJoin> {
        Some(DigestJoin {
            new_id,
            tenant_id: self.run.tenant_id,
            workflow: self.run.workflow.clone(),
            slot: ask.slot.clone(),
            user_id: self.run.user_id?,
            key: ask.key.clone(),
            run_id: self.run.id,
            event_id: self.run.event_id,
            carried: self.digest_id,
            closes_at: ask.closes_at,
            closes_by: ask.closes_by,
            is_sliding: ask.is_sliding,
            most: ask.most,
            first_at_once: ask.first_at_once,
        })
    }

    /// The notification of a move, which goes on.
    pub(super) fn send(
        &mut self,
        order: SendOrder,
        (id, created_at): (Uuid, Timestamp),
    ) -> Option<Notification> {
        let user_id = self.run.user_id?;
        let tenant_id = self.run.tenant_id;
        // Another version's moves are others.
        let step = format!("{}/{}/{}", self.run.id, self.run.workflow_id, order.at);
        let metadata =
            json!({ "workflow": self.run.workflow, "run": self.run.id, "step": order.note.step });
        let event = self.known.get("event");
        let traceparent = event.and_then(|event| event.get("traceparent")?.as_str());
        let notification = Notification {
            id,
            tenant_id,
            user_id,
            lane: Lane {
                channel: order.channel,
                priority: order.priority,
            },
            category: order.category,
            key: key_hash(KeySource::RunStep(&step), tenant_id, user_id, order.channel),
            payload: Payload {
                body: Body::Template(TemplateCall {
                    name: order.template,
                    variables: order.variables,
                    reply_to: order.reply_to,
                }),
                to: None,
                provider: None,
                traceparent: traceparent.and_then(valid_trace),
                inbox: None,
            },
            send_at: None,
            expires_at: None,
            max_retries: limits::DEFAULT_RETRIES,
            source: self.run.source.clone(),
            metadata: metadata.as_object().cloned(),
            created_at,
            attempt_count: 0,
            attempts: vec![],
            stored_attempts: 0,
        };
        let moves = self.workflow().map(|workflow| &workflow.moves);
        let mark = moves.and_then(|moves| moves.get(order.at)?.mark());
        self.run.sent.push(SentMove {
            at: order.at,
            id,
            version: Some(self.run.workflow_id),
            mark: mark.unwrap_or_default(),
            failed: false,
        });
        self.sends.push(id);
        self.go_on(order.at + 1, Some(order.note));
        Some(notification)
    }

    /// Of what it sends, that alone was sent which is new: anything else is said, and was sent before.
    pub(super) fn keep_new(&mut self, new: &HashSet<Uuid>) {
        let old: Vec<Uuid> = std::mem::take(&mut self.sends);
        for id in old.into_iter().filter(|id| !new.contains(id)) {
            self.run.sent.retain(|sent| sent.id != id);
            let words = "a message of it had been sent before: it is not sent again";
            self.note(RunNote {
                step: String::new(),
                words: words.to_owned(),
            });
        }
    }

    /// How it ends: what could not be told fails it.
    fn told(&self, end: RunEnd) -> RunEnd {
        let has_failed = self.run.sent.iter().any(|sent| sent.failed);
        match has_failed && end.outcome() == RunOutcome::Finished {
            true => RunEnd::TemplateError,
            false => end,
        }
    }

    /// How the run stands now.
    pub(super) fn update(self) -> RunUpdate {
        let (end, due_at) = match self.rest {
            Some(Rest::Ended(end)) => (Some(self.told(end)), None),
            Some(Rest::Due(at)) => (None, Some(at)),
            Some(Rest::InDigest) => (None, None),
            // It would be a mistake of ours; it is looked at again.
            None => (None, Some(self.run.now)),
        };
        RunUpdate {
            id: self.run.id,
            step: self.at,
            end,
            due_at,
            digest_id: self.digest_id,
            sent: self.run.sent,
            lines: self.lines,
        }
    }
}

/// What stands for the content of a run's notification: its key says it all.
pub(super) fn content_of(notification: &Notification) -> ContentHash {
    ContentHash(notification.key.0)
}

/// A person's zone; one that this node does not know is UTC.
fn zone_of(name: Option<&str>) -> TimeZone {
    let zone = name.map(Zone::named).and_then(|zone| zone.rules().ok());
    zone.unwrap_or(TimeZone::UTC)
}
