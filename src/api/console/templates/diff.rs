//! What differs between two texts, line by line.

/// Lines of each text up to which they are compared; longer ones stand whole, the old before the new.
const MOST_LINES: usize = 1_000;

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiffLine {
    /// `-` for a line of the first text alone, `+` for one of the second, a space for one of both.
    pub(super) mark: char,
    pub(super) text: String,
}

impl DiffLine {
    fn new(mark: char, text: &str) -> Self {
        Self {
            mark,
            text: text.to_owned(),
        }
    }

    /// The word of its style.
    pub(super) const fn class(&self) -> &'static str {
        match self.mark {
            '-' => "gone",
            '+' => "new",
            _ => "same",
        }
    }
}

/// The lines of both texts: what is in both stands once.
pub(super) fn compared(old: &str, new: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let same = old.iter().take(start).map(|line| DiffLine::new(' ', line));
    let mut lines: Vec<DiffLine> = same.collect();
    let (old, new) = (old.get(start..), new.get(start..));
    middle(old.unwrap_or_default(), new.unwrap_or_default(), &mut lines);
    lines
}

fn middle(mut old: &[&str], mut new: &[&str], lines: &mut Vec<DiffLine>) {
    let lengths = match old.len().max(new.len()) <= MOST_LINES {
        true => common(old, new),
        false => vec![],
    };
    // How long what both have in common is from these lines on.
    let ahead = |old: &[&str], new: &[&str]| {
        let row = lengths.get(old.len());
        row.and_then(|row| row.get(new.len())).copied().unwrap_or(0)
    };
    loop {
        match (old.split_first(), new.split_first()) {
            (Some((a, rest_old)), Some((b, rest_new))) if a == b && !lengths.is_empty() => {
                lines.push(DiffLine::new(' ', a));
                (old, new) = (rest_old, rest_new);
            }
            (Some((a, rest)), other)
                if other.is_none() || ahead(rest, new) >= skip(&ahead, old, new) =>
            {
                lines.push(DiffLine::new('-', a));
                old = rest;
            }
            (_, Some((b, rest))) => {
                lines.push(DiffLine::new('+', b));
                new = rest;
            }
            (_, None) => break,
        }
    }
}

/// What both would have in common without the first of the new lines.
fn skip(ahead: &impl Fn(&[&str], &[&str]) -> u32, old: &[&str], new: &[&str]) -> u32 {
    ahead(old, new.get(1..).unwrap_or_default())
}

/// By how many lines of each are left: how many of them both have, in the same order, at most.
fn common(old: &[&str], new: &[&str]) -> Vec<Vec<u32>> {
    let mut lengths: Vec<Vec<u32>> = vec![vec![0; new.len() + 1]];
    for a in old.iter().rev() {
        let above = lengths.last().cloned().unwrap_or_default();
        let mut row = vec![0];
        for (b, (without, before)) in new.iter().rev().zip(above.iter().skip(1).zip(&above)) {
            let left = row.last().copied().unwrap_or(0);
            row.push(match a == b {
                true => before + 1,
                false => left.max(*without),
            });
        }
        lengths.push(row);
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(old: &str, new: &str) -> String {
        let lines = compared(old, new).into_iter();
        lines
            .map(|line| format!("{}{}", line.mark, line.text))
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn what_both_have_stands_once_and_the_rest_on_its_side() {
        for (old, new, expected) in [
            ("", "", ""),
            ("a", "a", " a"),
            ("a\nb\nc", "a\nc", " a|-b| c"),
            ("a\nc", "a\nb\nc", " a|+b| c"),
            ("a\nb\nc\nd", "a\nx\nc\ny", " a|-b|+x| c|-d|+y"),
            ("", "a", "+a"),
            ("a\nb", "", "-a|-b"),
            ("a\nb", "b\na", "-a| b|+a"),
        ] {
            assert_eq!(drawn(old, new), expected, "{old:?} {new:?}");
        }
        let (long, other) = ("a\n".repeat(1_001), format!("b\n{}", "a\n".repeat(1_001)));
        let lines = compared(&long, &other);
        assert_eq!(lines.iter().filter(|line| line.mark == '-').count(), 1_001);
        assert_eq!(lines.iter().filter(|line| line.mark == '+').count(), 1_002);
    }
}
