//! Eligibility: gathers the facts that policy decides on, and asks it.
//!
//! The dispatcher asks for every job; a provider's worker asks again for one that has waited. A
//! daily cap is reserved here, and nowhere else.

mod listed;
mod pace;
mod recheck;

pub use listed::Listed;
pub use pace::LookPace;
pub use recheck::{Fact, LookedUp, RecheckFacts, RecheckRequests, RecheckSubject};

use uuid::Uuid;

use crate::cache::recipients::RecipientCache;
use crate::delivery::cap_reservations::CapReservations;
use crate::domain::{Channel, Counter, GlobalPolicy, Notification, Recipient, Suppression};
use crate::machine::eligibility::{self, CapAnswer, EligibilityContext, Reevaluation};
use crate::policy::{AccountFacts, Decision, Quota};
use crate::runtime::{Shutdown, clock};
use crate::store::frequency::{Reservation, Reserved};
use crate::store::suppressions::{self, SuppressionKey};
use crate::store::{Database, StoreError};
use crate::work::job::Job;

/// Asks policy about jobs.
#[derive(Debug)]
pub struct Eligibility {
    /// The database.
    pub database: Database,
    /// Who is sent to, and what tenants say for all their recipients.
    pub recipients: RecipientCache,
    /// Puts together what is asked for again.
    pub rechecks: RecheckRequests,
    /// How long that takes.
    pub pace: LookPace,
    /// Keeps the daily caps.
    pub cap_reservations: CapReservations,
    /// What the operator says for everybody.
    pub global: GlobalPolicy,
    /// Ends every wait.
    pub giving_up: Shutdown,
}

/// A job that may go if its counters have room.
#[derive(Debug)]
pub struct Capped {
    /// The job.
    pub job: Job,
    /// Where it is counted.
    pub counters: Vec<Counter>,
    /// Whether it was looked up just now, and has waited for nothing since.
    is_fresh: bool,
}

impl Eligibility {
    /// Decides on a job by what is known of it, see [`eligibility::decide`].
    #[must_use]
    pub fn decide(&self, job: &Job, accounts: &[AccountFacts<'_>]) -> Decision {
        eligibility::decide(job, Quota::Unasked, &self.context(accounts))
    }

    fn context<'a>(&'a self, accounts: &'a [AccountFacts<'a>]) -> EligibilityContext<'a> {
        EligibilityContext {
            accounts,
            global: &self.global,
            now: clock::now(),
            jitter: rand::random(),
        }
    }

    /// Reserves room for jobs, and decides on them again: to reserve once more, when a day has begun
    /// meanwhile, or when somebody holds their counters. Such ones ask `again`, after a while. Those whose
    /// decision is missing return to where they came from, since there is no more time.
    pub async fn reserve(
        &self,
        capped: Vec<Capped>,
        accounts: &[AccountFacts<'_>],
        again: bool,
    ) -> Vec<(Job, Decision)> {
        let reservations: Vec<Reservation> = capped.iter().map(Capped::reservation).collect();
        let reserved = if again {
            self.cap_reservations.reserve_again(&reservations).await
        } else {
            self.cap_reservations.reserve(reservations).await
        };
        let Some(Reserved { mut full, held, .. }) = reserved else {
            return vec![];
        };
        let decided = capped.into_iter().map(|capped| {
            let Capped {
                mut job,
                counters,
                is_fresh,
            } = capped;
            let id = job.notification.id;
            let answer = match full.remove(&id) {
                _ if held.contains(&id) => CapAnswer::Held,
                Some(full) => CapAnswer::Full(full),
                None => CapAnswer::Granted,
            };
            let context = self.context(accounts);
            if is_fresh {
                // What was looked up was not fresher when the reservation was answered.
                job.answered_at = context.now;
            }
            let decision = eligibility::decide_reserved(&mut job, &counters, &answer, &context);
            (job, decision)
        });
        decided.collect()
    }

    /// Decides anew on jobs that have waited, at an account or to be rendered: the recipient may have changed
    /// their mind, or their day or night may have begun. Those whose judgement is missing return to where they
    /// came from, since there is no more time.
    pub async fn reevaluate(
        &self,
        jobs: Vec<Job>,
        accounts: &[AccountFacts<'_>],
    ) -> Vec<(Job, Reevaluation)> {
        let looked_up = self.refresh(jobs).await;
        let gone = looked_up.gone.into_iter();
        let gone = gone.map(|job| (job, Reevaluation::RecipientGone));
        let mut judged: Vec<(Job, Reevaluation)> = gone.collect();
        let unreadable = looked_up.unreadable.into_iter();
        judged.extend(unreadable.map(|job| (job, Reevaluation::Unreadable)));
        let mut capped = vec![];
        for job in looked_up.there {
            match self.decide(&job, accounts) {
                Decision::Reserve(counters) => capped.push(Capped::fresh(job, counters)),
                decision => judged.push((job, Reevaluation::Decided(decision))),
            }
        }
        if !capped.is_empty() {
            let decided = self.reserve(capped, accounts, false).await.into_iter();
            judged.extend(decided.map(|(job, decision)| (job, Reevaluation::Decided(decision))));
        }
        judged
    }

    /// The suppressed ones among the addresses of each. One that cannot be read stops no other.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn suppressed<'a>(
        &self,
        asked: impl IntoIterator<Item = Addressed<'a>>,
    ) -> Result<Listed, StoreError> {
        let asked = asked.into_iter().flat_map(|one| {
            let user_id = one.recipient.user_id;
            one.entries()
                .map(move |(id, address)| ((id, user_id), address))
        });
        let (whose, addresses): (Vec<(Uuid, Uuid)>, Vec<SuppressionKey>) = asked.unzip();
        let mut found = Listed::default();
        if addresses.is_empty() {
            return Ok(found);
        }
        let connection = self.database.get().await?;
        let listed = suppressions::among(&connection, &addresses).await?;
        drop(connection);
        for ((id, user_id), address) in whose.into_iter().zip(addresses) {
            if let Some(error) = listed.unreadable.get(&address) {
                self.recipients.report(address.0, Some(user_id), error);
                found.unread(id);
            } else if listed.known.contains_key(&address) {
                found.add(id, address.2);
            }
        }
        Ok(found)
    }
}

/// Whose addresses are looked for on the suppression list.
#[derive(Debug, Clone, Copy)]
pub struct Addressed<'a> {
    /// The notification.
    pub id: Uuid,
    /// Its recipient.
    pub recipient: &'a Recipient,
    /// Its channel.
    pub channel: Channel,
    /// The address that it names itself.
    pub to: Option<&'a str>,
    /// The category that it names.
    pub category: Option<&'a str>,
}

impl<'a> Addressed<'a> {
    /// Those of a job.
    #[must_use]
    pub fn of(job: &'a Job) -> Self {
        Self::to(&job.notification, &job.recipient)
    }

    /// Those of a notification for this recipient.
    #[must_use]
    pub fn to(notification: &'a Notification, recipient: &'a Recipient) -> Self {
        Self {
            id: notification.id,
            recipient,
            channel: notification.lane.channel,
            to: notification.payload.to.as_deref(),
            category: notification.category.as_deref(),
        }
    }

    /// Each address, spelt as the list spells it.
    pub(crate) fn entries(self) -> impl Iterator<Item = (Uuid, SuppressionKey)> + use<> {
        let Self {
            id,
            recipient,
            channel,
            to,
            category,
        } = self;
        let category = category.map(str::to_owned);
        let tenant_id = recipient.tenant_id;
        let targets = recipient.targets(channel, to).into_iter();
        targets.map(move |target| {
            let address = Suppression::address(channel, &target.address);
            (id, (tenant_id, channel, address, category.clone()))
        })
    }
}

impl Capped {
    /// A job that was looked up just now.
    const fn fresh(job: Job, counters: Vec<Counter>) -> Self {
        let is_fresh = true;
        Self {
            job,
            counters,
            is_fresh,
        }
    }

    /// A job that may wait, or has waited.
    #[must_use]
    pub const fn waiting(job: Job, counters: Vec<Counter>) -> Self {
        let is_fresh = false;
        Self {
            job,
            counters,
            is_fresh,
        }
    }

    fn reservation(&self) -> Reservation {
        Reservation {
            notification_id: self.job.notification.id,
            tenant_id: self.job.notification.tenant_id,
            user_id: self.job.notification.user_id,
            counters: self.counters.clone(),
        }
    }
}
