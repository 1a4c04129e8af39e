//! Enhanced status codes (RFC 3463, RFC 5248) in front of a server's words.

/// `5.1.1`: class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enhanced {
    pub(crate) class: u16,
    pub(crate) subject: u16,
    pub(crate) detail: u16,
}

impl Enhanced {
    /// The code that the words begin with, if they do.
    pub(crate) fn of(words: &str) -> Option<Self> {
        let first = words.split_whitespace().next()?;
        let mut numbers = first.split('.').map(number);
        let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let known = matches!(class, 2 | 4 | 5) && numbers.next().is_none();
        known.then_some(Self {
            class,
            subject,
            detail,
        })
    }
}

/// RFC 3463, 2: up to three digits.
fn number(text: &str) -> Option<u16> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_three_numbers_in_front() {
        let code = |class, subject, detail| {
            Some(Enhanced {
                class,
                subject,
                detail,
            })
        };
        for (words, expected) in [
            ("5.1.1 no such user", code(5, 1, 1)),
            ("4.7.28 slow down", code(4, 7, 28)),
            ("5.1.1", code(5, 1, 1)),
            ("no such user 5.1.1", None),
            ("3.1.1 x", None),
            ("5.1 x", None),
            ("5.1.1.1 x", None),
            ("5.1.1111 x", None),
            ("5..1 x", None),
            ("", None),
        ] {
            assert_eq!(Enhanced::of(words), expected, "{words}");
        }
    }
}
