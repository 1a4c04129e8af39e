//! The marker that a published text carries and a provider finds again in the rendered message.
//!
//! `hk:<sequence in base 36>:<microseconds since the Unix epoch>;`, for example `hk:2s:1793577600000000;`.
//! The sequence is given by the publisher, so what was lost or sent twice is decided without the
//! engine's own ids; the time is the *intended* publish instant, so waiting in the publisher counts too.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use memchr::memmem;

/// What a marker says: which message it is, and when it was meant to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Marker {
    /// Number of the message within its run, from 0.
    pub sequence: u64,
    /// Intended publish instant in microseconds since the Unix epoch.
    pub published_micros: u64,
}

impl Marker {
    /// A marker for message `sequence` with the intended publish instant in microseconds.
    #[must_use]
    pub fn new(sequence: u64, published_micros: u64) -> Self {
        Self {
            sequence,
            published_micros,
        }
    }

    /// Finds the first marker in raw request bytes: plain text, JSON, a percent-encoded form, or
    /// quoted-printable mail in which a soft line break may fall inside it.
    #[must_use]
    pub fn find(bytes: &[u8]) -> Option<Self> {
        memmem::find_iter(bytes, b"hk").find_map(|at| Self::parse(bytes.get(at + 2..)?))
    }

    fn parse(rest: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest };
        reader.separator(b':', *b"3a")?;
        let sequence = reader.number(36)?;
        reader.separator(b':', *b"3a")?;
        let published_micros = reader.number(10)?;
        reader.separator(b';', *b"3b")?;
        Some(Self::new(sequence, published_micros))
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0_u8; 13];
        let mut rest = self.sequence;
        let mut length = 0;
        for slot in &mut digits {
            let digit = u32::try_from(rest % 36).unwrap_or(0);
            *slot = char::from_digit(digit, 36).map_or(b'0', |c| c as u8);
            rest /= 36;
            length += 1;
            if rest == 0 {
                break;
            }
        }
        f.write_str("hk:")?;
        for digit in digits.iter().take(length).rev() {
            fmt::Write::write_char(f, char::from(*digit))?;
        }
        write!(f, ":{};", self.published_micros)
    }
}

/// Microseconds since the Unix epoch by the machine's clock; 0 if the clock stands before it.
#[must_use]
pub fn now_micros() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
        })
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// The next byte that means something: quoted-printable soft breaks are stepped over.
    fn peek(&mut self) -> Option<u8> {
        while let Some(rest) = self
            .rest
            .strip_prefix(b"=\r\n")
            .or_else(|| self.rest.strip_prefix(b"=\n"))
        {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// Takes `plain`, or `%` and its two hexadecimal digits in either case.
    fn separator(&mut self, plain: u8, escaped: [u8; 2]) -> Option<()> {
        let byte = self.peek()?;
        self.advance();
        if byte == plain {
            return Some(());
        }
        if byte != b'%' || !self.rest.get(..2)?.eq_ignore_ascii_case(&escaped) {
            return None;
        }
        self.rest = self.rest.get(2..)?;
        Some(())
    }

    fn number(&mut self, radix: u32) -> Option<u64> {
        let mut value: Option<u64> = None;
        while let Some(digit) = self
            .peek()
            .filter(|byte| !byte.is_ascii_uppercase())
            .and_then(|byte| char::from(byte).to_digit(radix))
        {
            value = Some(
                value
                    .unwrap_or(0)
                    .checked_mul(u64::from(radix))?
                    .checked_add(u64::from(digit))?,
            );
            self.advance();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_again_in_the_text_that_carries_it() {
        for sequence in [0, 35, 36, 1_000_000, u64::MAX] {
            let marker = Marker::new(sequence, 1_793_577_600_123_456);
            let text = format!("Hello hk and hk:x, your order {marker} is on its way");
            assert_eq!(Marker::find(text.as_bytes()), Some(marker));
        }
    }

    #[test]
    fn the_written_form_is_the_documented_one() {
        assert_eq!(
            Marker::new(100, 1_793_577_600_000_000).to_string(),
            "hk:2s:1793577600000000;"
        );
    }

    #[test]
    fn forms_and_quoted_printable_do_not_hide_it() {
        let marker = Some(Marker::new(46_655, 12_345));
        assert_eq!(Marker::find(b"Body=a+hk%3Azzz%3A12345%3B&To=1"), marker);
        assert_eq!(Marker::find(b"Body=a+hk%3azzz%3a12345%3b"), marker);
        assert_eq!(Marker::find(b"x hk:z=\r\nzz:123=\r\n45; y"), marker);
    }

    #[test]
    fn what_only_looks_like_one_is_not() {
        for text in ["hk:", "hk::1;", "hk:1:;", "hk:1:2", "hk:ZZ:1;", "hk%3C1:2;"] {
            assert_eq!(Marker::find(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Marker::find(b"hk:zzzzzzzzzzzzzzzz:1;"), None);
    }
}
