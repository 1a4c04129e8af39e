//! Cancelling, as the HTTP API may do it: what waits in the database at once, what a node has in hand by that node.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::broker::envelope::{KeySource, key_hash, key_shared};
use crate::domain::{CancelCount, CancelState, Channel, EVERYBODY};
use crate::runtime::clock;
use crate::store::audit::DoneBy;
use crate::store::cancel::{self, ClaimMeant, MeantNotification, SourceMeant};
use crate::store::changes::CallOff;
use crate::store::runs::cancel::RunsMeant;
use crate::store::runs::messages;
use crate::store::{Database, StoreError};
use crate::work::CallGates;

/// Longest that whoever has one in hand may take to call it off.
const WITHIN: Duration = Duration::from_secs(2);
/// Time from one look to the next, at first; it doubles up to ten times as much.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Notifications of one statement.
const PART: usize = 1_000;

/// Which notifications are to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelMeant {
    /// This one: of a tenant, or of any without one.
    One(Option<Uuid>, Uuid),
    /// All about a thing.
    Source(SourceMeant),
    /// All that a publisher's key stands for.
    Key(KeyMeant),
    /// These of a tenant.
    Many(Uuid, Vec<Uuid>),
}

/// All that a publisher's key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMeant {
    /// Whose.
    pub tenant_id: Uuid,
    /// The `idempotency_key`.
    pub key: String,
    /// Only to this person.
    pub user_id: Option<Uuid>,
    /// Only through this channel.
    pub channel: Option<Channel>,
}

/// Cancels notifications. Clones share it.
#[derive(Debug, Clone)]
pub struct CancelDesk {
    /// Does the work.
    pub desk: Desk,
    /// Calls off what this node has in hand.
    pub gates: CallGates,
}

impl CancelDesk {
    /// Cancels what waits of what is meant. What it answers as cancelled is never sent, by no node.
    ///
    /// # Errors
    /// There is nothing that is meant; or the database is out of reach, and what was cancelled by then stays so.
    pub async fn cancel(&self, meant: CancelMeant, by: DoneBy) -> Result<CancelCount, DeskError> {
        let gates = self.gates.clone();
        let work = async move |database: Database| {
            let cancelling = Cancelling::of(&database, meant, by).await?;
            Ok::<_, DeskError>(cancelling.run(&gates).await?)
        };
        self.desk.with("cancel notifications", work).await
    }
}

/// Cancels what still waits of the notifications of runs, whose own end is committed.
pub(super) async fn cancel_of_runs(
    database: &Database,
    gates: &CallGates,
    (tenant_id, meant): (Uuid, &RunsMeant),
    by: &DoneBy,
) -> Result<CancelCount, DeskError> {
    let (mut waiting, mut after) = (vec![], Some(Uuid::nil()));
    while let Some(behind) = after {
        let mut connection = database.get().await?;
        let (some, last) = messages::waiting(&mut connection, tenant_id, meant, behind).await?;
        waiting.extend(some);
        after = last;
    }
    if waiting.is_empty() {
        return Ok(CancelCount::default());
    }
    let meant = CancelMeant::Many(tenant_id, waiting);
    let cancelling = Cancelling::of(database, meant, by.clone()).await?;
    Ok(cancelling.run(gates).await?)
}

/// A call that cancels.
struct Cancelling<'a> {
    database: &'a Database,
    tenant_id: Option<Uuid>,
    by: DoneBy,
    asked: CallOff,
    cancelled: u64,
    /// What this has not cancelled.
    others: HashMap<Uuid, CancelState>,
}

impl<'a> Cancelling<'a> {
    async fn of(database: &'a Database, meant: CancelMeant, by: DoneBy) -> Result<Self, DeskError> {
        let mut connection = database.get().await?;
        let connection = &mut *connection;
        let (tenant_id, found) = match meant {
            CancelMeant::One(tenant_id, id) => (
                tenant_id,
                cancel::by_ids(connection, tenant_id, &[id]).await?,
            ),
            CancelMeant::Many(tenant_id, ids) => {
                let mut found = vec![];
                for part in ids.chunks(PART) {
                    found.extend(cancel::by_ids(connection, Some(tenant_id), part).await?);
                }
                (Some(tenant_id), found)
            }
            CancelMeant::Source(source) => {
                let found = cancel::by_source(connection, &source).await?;
                (Some(source.tenant_id), found)
            }
            CancelMeant::Key(key) => {
                let shared = key_shared(KeySource::Idempotency(&key.key), key.tenant_id);
                let claims = cancel::by_key(connection, shared).await?;
                let claims: Vec<ClaimMeant> =
                    claims.into_iter().filter(|it| key.means(it)).collect();
                let ids: Vec<Uuid> = claims.iter().map(|it| it.id).collect();
                let tenant_id = Some(key.tenant_id);
                let mut found = cancel::by_ids(connection, tenant_id, &ids).await?;
                // What has no row yet is under way: whoever has it in hand is asked, and else RabbitMQ will bring it again.
                let rowless = claims.iter().filter(|it| it.whom.is_none() && !it.is_over);
                found.extend(rowless.map(|it| MeantNotification {
                    id: it.id,
                    tenant_id: key.tenant_id,
                    state: CancelState::InFlight,
                }));
                (tenant_id, found)
            }
        };
        if found.is_empty() {
            return Err(DeskError::NotFound("notification"));
        }
        let asked = CallOff {
            id: Uuid::nil(),
            at: clock::now(),
            key_id: by.actor().parse().unwrap_or_default(),
            request_id: by.request_id().unwrap_or_default(),
        };
        Ok(Self {
            database,
            tenant_id,
            by,
            asked,
            cancelled: 0,
            others: found.into_iter().map(|it| (it.id, it.state)).collect(),
        })
    }

    /// Cancels what nobody has in hand, and has the others called off, for a moment.
    async fn run(mut self, gates: &CallGates) -> Result<CancelCount, StoreError> {
        self.take_free().await?;
        if self.has_open() {
            self.call_off(gates).await?;
        }
        let until = clock::instant() + WITHIN;
        let mut pause = LOOK_EVERY;
        while self.has_open() && clock::instant() < until {
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_EVERY * 10);
            self.look_again().await?;
        }
        Ok(self.count())
    }

    fn ids(&self, wanted: impl Fn(CancelState) -> bool) -> Vec<Uuid> {
        let others = self.others.iter().filter(|(_, state)| wanted(**state));
        others.map(|(id, _)| *id).collect()
    }

    fn open(&self) -> Vec<Uuid> {
        self.ids(|state| matches!(state, CancelState::Pending | CancelState::InFlight))
    }

    fn has_open(&self) -> bool {
        !self.open().is_empty()
    }

    /// Cancels what nobody has in hand.
    async fn take_free(&mut self) -> Result<(), StoreError> {
        let free = self.ids(|state| state == CancelState::Pending);
        let line = self.asked.line();
        for part in free.chunks(PART) {
            let done = cancel::cancel(self.database, self.tenant_id, part, &line, &self.by).await?;
            self.done(&done);
            for id in part {
                // Somebody has taken it in between.
                self.others
                    .entry(*id)
                    .and_modify(|state| *state = CancelState::InFlight);
            }
        }
        Ok(())
    }

    fn done(&mut self, cancelled: &[MeantNotification]) {
        for one in cancelled {
            if self.others.remove(&one.id).is_some() {
                self.cancelled += 1;
            }
        }
    }

    /// Asks whoever has the others in hand, this node without a detour.
    async fn call_off(&self, gates: &CallGates) -> Result<(), StoreError> {
        let open = self.open();
        gates.call_off(&open, &self.asked.line());
        let mut connection = self.database.get().await?;
        self.asked.ask(&mut connection, &open).await
    }

    /// Looks at what has become of those that were in hand.
    async fn look_again(&mut self) -> Result<(), StoreError> {
        let (open, line) = (self.open(), self.asked.line());
        let stored = self
            .database
            .transaction(async |connection| {
                // In this order: what is seen to be cancelled is then seen by whom. The other way about, one that is
                // called off between the two looks would be another's.
                let found = cancel::by_ids(connection, self.tenant_id, &open).await?;
                let done = cancel::cancelled_by(connection, &open, &line).await?;
                cancel::note(connection, &done, &self.by).await?;
                Ok((found, done))
            })
            .await;
        let (found, done) = stored?;
        for one in found {
            self.others
                .entry(one.id)
                .and_modify(|state| *state = one.state);
        }
        self.done(&done);
        self.take_free().await
    }

    fn count(&self) -> CancelCount {
        let mut count = CancelCount {
            cancelled: self.cancelled,
            ..CancelCount::default()
        };
        for state in self.others.values() {
            count.count(*state);
        }
        count
    }
}

impl KeyMeant {
    /// Whether a claim whose hash begins like this key's is one of it.
    fn means(&self, claim: &ClaimMeant) -> bool {
        let is = |user_id, channel| {
            let key = KeySource::Idempotency(&self.key);
            key_hash(key, self.tenant_id, user_id, channel) == claim.key
        };
        let mut channels = Channel::ALL
            .iter()
            .filter(|it| self.channel.is_none_or(|only| only == **it));
        let row = claim.whom.as_ref();
        // In-app, what has no person is for everybody. The hash says whether it is, or was an erased person's.
        let whom = row.map_or(self.user_id, |(user_id, _)| {
            Some(user_id.unwrap_or(EVERYBODY))
        });
        let Some(user_id) = whom else {
            // Nobody knows yet who it is for.
            return self.channel.is_none_or(|only| claim.channel == Some(only));
        };
        self.user_id.is_none_or(|only| only == user_id)
            && channels.any(|channel| is(user_id, *channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DEFAULT_TENANT;

    const ANA: Uuid = Uuid::from_u128(1);
    const BEN: Uuid = Uuid::from_u128(2);

    fn meant(user_id: Option<Uuid>, channel: Option<Channel>) -> KeyMeant {
        KeyMeant {
            tenant_id: DEFAULT_TENANT,
            key: "order-17".to_owned(),
            user_id,
            channel,
        }
    }

    /// The claim of a mail to Ana.
    fn claim(key: &str, has_row: bool) -> ClaimMeant {
        let source = KeySource::Idempotency(key);
        ClaimMeant {
            key: key_hash(source, DEFAULT_TENANT, ANA, Channel::Email),
            id: Uuid::from_u128(9),
            channel: Some(Channel::Email),
            is_over: false,
            whom: has_row.then(|| (Some(ANA), "email".to_owned())),
        }
    }

    #[test]
    fn a_claim_is_meant_by_its_channel_and_person_before_it_has_a_row_as_after() {
        for has_row in [false, true] {
            let mail = claim("order-17", has_row);
            for (user_id, channel, is_meant) in [
                (None, None, true),
                (None, Some(Channel::Email), true),
                (None, Some(Channel::Sms), false),
                (Some(ANA), None, true),
                (Some(BEN), None, false),
                (Some(ANA), Some(Channel::Email), true),
                (Some(ANA), Some(Channel::Sms), false),
            ] {
                let asked = meant(user_id, channel);
                assert_eq!(asked.means(&mail), is_meant, "{has_row} {asked:?}");
            }
        }
        let unknown = ClaimMeant {
            channel: None,
            ..claim("order-17", false)
        };
        assert!(meant(None, None).means(&unknown));
        assert!(
            !meant(None, Some(Channel::Email)).means(&unknown),
            "what may be another channel's is left alone"
        );
        assert!(!meant(None, None).means(&claim("order-18", true)));
    }
}
