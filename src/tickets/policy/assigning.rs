//! Who gets a ticket.

use uuid::Uuid;

use crate::tickets::domain::{CategoryStaff, SupportTicket};

/// Who gets a new ticket of a category: its primary, if they are there; else whoever of the first level that there
/// is has the least in hand, by priority and id where it is equal.
#[must_use]
pub fn chosen(staff: &[CategoryStaff]) -> Option<Uuid> {
    if let Some(primary) = staff.iter().find(|one| one.is_primary) {
        return Some(primary.staff_id);
    }
    let level = staff.iter().map(|one| one.level).min()?;
    least_loaded(staff.iter().filter(|one| one.level == level))
}

/// Who gets a ticket that is brought up: somebody of the lowest level above the one where it stands who has the
/// least in hand, and the level. Nobody when there is no higher one.
#[must_use]
pub fn next_level(ticket: &SupportTicket, staff: &[CategoryStaff]) -> Option<(i16, Uuid)> {
    let of_assignee = staff
        .iter()
        .find(|one| Some(one.staff_id) == ticket.assignee_id);
    let here = of_assignee
        .map_or(0, |one| one.level)
        .max(ticket.escalation_level);
    let level = staff
        .iter()
        .map(|one| one.level)
        .filter(|level| *level > here)
        .min()?;
    let of_level = staff.iter().filter(|one| one.level == level);
    Some((level, least_loaded(of_level)?))
}

fn least_loaded<'a>(staff: impl Iterator<Item = &'a CategoryStaff>) -> Option<Uuid> {
    let best = staff.min_by_key(|one| (one.load, -i64::from(one.priority), one.staff_id));
    best.map(|one| one.staff_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u128, level: i16, load: i64) -> CategoryStaff {
        CategoryStaff {
            staff_id: Uuid::from_u128(id),
            is_primary: false,
            priority: 0,
            level,
            load,
        }
    }

    #[test]
    fn the_primary_comes_first_and_then_whoever_has_the_least_in_hand() {
        let mut staff = [member(1, 1, 3), member(2, 1, 1), member(3, 2, 0)];
        assert_eq!(chosen(&staff), Some(Uuid::from_u128(2)));
        staff[0].load = 1;
        staff[0].priority = 5;
        assert_eq!(
            chosen(&staff),
            Some(Uuid::from_u128(1)),
            "equal load: by priority"
        );
        staff[2].is_primary = true;
        assert_eq!(chosen(&staff), Some(Uuid::from_u128(3)));
        assert_eq!(chosen(&[]), None);
    }
}
