//! Trying workflows on recorded events: who would be told, by what, when, and why not. Nothing is sent or written.

mod comparing;
mod messages;
mod shown;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

pub use self::comparing::{ComparedChange, WorkflowComparison, compare};
use self::messages::MessageJudge;
pub use self::shown::{DryRun, TriedMessage, TriedPerson, TriedStep};
use crate::domain::fan_out::{FanOut, FanOutWhat};
use crate::domain::{DomainEvent, GlobalPolicy, Recipient, Zone};
use crate::store::runs::people::{self, RunPerson};
use crate::store::topics::audience;
use crate::store::{Database, PgConnection, StoreError, fan_outs, recipients};
use crate::templates::Library;
use crate::templates::workflow::{self, Audience, NoAudience, Trial, Workflow, trial};

/// What workflows are tried with.
#[derive(Debug, Clone)]
pub struct Trials {
    /// The database; a replica will do.
    pub database: Database,
    /// What the operator says for everybody.
    pub global: Arc<GlobalPolicy>,
    /// The templates, if contents are wanted.
    pub library: Option<Arc<Library>>,
}

/// Whom an event would be told, by a workflow.
struct Meant {
    people: Vec<Uuid>,
    left_out: usize,
    audience: Audience,
}

impl Trials {
    /// What a workflow would do with an event, from the time on at which that was accepted: for at most so many people.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn dry_run(
        &self,
        workflow: &Workflow,
        (event, accepted_at): (&DomainEvent, Timestamp),
        most: usize,
    ) -> Result<DryRun, StoreError> {
        let known = event.known();
        let audience = match workflow::audience(workflow, &known) {
            Ok(audience) => audience,
            Err(NoAudience::NotMeant) => {
                return Ok(DryRun::of_nobody("not_meant", "its `when` is false"));
            }
            Err(NoAudience::Failed(end, words)) => {
                return Ok(DryRun::of_nobody(end.as_str(), &words));
            }
        };
        let mut connection = self.database.get().await?;
        let meant = self
            .meant(&mut connection, event.tenant_id, audience, most)
            .await?;
        let found = people::look_at(&mut connection, event.tenant_id, &meant.people).await?;
        let whose: Vec<(Uuid, Uuid)> = meant
            .people
            .iter()
            .map(|id| (event.tenant_id, *id))
            .collect();
        let wishes = recipients::load(&connection, &whose).await?;
        let trials = meant.people.iter().map(|id| {
            let person = found.get(id);
            (*id, tried(workflow, &known, person, accepted_at))
        });
        let trials: Vec<(Uuid, Trial)> = trials.collect();
        let wishes: HashMap<Uuid, Recipient> = wishes
            .known
            .into_iter()
            .map(|((_, id), person)| (id, person))
            .collect();
        let judge =
            MessageJudge::new(self, &mut connection, (event, &meant.audience), wishes).await?;
        let people = judge.people(trials, connection).await?;
        Ok(DryRun::of(meant.audience, people, meant.left_out))
    }

    /// The people that are named, and the first who subscribe to topics.
    async fn meant(
        &self,
        connection: &mut PgConnection,
        tenant_id: Uuid,
        audience: Audience,
        most: usize,
    ) -> Result<Meant, StoreError> {
        let mut people = audience.people.clone();
        let left_out = people.len().saturating_sub(most);
        people.truncate(most);
        if !audience.topics.is_empty() && people.len() < most {
            let fan_out = FanOut {
                topics: fan_outs::topics(connection, tenant_id, &audience.topics).await?,
                condition: None,
                excluded: audience.excluded.clone(),
                what: FanOutWhat::Run(serde_json::Value::Null),
            };
            for one in audience::page(connection, &fan_out, None, most).await? {
                let is_told =
                    !people.contains(&one.user_id) && !audience.excluded.contains(&one.user_id);
                if is_told && people.len() < most {
                    people.push(one.user_id);
                }
            }
        }
        Ok(Meant {
            people,
            left_out,
            audience,
        })
    }
}

fn tried(
    workflow: &Workflow,
    known: &serde_json::Map<String, serde_json::Value>,
    person: Option<&RunPerson>,
    now: Timestamp,
) -> Trial {
    let mut known = known.clone();
    if let Some(person) = person {
        known.insert("recipient".to_owned(), person.known());
    }
    let zone = person.map(|person| {
        let named = person.timezone.as_deref().map(Zone::named);
        let rules = named.and_then(|zone| zone.rules().ok());
        rules.unwrap_or(jiff::tz::TimeZone::UTC)
    });
    trial(workflow, known, zone.as_ref(), now)
}
