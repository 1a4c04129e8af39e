//! Numbers that `jsonb` would spell in another way, kept as they were written.
//!
//! `jsonb` writes out exponents (`1e400` becomes 401 digits), drops the sign of zero, and refuses what
//! is longer than its `numeric`. Such a number is stored as an object with one marked key. The mark
//! begins with a character that stands for none; where a text holds that itself, it is doubled, so that
//! nothing a publisher writes is taken for a mark.

use serde_json::{Map, Number, Value};

use crate::domain::spelling::{respelt, written};

/// U+FDD0, one of those that Unicode sets aside for uses like this.
const SIGN: char = '\u{fdd0}';
const MARK: &str = "\u{fdd0}number";
/// Longest number that is left to `jsonb`, in characters: far below its own limits.
const LONGEST: usize = 1_000;
/// Largest exponent that is left to `jsonb` where its value alone counts: it writes out as many digits.
/// More than any float has.
const LARGEST_EXPONENT: u32 = 400;

/// A JSON text, with the numbers in it that `jsonb` would change kept apart.
pub(super) fn kept(json: String) -> String {
    let json = with_signs(json);
    let other = |number: &str| is_changed(number.as_bytes()).then(|| kept_apart(number));
    respelt(&json, other).unwrap_or(json)
}

/// A JSON text that people query, with plain numbers: `jsonb` keeps their value and not their spelling. Kept
/// apart is only what it could not hold, or would write out at length.
pub(super) fn plain(json: String) -> String {
    let json = with_signs(json);
    let other = |number: &str| match is_too_large(number) {
        true => kept_apart(number),
        false => written(number),
    };
    respelt(&json, |number| Some(other(number))).unwrap_or(json)
}

fn with_signs(json: String) -> String {
    match json.contains(SIGN) {
        true => json.replace(SIGN, &String::from_iter([SIGN, SIGN])),
        false => json,
    }
}

fn kept_apart(number: &str) -> String {
    format!("{{\"{MARK}\":\"{number}\"}}")
}

fn is_too_large(number: &str) -> bool {
    let exponent = number.split_once(['e', 'E']).map(|(_, exponent)| {
        let digits = exponent.trim_start_matches(['+', '-', '0']);
        digits
            .parse()
            .unwrap_or(if digits.is_empty() { 0 } else { u32::MAX })
    });
    number.len() > LONGEST || exponent.is_some_and(|exponent| exponent > LARGEST_EXPONENT)
}

fn is_changed(number: &[u8]) -> bool {
    let has_exponent = || number.iter().any(|byte| byte.eq_ignore_ascii_case(&b'e'));
    let is_minus_zero = || {
        let mut digits = number.iter().filter(|byte| byte.is_ascii_digit());
        number.first() == Some(&b'-') && digits.all(|digit| *digit == b'0')
    };
    number.len() > LONGEST || has_exponent() || is_minus_zero()
}

/// What was stored, with its numbers as they were written.
pub(super) fn restored(stored: Value) -> Value {
    match stored {
        Value::String(text) => Value::String(single(text)),
        Value::Array(items) => items.into_iter().map(restored).collect(),
        Value::Object(fields) => match marked(&fields) {
            Some(number) => Value::Number(number),
            None => {
                let fields = fields.into_iter();
                let fields = fields.map(|(name, field)| (single(name), restored(field)));
                Value::Object(fields.collect())
            }
        },
        plain => plain,
    }
}

fn marked(fields: &Map<String, Value>) -> Option<Number> {
    let (1, Some(Value::String(written))) = (fields.len(), fields.get(MARK)) else {
        return None;
    };
    serde_json::from_str(written).ok()
}

fn single(text: String) -> String {
    match text.contains(SIGN) {
        true => text.replace(&String::from_iter([SIGN, SIGN]), &SIGN.to_string()),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn only_what_jsonb_would_change_is_kept_apart() {
        let long = "7".repeat(LONGEST + 1);
        for changed in ["1e+400", "1E+5", "-1.5e-7", "-0", "-0.00", "0e+0", &long] {
            let json = format!("{{\"a\":[{changed},1.10]}}");
            let kept = kept(json.clone());
            assert_eq!(
                kept,
                format!("{{\"a\":[{{\"{MARK}\":\"{changed}\"}},1.10]}}")
            );
            assert_eq!(restored(value(&kept)), value(&json));
        }
        for same in ["89490200001234567890", "1.10", "0", "-1", "0.0", "-0.01"] {
            let json = format!("{{\"e\":{same},\"f\":\"1e400 \\\\\\\" -0\"}}");
            assert_eq!(kept(json.clone()), json);
        }
    }

    #[test]
    fn where_people_query_only_what_jsonb_cannot_hold_is_kept_apart() {
        let stored = |json: &str| {
            let read = crate::domain::spelling::for_reading(json);
            let read = value(&read.unwrap_or_else(|| json.to_owned()));
            plain(read.to_string())
        };
        for same in [
            "1e400",
            "-1E-7",
            "1E+5",
            "-0",
            "1.10",
            "2e0",
            "1e000400",
            "89490200001234567890",
        ] {
            let json = format!("{{\"a\":[{same},\"1e9999 -0\"]}}");
            assert_eq!(stored(&json), json);
        }
        let long = "7".repeat(LONGEST + 1);
        for large in ["1e+401", "1e-100000", "1e+99999999999999", &long] {
            let json = format!("{{\"a\":[{large}]}}");
            let kept = stored(&json);
            assert_eq!(kept, format!("{{\"a\":[{{\"{MARK}\":\"{large}\"}}]}}"));
            assert_eq!(restored(value(&kept)), value(&json));
        }
    }

    #[test]
    fn published_number_is_never_taken_for_a_mark() {
        let written = json!({ "a": { MARK: "1e400" }, "b": [MARK, "\u{fdd0}\u{fdd0}"] });
        assert_eq!(restored(value(&plain(written.to_string()))), written);
        let kept = kept(written.to_string());
        assert_eq!(restored(value(&kept)), written);
        assert!(kept.contains("\u{fdd0}\u{fdd0}number"));
    }

    proptest! {
        #[test]
        fn stored_numbers_round_trip(
            key in "\\PC{0,8}", text in "[\\PC\u{fdd0}\"\\\\]{0,12}",
            number in "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
        ) {
            let number = value(&number);
            let written = json!({ key.as_str(): [text.as_str(), number], "n": number });
            let kept = kept(written.to_string());
            prop_assert_eq!(restored(value(&kept)), written);
        }
    }
}
