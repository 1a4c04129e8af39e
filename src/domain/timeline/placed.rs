//! The place of a line in its timeline.

use jiff::{SignedDuration, Timestamp};

use super::{TimelineLine, ToldEvent};

/// The end of a second, from its start.
const WITHIN_A_SECOND: SignedDuration = SignedDuration::from_nanos(999_999_999);

/// A line with the moment by which it has its place: clocks differ, and providers tell whole seconds.
pub(super) struct PlacedLine {
    pub(super) place: Option<Timestamp>,
    pub(super) line: TimelineLine,
}

impl PlacedLine {
    pub(super) fn at_its_time(line: TimelineLine) -> Self {
        Self {
            place: line.at,
            line,
        }
    }

    /// Not before something else.
    pub(super) fn behind(before: Timestamp, line: TimelineLine) -> Self {
        Self {
            place: line.at.map(|at| at.max(before)),
            line,
        }
    }

    /// What a provider told is of some time within its second, and not before the first line about the provider.
    pub(super) fn told(event: &ToldEvent, placed: &[Self]) -> Self {
        let is_theirs = |it: &&Self| it.line.provider.as_deref() == Some(&*event.provider);
        let about = placed.iter().find(is_theirs).or(placed.first());
        let at = match event.at.subsec_nanosecond() {
            0 => event.at.saturating_add(WITHIN_A_SECOND).unwrap_or(event.at),
            _ => event.at,
        };
        Self {
            place: Some(about.and_then(|it| it.place).map_or(at, |it| it.max(at))),
            line: event.line(),
        }
    }
}
