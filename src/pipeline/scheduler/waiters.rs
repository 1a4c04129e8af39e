//! Who waits for which account, as far as this node has looked.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::ring::Ring;
use crate::domain::Priority;
use crate::store::due::{FoundTenants, WaitingKey, WaitingOf, WaitsFor};

/// Time between two looks for tenants of whom something waits.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For so long nothing is looked for before what was called back last: at the front of the index are very
/// many entries of rows that have passed. What was put off in the meantime with a lower id waits as long.
const FORGET_EVERY: Duration = Duration::from_secs(10);

/// What waits in a channel for the same, by priority.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    rings: [Ring; Priority::ALL.len()],
    /// The last that was called back of each tenant: the next ones come after it.
    floors: HashMap<(Priority, Uuid), Uuid>,
    forgot: Option<Instant>,
    looked: Option<Instant>,
    /// How often its channel had opened when all that waits for any account was called back.
    over: Option<u64>,
    openings: u64,
    had_any: bool,
}

impl Waiters {
    /// What to look for, if it is time for that: in the lines of these priorities.
    ///
    /// What waits for one account is looked for as long as the account has room. What waits for any is
    /// called back once each time its channel opens: nobody may be able to carry it, and it would come
    /// again and again.
    pub(super) fn due_look(
        &mut self,
        key: &WaitingKey,
        priorities: &[Priority],
        openings: u64,
        now: Instant,
    ) -> Vec<WaitingOf> {
        self.opened(key, priorities, openings, now);
        let is_over = self.over == Some(openings);
        let looked = |at: Instant| now.saturating_duration_since(at) < LOOK_EVERY;
        if is_over || self.looked.is_some_and(looked) {
            return vec![];
        }
        self.looked = Some(now);
        let waiting = |priority: &Priority| WaitingOf {
            key: key.clone(),
            priority: *priority,
            after: self
                .rings
                .get(priority.index())
                .map_or(Uuid::nil(), Ring::after),
        };
        priorities.iter().map(waiting).collect()
    }

    fn opened(&mut self, key: &WaitingKey, priorities: &[Priority], openings: u64, now: Instant) {
        let is_any = key.waits_for == WaitsFor::Any;
        let again = match self.forgot {
            None => true,
            Some(_) if is_any => self.openings != openings,
            Some(at) => now.saturating_duration_since(at) >= FORGET_EVERY,
        };
        if again {
            (self.forgot, self.had_any) = (Some(now), true);
            self.floors.clear();
        }
        if self.openings != openings {
            (self.openings, self.looked) = (openings, None);
        }
        let is_looked_for = is_any && self.looked.is_some() && self.over != Some(openings);
        if is_looked_for && self.went_round(priorities) && !std::mem::take(&mut self.had_any) {
            self.over = Some(openings);
        }
    }

    /// Whether all tenants were looked at in these lines since this was asked last, and nobody is left.
    fn went_round(&mut self, priorities: &[Priority]) -> bool {
        let mut rings = priorities
            .iter()
            .filter(|priority| !self.is_empty(**priority));
        if rings.next().is_some() {
            return false;
        }
        let mut all = true;
        for priority in priorities {
            let ring = self.rings.get_mut(priority.index());
            all &= ring.is_none_or(Ring::went_round);
        }
        all
    }

    /// That is who waits.
    pub(super) fn found(&mut self, priority: Priority, found: FoundTenants) {
        if let Some(ring) = self.rings.get_mut(priority.index()) {
            ring.found(found);
        }
    }

    /// Whose turn it is for so much room in a line: the tenant, how many, and after which.
    pub(super) fn turns(&mut self, priority: Priority, most: usize) -> Vec<(Uuid, usize, Uuid)> {
        let ring = self.rings.get_mut(priority.index());
        let turns = ring.map(|ring| ring.turns(most)).unwrap_or_default();
        let floor = |tenant| {
            self.floors
                .get(&(priority, tenant))
                .copied()
                .unwrap_or_default()
        };
        turns
            .into_iter()
            .map(|(tenant, most)| (tenant, most, floor(tenant)))
            .collect()
    }

    /// Whether anybody waits in a line, as far as is known.
    pub(super) fn is_empty(&self, priority: Priority) -> bool {
        self.rings.get(priority.index()).is_none_or(Ring::is_empty)
    }

    /// Their turns are over; these came of it.
    pub(super) fn had(
        &mut self,
        priority: Priority,
        turns: &[(Uuid, usize, Uuid)],
        came: impl Iterator<Item = (Uuid, Uuid)>,
    ) {
        let mut had: HashMap<Uuid, usize> = HashMap::new();
        for (tenant, id) in came {
            *had.entry(tenant).or_default() += 1;
            let floor = self.floors.entry((priority, tenant)).or_default();
            *floor = id.max(*floor);
            self.had_any = true;
        }
        let turns: Vec<(Uuid, usize)> = turns.iter().map(|turn| (turn.0, turn.1)).collect();
        if let Some(ring) = self.rings.get_mut(priority.index()) {
            ring.had(&turns, &had);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Channel;
    use crate::runtime::clock;

    const LOW: Priority = Priority::Low;
    const TENANT: Uuid = Uuid::from_u128(1);

    fn key(waits_for: WaitsFor) -> WaitingKey {
        WaitingKey {
            channel: Channel::Email,
            waits_for,
        }
    }

    fn found(tenants: &[Uuid]) -> FoundTenants {
        FoundTenants {
            tenants: tenants.to_vec(),
            after: None,
        }
    }

    #[test]
    fn notifications_for_any_account_are_called_back_once_per_opening() {
        let (mut waiters, any, now) = (Waiters::default(), key(WaitsFor::Any), clock::instant());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(waiters.due_look(&any, &[LOW], 0, now).len(), 1);
        waiters.found(LOW, found(&[TENANT]));
        let turns = waiters.turns(LOW, 5);
        assert_eq!(turns, [(TENANT, 5, Uuid::nil())]);
        waiters.had(LOW, &turns, std::iter::once((TENANT, Uuid::from_u128(9))));
        let mut looks = 0;
        for seconds in 1..9 {
            for _ in waiters.due_look(&any, &[LOW], 0, at(seconds)) {
                looks += 1;
                waiters.found(LOW, found(&[TENANT]));
                let turns = waiters.turns(LOW, 5);
                assert_eq!(
                    turns,
                    [(TENANT, 5, Uuid::from_u128(9))],
                    "after the last one"
                );
                waiters.had(LOW, &turns, std::iter::empty());
            }
        }
        assert!((1..4).contains(&looks), "{looks}");
        assert_eq!(
            waiters.due_look(&any, &[LOW], 1, at(9)).len(),
            1,
            "it opened"
        );
        waiters.found(LOW, found(&[TENANT]));
        assert_eq!(
            waiters.turns(LOW, 1),
            [(TENANT, 1, Uuid::nil())],
            "all of it"
        );
    }

    #[test]
    fn notifications_for_one_account_are_looked_for_every_second() {
        let account = key(WaitsFor::Account("slow".to_owned()));
        let (mut waiters, now) = (Waiters::default(), clock::instant());
        for second in 0..90 {
            let at = now + Duration::from_secs(second);
            assert_eq!(waiters.due_look(&account, &[LOW], 0, at).len(), 1);
            assert_eq!(waiters.due_look(&account, &[LOW], 0, at).len(), 0);
            waiters.found(LOW, found(&[TENANT]));
            let turns = waiters.turns(LOW, 1);
            let forgot = second % FORGET_EVERY.as_secs() == 0;
            assert_eq!(turns[0].2.is_nil(), forgot, "{second}");
            waiters.had(LOW, &turns, std::iter::once((TENANT, Uuid::from_u128(9))));
        }
    }
}
