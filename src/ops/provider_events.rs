//! What providers tell later is taken in: each batch is kept, and what follows from it is done, in one transaction.

mod correction;
mod doubt;
mod early;
mod follow;
mod judging;
mod wishes;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::domain::{
    EventMisnaming, GlobalPolicy, HeardEvent, NewWebhookDelivery, ProviderEvent, Status, Teller,
};
use crate::store::metrics::{self, HourlyDelta};
use crate::store::provider_events::{self, EventPlace, KeptEvent};
use crate::store::{Database, PgConnection, StoreError};
use crate::telemetry::Metrics;

pub use doubt::EventDoubts;
pub use early::run;
use follow::follow;

/// Events of one transaction.
const PART: usize = 500;
/// Tries of a transaction that meets others.
const TRIES: u32 = 5;
/// Time to the second try; each further one waits as much longer.
const AGAIN: Duration = Duration::from_millis(20);

/// Takes in what providers tell. Clones share it.
#[derive(Debug, Clone)]
pub struct EventIntake {
    /// Where it is kept.
    pub database: Database,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
    /// What the operator says for everybody.
    pub global: Arc<GlobalPolicy>,
    /// Whom to believe that addresses are dead.
    pub doubts: EventDoubts,
}

/// Where events are taken from.
#[derive(Debug, Clone, Copy)]
enum EventSource<'a> {
    /// An account tells them.
    Told(Teller<'a>, &'a [HeardEvent]),
    /// They wait for the row of their notification: the next so many behind a place.
    Early(EventPlace, i64),
    /// They wait for its outcome: likewise.
    Settled(EventPlace, i64),
    /// They call addresses dead of an account that was not believed; at most so many.
    Doubted(&'a str, i64),
    /// They have waited for too long; at most so many.
    Nobodys(i64),
}

impl EventSource<'_> {
    async fn take(self, connection: &mut PgConnection) -> Result<Vec<KeptEvent>, StoreError> {
        match self {
            Self::Told(teller, heard) => provider_events::keep(connection, teller, heard).await,
            Self::Early(behind, most) => {
                provider_events::take_early(connection, behind, most).await
            }
            Self::Settled(behind, most) => {
                provider_events::take_settled(connection, behind, most).await
            }
            Self::Doubted(provider, most) => {
                provider_events::take_doubted(connection, provider, most).await
            }
            Self::Nobodys(most) => provider_events::take_nobodys(connection, most).await,
        }
    }
}

impl EventIntake {
    /// Stores what an account told, each event once, with what follows from it; says how many are new. One that the
    /// database does not take stops no other: it is kept as one that cannot be read.
    ///
    /// # Errors
    /// The database is out of reach: some may be stored, and all may be told again.
    pub async fn take_in(
        &self,
        teller: Teller<'_>,
        heard: &[HeardEvent],
    ) -> Result<usize, StoreError> {
        let mut heard: Vec<&HeardEvent> = heard.iter().collect();
        heard.sort_by_key(|it| (it.at, it.event));
        let parts = heard.chunks(PART);
        let mut parts: Vec<Vec<HeardEvent>> = parts
            .map(|part| part.iter().copied().cloned().collect())
            .collect();
        parts.reverse();
        let mut new = 0;
        while let Some(mut part) = parts.pop() {
            // Two batches that share events take them in one order.
            part.sort_unstable_by(|a, b| a.event_id.cmp(&b.event_id));
            match self.follow_up(EventSource::Told(teller, &part)).await {
                Ok(kept) => new += kept.len(),
                Err(error) if !error.is_about_data() => return Err(error),
                Err(error) => match part.as_slice() {
                    [one] if one.event == ProviderEvent::Unreadable => return Err(error),
                    [one] => {
                        let why = error.without_data();
                        let provider = &teller.account.name;
                        tracing::warn!(
                            provider,
                            why,
                            "an event could not be stored as it is: it is kept as unreadable"
                        );
                        parts.push(vec![stripped(one)]);
                    }
                    all => {
                        let (first, rest) = all.split_at(all.len() / 2);
                        parts.extend([rest.to_vec(), first.to_vec()]);
                    }
                },
            }
        }
        Ok(new)
    }

    /// Lets go of events that are about no notification: first of what follows from them for those who write to
    /// their addresses, then of what they know of people.
    ///
    /// # Errors
    /// The database is out of reach; some may be done.
    pub async fn let_go(&self) -> Result<(), StoreError> {
        let most = i64::try_from(PART).unwrap_or(i64::MAX);
        while !self.follow_up(EventSource::Nobodys(most)).await?.is_empty() {}
        while provider_events::forget_unmatched(&self.database).await? > 0 {}
        Ok(())
    }

    /// Does what follows from events in the transaction in which they are taken.
    async fn follow_up(&self, source: EventSource<'_>) -> Result<Vec<KeptEvent>, StoreError> {
        let catalog = self.database.webhooks().catalog();
        let mut tries = 0;
        let (kept, followed) = loop {
            let work = async |connection: &mut PgConnection| {
                let mut kept = source.take(connection).await?;
                // They were told in any order: of what happened first is told first.
                kept.sort_by_key(|it| (it.at, it.event));
                let followed = follow(connection, &kept, self, &catalog).await?;
                Ok((kept, followed))
            };
            match self.database.transaction(work).await {
                Err(error) if tries < TRIES && error.is_contention() => {
                    tries += 1;
                    sleep(AGAIN * tries).await;
                }
                done => break done?,
            }
        };
        let webhooks = followed
            .told
            .iter()
            .map(|it: &NewWebhookDelivery| it.webhook_id);
        self.database.webhooks().tell(webhooks);
        if matches!(source, EventSource::Told(..)) {
            self.count(&kept);
        }
        self.correct(&followed.counted).await;
        for (channel, provider) in &followed.accepted {
            self.metrics
                .settled(*channel, Some(provider), Status::Sent, None);
        }
        Ok(kept)
    }

    /// Lets the running hours count what is known by now.
    async fn correct(&self, counted: &[HourlyDelta]) {
        if counted.is_empty() {
            return;
        }
        let written = async {
            let mut connection = self.database.get().await?;
            metrics::correct(&mut connection, counted).await
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, "a running hour counts something otherwise until it is over");
        }
    }

    /// Counts what is new.
    fn count(&self, kept: &[KeptEvent]) {
        let (mut blocked, mut unreadable, mut misnamed) = (None, None, None);
        for event in kept {
            let account = self.metrics.provider(&event.provider);
            account.event(event.event);
            if event.about.is_none() {
                account.unmatched_event();
            }
            if event.misnamed == Some(EventMisnaming::OtherAccount) {
                misnamed = Some(event);
            }
            match event.event {
                ProviderEvent::Block => blocked = Some(event),
                ProviderEvent::Unreadable => unreadable = Some(event),
                _ => {}
            }
        }
        if let Some(KeptEvent { provider, .. }) = misnamed {
            tracing::warn!(
                provider,
                "an account has told of notifications that it never had: see its events with misnamed other_account"
            );
        }
        if let Some(KeptEvent { provider, .. }) = unreadable {
            tracing::warn!(
                provider,
                "an account has told what cannot be read: see its events of the kind unreadable"
            );
        }
        if let Some(KeptEvent { provider, code, .. }) = blocked {
            let code = code.as_deref().unwrap_or_default();
            tracing::warn!(
                provider,
                code,
                "the receiving side refuses the sender or its content: see its events of the kind block"
            );
        }
    }
}

/// An event without all that the database may not take.
fn stripped(heard: &HeardEvent) -> HeardEvent {
    HeardEvent::bare(ProviderEvent::Unreadable, heard.event_id.clone(), heard.at)
}
