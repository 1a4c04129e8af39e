//! Which statuses follow which: one table.

use super::TicketStatus::{self, Closed, InProgress, Open, Resolved, Waiting};

/// Each status, with those that may follow it. What is over goes on as `open`.
pub const MOVES: &[(TicketStatus, &[TicketStatus])] = &[
    (Open, &[InProgress, Waiting, Resolved, Closed]),
    (InProgress, &[Open, Waiting, Resolved, Closed]),
    (Waiting, &[Open, InProgress, Resolved, Closed]),
    (Resolved, &[Open, Closed]),
    (Closed, &[Open]),
];

/// Whether one status may follow another.
#[must_use]
pub fn may_move(from: TicketStatus, to: TicketStatus) -> bool {
    let row = MOVES.iter().find(|(status, _)| *status == from);
    row.is_some_and(|(_, follow)| follow.contains(&to))
}

impl TicketStatus {
    /// Whether somebody still has to work on it, or to answer.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Resolved | Closed)
    }

    /// Those that may follow, for people.
    #[must_use]
    pub fn following(self) -> String {
        let all = TicketStatus::ALL.iter().filter(|to| may_move(self, **to));
        all.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All twenty-five pairs, written out.
    #[test]
    fn exactly_these_statuses_follow_each_other() {
        let table = [
            //              open   in_progress waiting resolved closed
            (Open, [false, true, true, true, true]),
            (InProgress, [true, false, true, true, true]),
            (Waiting, [true, true, false, true, true]),
            (Resolved, [true, false, false, false, true]),
            (Closed, [true, false, false, false, false]),
        ];
        for (from, row) in table {
            for (to, allowed) in TicketStatus::ALL.iter().zip(row) {
                assert_eq!(may_move(from, *to), allowed, "{from} to {to}");
            }
        }
        assert_eq!(MOVES.len(), TicketStatus::ALL.len());
        assert_eq!(Resolved.following(), "open, closed");
    }
}
