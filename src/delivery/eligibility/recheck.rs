//! What jobs rest on is looked up again, for all that wait for it at once.
//!
//! A look each would, where a great many have waited, take all connections, also from those who claim, settle
//! and schedule; and on a slow machine it would last longer than its answer is believed, and lead to the next
//! one.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Addressed, Eligibility, Listed};
use crate::cache::recipients::{RecipientKey, RecipientSnapshot};
use crate::domain::{Channel, Recipient};
use crate::runtime::{Coalescer, clock};
use crate::store::StoreError;
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
    /// The category that it names.
    pub category: Option<String>,
    /// The recipient as they were known, if they were: their addresses are looked for at once.
    pub recipient: Option<Arc<Recipient>>,
}

/// What was found, also for others who asked.
#[derive(Debug)]
pub struct RecheckFacts {
    known: RecipientSnapshot,
    listed: Listed,
    answered_at: Timestamp,
}

/// Jobs, by what is known now of whom they are for.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// With what is known now.
    pub there: Vec<Job>,
    /// Their recipient was deleted.
    pub gone: Vec<Job>,
    /// What their recipient wants cannot be read.
    pub unreadable: Vec<Job>,
}

impl RecheckSubject {
    fn of(job: &Job) -> Self {
        let notification = &job.notification;
        Self {
            id: notification.id,
            recipient_key: (notification.tenant_id, notification.user_id),
            channel: notification.lane.channel,
            to: notification.payload.to.clone(),
            category: notification.category.clone(),
            recipient: Some(Arc::clone(&job.recipient)),
        }
    }

    fn addressed<'a>(&'a self, recipient: &'a Recipient) -> Addressed<'a> {
        Addressed {
            id: self.id,
            recipient,
            channel: self.channel,
            to: self.to.as_deref(),
            category: self.category.as_deref(),
        }
    }

    /// As before.
    fn guessed(&self) -> Option<Addressed<'_>> {
        Some(self.addressed(self.recipient.as_deref()?))
    }

    /// As they are now, if that is not as before.
    fn changed<'a>(&'a self, known: &'a RecipientSnapshot) -> Option<Addressed<'a>> {
        let now = self.addressed(known.recipients.get(&self.recipient_key)?);
        let is_same = self
            .guessed()
            .is_some_and(|before| before.entries().eq(now.entries()));
        (!is_same).then_some(now)
    }
}

impl Eligibility {
    /// Looks up again those whom jobs are for. Missing ones return to where they came from, since there is
    /// no more time.
    pub async fn refresh(&self, jobs: Vec<Job>) -> LookedUp {
        let subjects = jobs.iter().map(RecheckSubject::of).collect();
        let Some(facts) = self.recheck(subjects).await else {
            return LookedUp::default();
        };
        let mut looked_up = LookedUp::default();
        for mut job in jobs {
            let subject = RecheckSubject::of(&job);
            match facts.of(&subject) {
                Fact::Known(recipient, suppressed) => {
                    job.recipient = Arc::clone(recipient);
                    job.rules = facts.known.rules_of(recipient.tenant_id);
                    (job.suppressed, job.known_at) = (suppressed, facts.known.at);
                    job.heard = facts.known.heard;
                    job.answered_at = facts.answered_at;
                    looked_up.there.push(job);
                }
                Fact::Gone => looked_up.gone.push(job),
                Fact::Unreadable => looked_up.unreadable.push(job),
            }
        }
        looked_up
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
        let subjects: Vec<&RecheckSubject> = asked.iter().flatten().collect();
        let look = || self.look(&subjects);
        let facts = retry_until_ok("looking up recipients again", &self.giving_up, look).await?;
        let facts = Arc::new(facts);
        Some(vec![facts; asked.len()])
    }

    /// Looks for recipients, rules and suppressions at once, so that it takes no longer than it must; and again
    /// for the suppressions of those whose addresses have changed.
    async fn look(&self, subjects: &[&RecheckSubject]) -> Result<RecheckFacts, StoreError> {
        let began = clock::instant();
        let keys = subjects.iter().map(|it| it.recipient_key);
        let (known, listed) = tokio::join!(
            self.recipients.load_now(keys),
            self.suppressed(subjects.iter().filter_map(|it| it.guessed()))
        );
        let (known, mut listed) = (known?, listed?);
        let changed = subjects.iter().filter_map(|it| it.changed(&known));
        let changed: Vec<Addressed<'_>> = changed.collect();
        for one in &changed {
            listed.forget(one.id);
        }
        listed.extend(self.suppressed(changed).await?);
        let ended = clock::instant();
        self.pace
            .note(ended.saturating_duration_since(began), ended);
        Ok(RecheckFacts {
            known,
            listed,
            answered_at: clock::now(),
        })
    }
}

/// What was found for one of those who asked.
#[derive(Debug)]
pub enum Fact<'a> {
    /// Whom it is for, and those of their addresses that nothing may be sent to.
    Known(&'a Arc<Recipient>, Vec<String>),
    /// The recipient was deleted.
    Gone,
    /// What the recipient wants cannot be read.
    Unreadable,
}

impl RecheckFacts {
    /// What was found for this.
    #[must_use]
    pub fn of(&self, subject: &RecheckSubject) -> Fact<'_> {
        if self.known.unreadable.contains(&subject.recipient_key) {
            return Fact::Unreadable;
        }
        let Some(recipient) = self.known.recipients.get(&subject.recipient_key) else {
            return Fact::Gone;
        };
        let listed = self.listed.of(subject.id);
        listed.map_or(Fact::Unreadable, |listed| Fact::Known(recipient, listed))
    }
}
