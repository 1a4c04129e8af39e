//! What an expression makes, as JSON.

use minijinja::value::{Value, ValueKind};
use serde_json::{Map, Number, Value as Json};

use super::super::values;

/// Most values within one.
const MOST_VALUES: usize = 10_000;
/// Most lists and objects within each other.
const MOST_DEPTH: usize = 32;

/// A value as JSON.
///
/// # Errors
/// It is undefined, is none that JSON has, or is too large: in words.
pub(super) fn json(value: &Value) -> Result<Json, String> {
    let mut left = MOST_VALUES;
    converted(value, MOST_DEPTH, &mut left)
}

fn converted(value: &Value, depth: usize, left: &mut usize) -> Result<Json, String> {
    let enough = "makes too many values";
    *left = left.checked_sub(1).ok_or(enough)?;
    let below = || depth.checked_sub(1).ok_or(enough);
    if values::is_nothing(value) {
        return Ok(Json::Null);
    }
    let unfit = |error: minijinja::Error| error.kind().to_string();
    match value.kind() {
        ValueKind::Undefined => Err("is missing".to_owned()),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => number(value),
        ValueKind::Seq | ValueKind::Iterable => {
            let depth = below()?;
            let items = value.try_iter().map_err(unfit)?;
            let items = items.map(|item| converted(&item, depth, left));
            items.collect::<Result<_, _>>().map(Json::Array)
        }
        ValueKind::Map => {
            let depth = below()?;
            let mut fields = Map::new();
            for key in value.try_iter().map_err(unfit)? {
                let field = value.get_item(&key).map_err(unfit)?;
                fields.insert(key.to_string(), converted(&field, depth, left)?);
            }
            Ok(Json::Object(fields))
        }
        // Texts, and numbers that only print.
        ValueKind::String | ValueKind::Plain => Ok(Json::String(value.to_string())),
        kind => Err(format!("makes {kind}, which is no value of JSON")),
    }
}

fn number(value: &Value) -> Result<Json, String> {
    let written = value.to_string();
    let number: Result<Number, _> = serde_json::from_str(&written);
    number
        .map(Json::Number)
        .map_err(|_| "makes a number that JSON cannot hold".to_owned())
}
