//! What PostgreSQL can hold of JSON.

use serde_json::Value;

/// Why a value cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnstorableJson {
    /// A text holds the character NUL.
    #[error("no text may hold NUL")]
    Text,
    /// The name of a field does.
    #[error("no name may hold NUL")]
    Name,
    /// A number beyond the range of 64 bits.
    #[error("a number is beyond what can be kept")]
    Number,
}

/// Whether PostgreSQL keeps a value as it is: neither NUL nor a number beyond its range is in it.
///
/// # Errors
/// The first thing in it that is in the way.
pub fn check(value: &Value) -> Result<(), UnstorableJson> {
    match value {
        Value::String(text) if text.contains('\0') => Err(UnstorableJson::Text),
        Value::Number(number) if number.as_f64().is_none_or(|number| !number.is_finite()) => {
            Err(UnstorableJson::Number)
        }
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            if name.contains('\0') {
                return Err(UnstorableJson::Name);
            }
            check(value)
        }),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_postgresql_cannot_hold_is_found_wherever_it_is() {
        let good = json!({ "a": ["\\u0000", null, true, 1.5, u64::MAX], "b": { "c": "" } });
        assert_eq!(check(&good), Ok(()));
        let huge: Value = serde_json::from_str("[{\"n\":1e999}]").unwrap();
        for (bad, why) in [
            (json!([["a\0b"]]), UnstorableJson::Text),
            (json!({ "in": [{ "a\0": 1 }] }), UnstorableJson::Name),
            (huge, UnstorableJson::Number),
        ] {
            assert_eq!(check(&bad), Err(why), "{bad}");
        }
    }
}
