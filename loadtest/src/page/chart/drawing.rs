//! Lines as paths, and the flags of what happened.

use std::fmt::Write as _;

use crate::page::axis::Axis;

/// The drawing's own width and height.
pub(super) const SIZE: f64 = 1_000.0;
/// How much of a narrow screen's width a flag takes.
const FLAG_WIDTH: f64 = 0.06;

/// The numbers of happenings above a chart. Those that would cover each other share a flag.
pub(super) struct Flag {
    pub(super) place: f64,
    first: usize,
    last: usize,
    pub(super) what: String,
}

impl Flag {
    pub(super) fn numbers(&self) -> String {
        match self.last - self.first {
            0 => self.first.to_string(),
            _ => format!("{}–{}", self.first, self.last),
        }
    }
}

pub(super) fn flags(marks: &[(Option<f64>, &str)]) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for (number, (place, what)) in marks.iter().enumerate() {
        let (number, Some(place)) = (number + 1, *place) else {
            continue;
        };
        match flags.last_mut() {
            Some(flag) if place - flag.place < FLAG_WIDTH => {
                flag.last = number;
                flag.what.push_str("; ");
                flag.what.push_str(what);
            }
            _ => flags.push(Flag {
                place,
                first: number,
                last: number,
                what: (*what).to_owned(),
            }),
        }
    }
    flags
}

/// The line as a path; it is broken where nothing was measured.
pub(super) fn way(values: &[Option<f64>], axis: &Axis) -> String {
    let mut way = String::new();
    let mut pen = 'M';
    let count = values.len().max(1) as f64;
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else {
            pen = 'M';
            continue;
        };
        let x = (index as f64 + 0.5) / count * SIZE;
        let y = (1.0 - axis.place(*value)) * SIZE;
        let alone = pen == 'M' && values.get(index + 1).copied().flatten().is_none();
        let _ = write!(way, "{pen}{x:.1} {y:.1}");
        if alone {
            // A point without neighbours would be no line at all.
            let _ = write!(way, "h1");
        }
        pen = 'L';
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_would_cover_each_other_are_one() {
        let marks = [
            (Some(0.0), "a"),
            (Some(0.01), "b"),
            (None, "c"),
            (Some(0.5), "d"),
        ];
        let flags = flags(&marks);
        let shown: Vec<_> = flags
            .iter()
            .map(|flag| (flag.numbers(), flag.what.as_str()))
            .collect();
        assert_eq!(shown, [("1–2".to_owned(), "a; b"), ("4".to_owned(), "d")]);
    }

    #[test]
    fn a_line_is_broken_where_nothing_was_measured() {
        let axis = Axis::linear(4.0);
        let values = [Some(0.0), Some(4.0), None, Some(2.0)];
        assert_eq!(way(&values, &axis), "M125.0 1000.0L375.0 0.0M875.0 500.0h1");
    }
}
