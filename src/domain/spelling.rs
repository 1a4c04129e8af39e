//! The numbers in a JSON text, as they are spelt there.
//!
//! serde_json keeps a number's text, but for its exponent: it writes `e+` for `E`, `e` and `E+`, and `-0` is
//! the integer 0 to it. So that `1E400` stays what it is, an exponent gets zeros in front at the door, which
//! say how it was spelt, and loses them again where a number leaves; `-0` gets a whole exponent of them.

use std::ops::Range;

/// Where the numbers stand, texts in quotes left out.
fn numbers(json: &str) -> Vec<Range<usize>> {
    let bytes = json.as_bytes();
    let (mut found, mut at) = (vec![], 0);
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = match byte {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => {
                let length = number_length(rest);
                found.push(at..at + length);
                length
            }
            _ => 1,
        };
        at += length.max(1);
    }
    found
}

/// Length of the text in quotes that it begins with.
fn text_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

fn number_length(bytes: &[u8]) -> usize {
    let is_part = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(*byte);
    bytes.iter().take_while(is_part).count()
}

/// A JSON text with other spellings for some of its numbers; `None` when none has another.
#[must_use]
pub fn respelt(json: &str, other: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (mut respelt, mut copied) = (String::new(), 0);
    for place in numbers(json) {
        let Some(number) = json.get(place.clone()).and_then(&other) else {
            continue;
        };
        respelt.push_str(json.get(copied..place.start).unwrap_or_default());
        respelt.push_str(&number);
        copied = place.end;
    }
    (copied > 0).then(|| respelt + json.get(copied..).unwrap_or_default())
}

/// How an exponent may begin, how serde_json writes it, and how many zeros say so. Nobody writes as many.
const SPELLINGS: [(&str, &str, usize); 4] = [
    ("e", "e+", 10),
    ("E", "e+", 20),
    ("E+", "e+", 30),
    ("E-", "e-", 10),
];

/// Zero with a sign, and how many zeros of an exponent say so.
const MINUS_ZERO: (&str, usize) = ("-0", 40);

/// A JSON text that comes in, for serde_json to read.
#[must_use]
pub fn for_reading(json: &str) -> Option<String> {
    respelt(json, |number| {
        let (minus_zero, zeros) = MINUS_ZERO;
        if number == minus_zero {
            return Some(format!("{number}e+0{}", "0".repeat(zeros)));
        }
        let (before, exponent) = number.split_at_checked(number.find(['e', 'E'])?)?;
        let sign = exponent
            .get(..2)
            .filter(|start| start.ends_with(['+', '-']));
        let start = sign.or(exponent.get(..1))?;
        let (_, read, zeros) = SPELLINGS.iter().find(|(spelt, ..)| *spelt == start)?;
        let digits = exponent.strip_prefix(start)?;
        Some(format!("{before}{read}{}{digits}", "0".repeat(*zeros)))
    })
}

/// A number that serde_json has read, as it was spelt.
#[must_use]
pub fn written(number: &str) -> String {
    without_mark(number).unwrap_or_else(|| number.to_owned())
}

/// A JSON text that serde_json has written, with its numbers as they were spelt.
#[must_use]
pub fn as_written(json: String) -> String {
    respelt(&json, without_mark).unwrap_or(json)
}

fn without_mark(number: &str) -> Option<String> {
    let (before, exponent) = number.split_at_checked(number.find('e')?)?;
    let (start, digits) = exponent.split_at_checked(2)?;
    let last = digits.len().saturating_sub(1);
    let leading = digits
        .get(..last)?
        .bytes()
        .take_while(|digit| *digit == b'0');
    let marks = leading.count() / 10 * 10;
    if (before, marks) == MINUS_ZERO {
        return Some(before.to_owned());
    }
    let known = |(_, read, zeros): &&(&str, &str, usize)| *read == start && *zeros == marks;
    let (spelt, ..) = SPELLINGS.iter().find(known)?;
    Some(format!("{before}{spelt}{}", digits.get(marks..)?))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// In at the door, out at a provider.
    fn through(json: &str) -> String {
        let read = for_reading(json).unwrap_or_else(|| json.to_owned());
        let value: Value = serde_json::from_str(&read).unwrap();
        as_written(value.to_string())
    }

    #[test]
    fn a_number_leaves_as_it_came() {
        for number in [
            "0",
            "-0",
            "1.10",
            "-0.0",
            "89490200001234567890",
            "1e400",
            "1E400",
            "1e+400",
            "1E+400",
            "1e-7",
            "1E-7",
            "-1.50E+2",
            "2e0",
            "0e00",
            "3E007",
            "3e+00",
            "3E-0",
        ] {
            assert_eq!(through(number), number);
            let nested = format!("{{\"1e5\":[{number},\"1e5 \\\" {number}\"],\"b\":{number}}}");
            assert_eq!(through(&nested), nested);
        }
    }

    #[test]
    fn spelling_survives_text_that_is_not_json() {
        for text in ["", "\"", "\"\\", "e5", "1e", "--", "1e5e5", "\"1e5"] {
            let _ = for_reading(text);
        }
        assert_eq!(for_reading("{\"a\": \"1e5\"}"), None);
        assert_eq!(for_reading("1e+5 1e-5"), None);
    }
}
