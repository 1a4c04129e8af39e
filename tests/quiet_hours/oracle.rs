//! The oracle: walks through the minutes and looks at the clock on the wall.

use herald::domain::preference::QuietHours;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The clock of a zone, read at every minute of a span: what the oracle walks through.
pub(crate) struct Wall {
    /// Whose clock.
    pub(crate) zone: TimeZone,
    /// The first minute, in seconds since 1970.
    pub(crate) from: i64,
    /// What the clock shows at each minute.
    pub(crate) shown: Vec<DateTime>,
}

impl Wall {
    /// Reads the clock from one moment to another, in seconds since 1970.
    pub(crate) fn new(zone: &TimeZone, from: i64, to: i64) -> Self {
        let shown = (from..to)
            .step_by(60)
            .map(|at| zone.to_datetime(Timestamp::from_second(at).unwrap()))
            .collect();
        Self {
            zone: zone.clone(),
            from,
            shown,
        }
    }

    /// Whether each minute is quiet: from the first to the last minute that shows a time in the
    /// window of a day.
    pub(crate) fn quiet(&self, windows: &[QuietHours]) -> Vec<bool> {
        let mut quiet = vec![false; self.shown.len()];
        for window in windows {
            let mut open: Vec<(DateTime, usize, usize)> = vec![];
            for (minute, shown) in self.shown.iter().enumerate() {
                let Some(start) = start_of(window, *shown) else {
                    continue;
                };
                // A clock that is put back may show an earlier day again.
                let from = open.len().saturating_sub(4);
                match open[from..].iter_mut().find(|(day, _, _)| *day == start) {
                    Some((_, _, last)) => *last = minute,
                    None => open.push((start, minute, minute)),
                }
            }
            for (_, first, last) in open {
                quiet[first..=last].fill(true);
            }
        }
        quiet
    }
}

/// The start of the window that this reading of the clock lies in.
fn start_of(window: &QuietHours, shown: DateTime) -> Option<DateTime> {
    let over_midnight = window.end <= window.start;
    let day = if shown.time() >= window.start {
        let before_end = over_midnight || shown.time() < window.end;
        before_end.then(|| shown.date())?
    } else {
        let after_midnight = over_midnight && shown.time() < window.end;
        after_midnight.then(|| shown.date().yesterday().unwrap())?
    };
    let counts = window.days.is_empty() || window.days.contains(&day.weekday());
    counts.then(|| day.to_datetime(window.start))
}
