//! Tenants of whom something waits, in turn.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use crate::store::due::FoundTenants;

/// The tenants of one line. Whoever had a turn goes to the end, as long as it had all that was asked for.
#[derive(Debug, Default)]
pub(super) struct Ring {
    known: VecDeque<Uuid>,
    after: Uuid,
    /// Whether all tenants were looked at since it was last asked.
    went_round: bool,
}

impl Ring {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The tenant after whom to look for further ones.
    pub(super) const fn after(&self) -> Uuid {
        self.after
    }

    /// Whether all tenants were looked at since this was asked last.
    pub(super) const fn went_round(&mut self) -> bool {
        std::mem::replace(&mut self.went_round, false)
    }

    /// Tenants were found. Who is new is next.
    pub(super) fn found(&mut self, found: FoundTenants) {
        for tenant in found.tenants {
            if !self.known.contains(&tenant) {
                self.known.push_front(tenant);
            }
        }
        self.went_round |= found.after.is_none();
        self.after = found.after.unwrap_or_default();
    }

    /// Whose turn it is, and how many each may have of so many.
    pub(super) fn turns(&mut self, most: usize) -> Vec<(Uuid, usize)> {
        let tenants = self.known.len().min(most);
        let each = most.checked_div(tenants).unwrap_or(0);
        let more = most.checked_rem(tenants).unwrap_or(0);
        let turns = self.known.drain(..tenants).enumerate();
        turns
            .map(|(at, tenant)| (tenant, each + usize::from(at < more)))
            .collect()
    }

    /// Their turns are over; this is how many each had.
    pub(super) fn had(&mut self, turns: &[(Uuid, usize)], had: &HashMap<Uuid, usize>) {
        let all = |(tenant, most): &&(Uuid, usize)| had.get(tenant).is_some_and(|had| had >= most);
        let again = turns.iter().filter(all).map(|(tenant, _)| *tenant);
        self.known.extend(again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn found(tenants: impl IntoIterator<Item = u128>, after: Option<u128>) -> FoundTenants {
        FoundTenants {
            tenants: tenants.into_iter().map(tenant).collect(),
            after: after.map(tenant),
        }
    }

    #[test]
    fn a_million_of_one_tenant_leave_half_of_the_room_to_another() {
        let mut ring = Ring::default();
        ring.found(found([1], None));
        let turns = ring.turns(10);
        assert_eq!(turns, [(tenant(1), 10)]);
        ring.had(&turns, &HashMap::from([(tenant(1), 10)]));
        ring.found(found([1, 2], None));
        let turns = ring.turns(5);
        assert_eq!(
            turns,
            [(tenant(2), 3), (tenant(1), 2)],
            "who is new is next"
        );
        ring.had(&turns, &HashMap::from([(tenant(1), 2), (tenant(2), 1)]));
        assert_eq!(
            ring.turns(5),
            [(tenant(1), 5)],
            "nothing is left of the other"
        );
    }

    #[test]
    fn with_less_room_than_tenants_each_has_a_turn_before_anybody_has_two() {
        let mut ring = Ring::default();
        ring.found(found(1..=5, Some(5)));
        assert_eq!((ring.after(), ring.went_round()), (tenant(5), false));
        let mut seen = vec![];
        for _ in 0..5 {
            let turns = ring.turns(2);
            let had = turns.iter().copied().collect();
            ring.had(&turns, &had);
            seen.extend(turns.into_iter().map(|(tenant, _)| tenant.as_u128()));
        }
        assert_eq!(seen, [5, 4, 3, 2, 1, 5, 4, 3, 2, 1]);
        ring.found(found([], None));
        assert_eq!((ring.after(), ring.went_round()), (Uuid::nil(), true));
        assert!(!ring.went_round());
    }

    #[test]
    fn without_room_nobody_has_a_turn() {
        let mut ring = Ring::default();
        ring.found(found([1], None));
        assert_eq!(ring.turns(0), []);
        assert!(!ring.is_empty());
    }
}
