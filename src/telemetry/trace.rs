//! W3C trace context: the `traceparent` that ties a notification to its publisher's trace.
//!
//! Pure: ids that must be random are given.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

/// Length of a version 00 header.
const LENGTH: usize = 55;
/// Flags that this level of the specification knows: sampled, random.
const KNOWN_FLAGS: u8 = 0b11;
const SAMPLED: u8 = 0b01;

/// A position in a trace: which trace, and which span of it is the parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Traceparent {
    trace_id: NonZeroU128,
    parent_id: NonZeroU64,
    flags: u8,
}

/// Not a `traceparent`. What was given is not repeated: it is foreign text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a W3C traceparent: expected 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower \
     case, with ids that are not all zero"
)]
pub struct InvalidTraceparent;

impl Traceparent {
    /// The first span of a new trace, from random ids.
    #[must_use]
    pub const fn root(trace_id: NonZeroU128, span_id: NonZeroU64, sampled: bool) -> Self {
        let flags = if sampled { SAMPLED } else { 0 };
        Self {
            trace_id,
            parent_id: span_id,
            flags,
        }
    }

    /// The same trace with a new, random span as the parent of what comes next.
    #[must_use]
    pub const fn child(self, span_id: NonZeroU64) -> Self {
        Self {
            parent_id: span_id,
            ..self
        }
    }

    /// The trace's id.
    #[must_use]
    pub const fn trace_id(self) -> NonZeroU128 {
        self.trace_id
    }

    /// The parent span's id.
    #[must_use]
    pub const fn parent_id(self) -> NonZeroU64 {
        self.parent_id
    }

    /// Whether the publisher records this trace.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl FromStr for Traceparent {
    type Err = InvalidTraceparent;

    /// Reads a header by the letter: version 00 has exactly 55 characters, a later version is read
    /// by its first 55 when nothing but a dash follows, version ff does not exist.
    fn from_str(header: &str) -> Result<Self, Self::Err> {
        let (known, rest) = header.split_at_checked(LENGTH).ok_or(InvalidTraceparent)?;
        let mut fields = known.split('-');
        let version = hex(fields.next(), 2)?;
        let trace_id = hex(fields.next(), 32)?;
        let parent_id = hex(fields.next(), 16)?;
        let flags = hex(fields.next(), 2)?;
        let fits = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        if !fits || fields.next().is_some() {
            return Err(InvalidTraceparent);
        }
        let parent_id = u64::try_from(parent_id).ok().and_then(NonZeroU64::new);
        Ok(Self {
            trace_id: NonZeroU128::new(trace_id).ok_or(InvalidTraceparent)?,
            parent_id: parent_id.ok_or(InvalidTraceparent)?,
            flags: u8::try_from(flags).map_err(|_| InvalidTraceparent)? & KNOWN_FLAGS,
        })
    }
}

impl fmt::Display for Traceparent {
    /// Always version 00, whatever version came in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, parent, flags) = (self.trace_id, self.parent_id, self.flags);
        write!(f, "00-{trace:032x}-{parent:016x}-{flags:02x}")
    }
}

fn hex(field: Option<&str>, digits: usize) -> Result<u128, InvalidTraceparent> {
    let field = field.ok_or(InvalidTraceparent)?;
    let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    if field.len() != digits || !field.bytes().all(is_hex) {
        return Err(InvalidTraceparent);
    }
    u128::from_str_radix(field, 16).map_err(|_| InvalidTraceparent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_example_of_the_specification_is_read_and_written_back() {
        let parsed: Traceparent = EXAMPLE.parse().unwrap();
        assert!(parsed.is_sampled());
        assert_eq!(parsed.to_string(), EXAMPLE);
    }

    #[test]
    fn a_child_stays_in_its_trace() {
        let parsed: Traceparent = EXAMPLE.parse().unwrap();
        let child = parsed.child(NonZeroU64::new(0x2a).unwrap());
        assert_eq!(
            child.to_string(),
            "00-0af7651916cd43dd8448eb211c80319c-000000000000002a-01"
        );
    }

    #[test]
    fn forbidden_traceparents_are_refused() {
        for header in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01é",
        ] {
            assert_eq!(
                header.parse::<Traceparent>(),
                Err(InvalidTraceparent),
                "{header}"
            );
        }
    }

    #[test]
    fn a_later_version_is_read_by_its_first_fields_and_sent_on_as_00() {
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fd-more";
        let parsed: Traceparent = later.parse().unwrap();
        assert_eq!(parsed.to_string(), EXAMPLE);
    }

    proptest! {
        #[test]
        fn traceparent_round_trips(trace: NonZeroU128, span: NonZeroU64, sampled: bool) {
            let parent = Traceparent::root(trace, span, sampled);
            prop_assert_eq!(parent.to_string().parse(), Ok(parent));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,80}|[0-9a-f-]{50,60}") {
            if let Ok(parsed) = text.parse::<Traceparent>() {
                prop_assert_eq!(parsed.to_string().parse(), Ok(parsed));
            }
        }
    }
}
