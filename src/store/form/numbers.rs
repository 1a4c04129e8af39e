//! Numbers that `jsonb` would spell in another way, kept as they were written.
//!
//! `jsonb` writes out exponents (`1e400` becomes 401 digits), drops the sign of zero, and refuses what
//! is longer than its `numeric`. Such a number is stored as an object with one marked key. The mark
//! begins with a character that stands for none; where a text holds that itself, it is doubled, so that
//! nothing a publisher writes is taken for a mark.

use serde_json::{Map, Number, Value};

use crate::domain::spelling::respelt;

/// U+FDD0, one of those that Unicode sets aside for uses like this.
const SIGN: char = '\u{fdd0}';
const MARK: &str = "\u{fdd0}number";
/// Longest number that is left to `jsonb`, in characters: far below its own limits.
const LONGEST: usize = 1_000;

/// A JSON text, with the numbers in it that `jsonb` would change kept apart.
pub(super) fn kept(json: String) -> String {
    let json = match json.contains(SIGN) {
        true => json.replace(SIGN, &String::from_iter([SIGN, SIGN])),
        false => json,
    };
    let other = |number: &str| {
        let marked = || format!("{{\"{MARK}\":\"{number}\"}}");
        is_changed(number.as_bytes()).then(marked)
    };
    respelt(&json, other).unwrap_or(json)
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
    fn published_number_is_never_taken_for_a_mark() {
        let written = json!({ "a": { MARK: "1e400" }, "b": [MARK, "\u{fdd0}\u{fdd0}"] });
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
