//! A batch of due runs: each goes on as far as it can, and all of it is one transaction.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Flows;
use super::starting::{said, written};
use super::walk::{RunWalk, content_of};
use crate::domain::{DomainEvent, Notification, RunEnd};
use crate::runtime::{clock, failpoint};
use crate::store::accept::{self, Acceptable, AcceptedWithin};
use crate::store::claims::Claimant;
use crate::store::runs::digests::{self, closing};
use crate::store::runs::throttles::{self, ThrottleCount};
use crate::store::runs::{self, RunTake, RunUpdate, effects, people};
use crate::store::{PgConnection, StoreError, events, partitions};
use crate::templates::workflow::{Reached, StepDecision, ThrottleAsk};

/// Bytes that the events of a batch may say together.
const MOST_BYTES: usize = 4 * 1_024 * 1_024;
/// The books' rows of workflows, apart from those of others.
const WORKER: u8 = 7;

/// What a batch has done.
#[derive(Debug, Default)]
pub(super) struct BatchDone {
    /// Runs that were taken.
    pub(super) taken: usize,
    accepted: AcceptedWithin,
    sent: Vec<Notification>,
    ended: Vec<RunEnd>,
}

impl Flows {
    /// Takes due runs and goes on with each. Of a batch that the database refuses each run goes by itself, and the
    /// one that is to blame fails.
    pub(super) async fn advance(&self, which: RunTake) -> Result<usize, StoreError> {
        let (done, held) = self.advance_together(which).await;
        match done {
            Err(error) if is_of_one(&error) => {
                for id in &held {
                    let (alone, _) = self.advance_together(RunTake::One(*id)).await;
                    match alone {
                        Err(error) if is_of_one(&error) => self.fail(*id, &error).await?,
                        done => drop(done?),
                    }
                }
                Ok(held.len())
            }
            done => done,
        }
    }

    /// What a batch did, and which runs it held.
    async fn advance_together(&self, which: RunTake) -> (Result<usize, StoreError>, Vec<Uuid>) {
        let database = &self.context.node.database;
        let mut held = vec![];
        let done = database
            .transaction(async |connection| {
                let due = runs::take(connection, which).await?;
                held = due.iter().map(|run| run.id).collect();
                self.advance_within(connection, due).await
            })
            .await;
        failpoint::hit("runs.stored");
        let done = done.map(|done| {
            done.accepted.tell(database);
            self.count_ended(&done.ended);
            for notification in &done.sent {
                if done.accepted.new.contains(&notification.id) {
                    self.context.node.metrics.accepted(notification.lane);
                }
            }
            if !done.sent.is_empty() {
                (self.context.wake_scheduler)();
            }
            done.taken
        });
        (done, held)
    }

    async fn advance_within(
        &self,
        connection: &mut PgConnection,
        due: Vec<runs::DueRun>,
    ) -> Result<BatchDone, StoreError> {
        if due.is_empty() {
            return Ok(BatchDone::default());
        }
        let mut walks = self.walks(connection, due).await?;
        let mut sent = vec![];
        while walks.iter().any(|walk| !walk.is_resting()) {
            look_back(connection, &mut walks).await?;
            look_into_digests(connection, &mut walks).await?;
            for walk in &mut walks {
                if !walk.is_resting() {
                    sent.extend(step(connection, walk).await?);
                }
            }
        }
        failpoint::hit("runs.walked");
        let content: Vec<_> = sent.iter().map(content_of).collect();
        let acceptable = sent
            .iter()
            .zip(content)
            .map(|(notification, content)| Acceptable {
                notification,
                content,
                take: None,
                adopts: None,
                request_id: None,
                said: None,
            });
        let acceptable: Vec<Acceptable<'_>> = acceptable.collect();
        let claimant = Claimant {
            run: self.context.node.lease_gate.run(),
            worker: WORKER,
            now: clock::now(),
        };
        let database = &self.context.node.database;
        let counted = (claimant, self.context.window);
        // Those of one batch are of one moment, and partitions are made for months.
        if let Some(first) = sent.first() {
            partitions::ensure(connection, first.created_at).await?;
        }
        let accepted = accept::within(database, connection, counted, &acceptable).await?;
        let new: HashSet<Uuid> = accepted.new.iter().copied().collect();
        for walk in &mut walks {
            walk.keep_new(&new);
        }
        let updates: Vec<RunUpdate> = walks.into_iter().map(RunWalk::update).collect();
        runs::update(connection, &updates).await?;
        failpoint::hit("runs.written");
        Ok(BatchDone {
            taken: updates.len(),
            ended: updates.iter().filter_map(|it| it.end).collect(),
            accepted,
            sent,
        })
    }

    /// The runs with what is known of them.
    async fn walks(
        &self,
        connection: &mut PgConnection,
        due: Vec<runs::DueRun>,
    ) -> Result<Vec<RunWalk>, StoreError> {
        let versions: Vec<Uuid> = due.iter().map(|run| run.workflow_id).collect();
        let versions = self.context.book.versions(connection, &versions).await?;
        let happened = due.iter().map(|run| run.event_id).collect();
        let happened = events::load(connection, happened).await?;
        let due = affordable(due, &happened);
        let whose = due
            .iter()
            .filter_map(|run| Some((run.tenant_id, run.user_id?)));
        let whose: Vec<(Uuid, Uuid)> = whose.collect();
        let found = people::hold(connection, &whose).await?;
        let walk = |run: runs::DueRun| {
            let version = versions.get(&run.workflow_id).cloned();
            let event = happened.get(&run.event_id);
            let person = run.user_id.and_then(|id| found.get(&id));
            RunWalk::new(run, version, event, person)
        };
        Ok(due.into_iter().map(walk).collect())
    }

    /// A run that the database refuses for its data.
    async fn fail(&self, id: Uuid, error: &StoreError) -> Result<(), StoreError> {
        tracing::warn!(%error, run_id = %id, "a run fails: the database refuses its data");
        let words = "a text, number or time that it would send cannot be stored".to_owned();
        let lines = written(&[said(clock::now(), words)]);
        let mut connection = self.context.node.database.get().await?;
        let ended = closing::end(&mut connection, &[id], RunEnd::Unstorable, &lines).await?;
        self.count_ended(&ended);
        Ok(())
    }
}

/// The first of them, as many as there is room for what their events say: each run and what it sends hold that. The others
/// stay as they are.
fn affordable(
    mut due: Vec<runs::DueRun>,
    happened: &HashMap<Uuid, DomainEvent>,
) -> Vec<runs::DueRun> {
    let mut left = MOST_BYTES;
    let fits = |run: &&runs::DueRun| {
        let has_room = left > 0;
        let event = happened.get(&run.event_id);
        left = left.saturating_sub(event.map_or(0, DomainEvent::weight));
        has_room
    };
    let many = due.iter().take_while(fits).count();
    due.truncate(many);
    due
}

/// One move of one run; what it sends.
async fn step(
    connection: &mut PgConnection,
    walk: &mut RunWalk,
) -> Result<Option<Notification>, StoreError> {
    match walk.decide() {
        StepDecision::GoOn { to, note } => walk.go_on(to, note),
        StepDecision::WaitUntil { at, to, note } => walk.wait(at, to, note),
        StepDecision::Send(order) => {
            let id = clock::new_id();
            let created_at = partitions::moment_of(id).unwrap_or_else(clock::now);
            return Ok(walk.send(*order, (id, created_at)));
        }
        StepDecision::Ask(ask) => walk.admitted = Some(admit(connection, walk, ask).await?),
        StepDecision::Join(ask) => {
            let Some(joining) = walk.joining(&ask, clock::new_id()) else {
                let words = "there is no such person in this tenant".to_owned();
                walk.end(RunEnd::UnknownUser, (ask.note.step, words));
                return Ok(None);
            };
            let joined = digests::join(connection, &joining).await?;
            match joined.goes_on {
                true => walk.carry_alone(joined.id, ask.at),
                false => walk.rest_in(joined.id, ask.note),
            }
        }
        StepDecision::End { end, note } => walk.end(end, (note.step, note.words)),
    }
    Ok(None)
}

async fn admit(
    connection: &mut PgConnection,
    walk: &RunWalk,
    ask: ThrottleAsk,
) -> Result<bool, StoreError> {
    let count = ThrottleCount {
        tenant_id: walk.run.tenant_id,
        user_id: walk.run.user_id.unwrap_or_default(),
        scope: ask.scope,
        key: ask.key,
    };
    throttles::admit(connection, count, (ask.at_most, ask.per)).await
}

/// What earlier notifications had for effects, where that is asked.
async fn look_back(connection: &mut PgConnection, walks: &mut [RunWalk]) -> Result<(), StoreError> {
    let asking = walks.iter().filter(|walk| !walk.is_resting());
    let asked: Vec<(Uuid, Uuid)> = asking
        .flat_map(|walk| {
            let user = walk.run.user_id.unwrap_or_default();
            walk.asks().into_iter().map(move |(_, id)| (id, user))
        })
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let mut found: HashMap<Uuid, Vec<Reached>> = HashMap::new();
    for (id, effect) in effects::of(connection, &asked).await? {
        let reached: &[Reached] = match effect.as_str() {
            "delivered" => &[Reached::Delivered],
            "seen" => &[Reached::Seen],
            "read" => &[Reached::Read, Reached::Seen],
            "open" => &[Reached::Read, Reached::Seen, Reached::Delivered],
            "click" => &Reached::ALL,
            _ => &[],
        };
        found.entry(id).or_default().extend(reached);
    }
    for walk in walks.iter_mut().filter(|walk| !walk.is_resting()) {
        for (at, id) in walk.asks() {
            let effects = found.get(&id).into_iter().flatten();
            walk.reached.extend(effects.map(|effect| (at, *effect)));
        }
    }
    Ok(())
}

/// What digests hold that runs carry on.
async fn look_into_digests(
    connection: &mut PgConnection,
    walks: &mut [RunWalk],
) -> Result<(), StoreError> {
    let carried: Vec<(Uuid, u32)> = walks
        .iter()
        .filter(|walk| !walk.is_resting())
        .filter_map(RunWalk::carries)
        .collect();
    let Some(most) = carried.iter().map(|(_, keeps)| *keeps).max() else {
        return Ok(());
    };
    let ids: Vec<Uuid> = carried.into_iter().map(|(id, _)| id).collect();
    let counts = digests::counts(connection, ids.clone()).await?;
    let items = digests::first_items(connection, ids, most).await?;
    for walk in walks.iter_mut().filter(|walk| !walk.is_resting()) {
        if let Some((id, keeps)) = walk.carries() {
            let of_digest = items.get(&id).map_or(&[][..], Vec::as_slice);
            walk.holds(counts.get(&id).copied().unwrap_or(0), of_digest, keeps);
        }
    }
    Ok(())
}

/// Whether an error may be one run's alone.
fn is_of_one(error: &StoreError) -> bool {
    error.is_about_data()
        || matches!(
            error,
            StoreError::ForeignKey { .. } | StoreError::UniqueViolation { .. }
        )
}
