//! What jobs rest on is looked up again, for all that wait for it at once.
//!
//! A look each would, where a great many have waited, take all connections, also from those who claim, settle
//! and schedule; and on a slow machine it would last longer than its answer is believed, and lead to the next
//! one.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::{Addressed, Eligibility};
use crate::cache::recipients::{RecipientKey, RecipientSnapshot};
use crate::domain::Channel;
use crate::runtime::Coalescer;
use crate::work::job::Job;
use crate::work::retry::retry_until_ok;

/// The looks that wait for each other.
pub type RecheckRequests = Coalescer<Vec<RecheckSubject>, Arc<RecheckFacts>>;

/// What is looked up again for a job.
#[derive(Debug, Clone)]
pub struct RecheckSubject {
    /// The notification.
    pub id: Uuid,
    /// Whom it is for.
    pub recipient_key: RecipientKey,
    /// Its channel.
    pub channel: Channel,
    /// The address that it names itself.
    pub to: Option<String>,
}

/// What was found, also for others who asked.
#[derive(Debug)]
pub struct RecheckFacts {
    known: RecipientSnapshot,
    suppressed: HashMap<Uuid, Vec<String>>,
}

impl RecheckSubject {
    fn of(job: &Job) -> Self {
        let notification = &job.notification;
        Self {
            id: notification.id,
            recipient_key: (notification.tenant_id, notification.user_id),
            channel: notification.lane.channel,
            to: notification.payload.to.clone(),
        }
    }

    fn addressed<'a>(&'a self, known: &'a RecipientSnapshot) -> Option<Addressed<'a>> {
        Some(Addressed {
            id: self.id,
            recipient: known.recipients.get(&self.recipient_key)?,
            channel: self.channel,
            to: self.to.as_deref(),
        })
    }
}

impl Eligibility {
    /// Looks up again those whom jobs are for: jobs whose recipient is there, with what is known now, and
    /// those whose recipient was deleted. Missing ones return to where they came from, since there is no
    /// more time.
    pub async fn refresh(&self, jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
        let subjects = jobs.iter().map(RecheckSubject::of).collect();
        let Some(facts) = self.recheck(subjects).await else {
            return (vec![], vec![]);
        };
        let (mut there, mut gone) = (vec![], vec![]);
        for mut job in jobs {
            let recipient_key = (job.notification.tenant_id, job.notification.user_id);
            if let Some(recipient) = facts.known.recipients.get(&recipient_key) {
                job.recipient = Arc::clone(recipient);
                job.rules = facts.known.rules_of(recipient_key.0);
                job.known_at = facts.known.at;
                let listed = facts.suppressed.get(&job.notification.id);
                job.suppressed = listed.cloned().unwrap_or_default();
                there.push(job);
            } else {
                gone.push(job);
            }
        }
        (there, gone)
    }

    /// Looks up again what these rest on, together with all others who ask by then; `None` when there is no
    /// more time.
    pub async fn recheck(&self, subjects: Vec<RecheckSubject>) -> Option<Arc<RecheckFacts>> {
        let look = |asked| self.recheck_together(asked);
        self.rechecks.ask(subjects, look).await
    }

    async fn recheck_together(
        &self,
        asked: Vec<Vec<RecheckSubject>>,
    ) -> Option<Vec<Arc<RecheckFacts>>> {
        let keys: Vec<RecipientKey> = asked.iter().flatten().map(|it| it.recipient_key).collect();
        let look = || self.recipients.load_now(keys.iter().copied());
        let known = retry_until_ok("loading recipients", &self.giving_up, look).await?;
        let subjects = asked.iter().flatten();
        let addressed: Vec<Addressed<'_>> =
            subjects.filter_map(|it| it.addressed(&known)).collect();
        let look = || self.suppressed(addressed.iter().copied());
        let suppressed = retry_until_ok("looking for suppressions", &self.giving_up, look).await?;
        let facts = Arc::new(RecheckFacts { known, suppressed });
        Some(vec![facts; asked.len()])
    }
}
