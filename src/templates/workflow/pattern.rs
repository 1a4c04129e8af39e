//! Patterns of event types, as in AMQP: words between dots; `*` stands for one, `#` for any number of them.

use std::fmt;

/// Most characters of a pattern.
const MOST_CHARS: usize = 255;

/// A pattern of event types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePattern(String);

impl TypePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It is none: in words.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().count() > MOST_CHARS {
            return Err(format!("is not 1 to {MOST_CHARS} characters"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("has a blank or a control character".to_owned());
        }
        let is_wild = |word: &str| word.contains(['*', '#']) && word.len() > 1;
        if text.split('.').any(is_wild) {
            return Err("`*` and `#` stand for whole words, between dots".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether an event's type fits.
    #[must_use]
    pub fn fits(&self, kind: &str) -> bool {
        let pattern: Vec<&str> = self.0.split('.').collect();
        let words: Vec<&str> = kind.split('.').collect();
        // fits[n]: whether the pattern so far fits the first n words.
        let mut fits = vec![false; words.len() + 1];
        if let Some(first) = fits.first_mut() {
            *first = true;
        }
        for part in pattern {
            let mut next = vec![false; words.len() + 1];
            let mut any_before = false;
            for (index, place) in next.iter_mut().enumerate() {
                let here = fits.get(index).copied().unwrap_or(false);
                let one_before = index
                    .checked_sub(1)
                    .and_then(|before| fits.get(before).copied());
                let word = index.checked_sub(1).and_then(|before| words.get(before));
                any_before |= here;
                *place = match part {
                    "#" => any_before,
                    "*" => one_before.unwrap_or(false),
                    part => one_before.unwrap_or(false) && word == Some(&part),
                };
            }
            fits = next;
        }
        fits.last().copied().unwrap_or(false)
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stars_and_hashes_fit_as_in_amqp() {
        for (pattern, kind, right) in [
            ("ticket.replied", "ticket.replied", true),
            ("ticket.replied", "ticket.closed", false),
            ("ticket.*", "ticket.replied", true),
            ("ticket.*", "ticket", false),
            ("ticket.*", "ticket.a.b", false),
            ("ticket.#", "ticket", true),
            ("ticket.#", "ticket.a.b", true),
            ("#", "anything.at.all", true),
            ("#.closed", "a.b.closed", true),
            ("#.closed", "closed", true),
            ("a.#.z", "a.z", true),
            ("a.#.z", "a.b.c.z", true),
            ("a.#.z", "a.b.c", false),
            ("*.*", "a", false),
            ("#.*", "a", true),
        ] {
            let fits = TypePattern::read(pattern).unwrap().fits(kind);
            assert_eq!(fits, right, "{pattern} {kind}");
        }
        for wrong in ["", "a b", "tick*.x", "a.##"] {
            assert!(TypePattern::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_hashes_cost_little() {
        let pattern = TypePattern::read(&vec!["#"; 120].join(".")).unwrap();
        assert!(pattern.fits(&vec!["a"; 120].join(".")));
    }
}
