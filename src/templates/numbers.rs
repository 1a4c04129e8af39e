//! Numbers print as they were written: `1.10` is a price, and `89490200001234567890` a card's number.
//!
//! The template engine counts with 128-bit integers and with floats. Where what it would print differs
//! from what was written, the message keeps the spelling beside the value; a number that it cannot
//! hold is a text that prints, and does not count.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value, ValueKind};
use serde_json::{Map, Number, Value as Json};

use crate::domain::spelling::written;

/// How the fractions among a message's variables were written, by their bits.
#[derive(Debug, Default)]
pub(super) struct Spellings(HashMap<u64, Spelling>);

#[derive(Debug, PartialEq, Eq)]
enum Spelling {
    One(String),
    /// Which of them a printed value was is not known.
    Several,
}

/// A number that the engine cannot hold, or whose spelling another of the same value hides.
#[derive(Debug)]
struct OddNumber(String);

impl Object for OddNumber {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Spellings {
    /// Of all numbers in a message's variables.
    pub(super) fn of(variables: &Map<String, Json>) -> Self {
        let mut spellings = Self::default();
        variables.values().for_each(|value| spellings.add(value));
        spellings
    }

    fn add(&mut self, json: &Json) {
        match json {
            Json::Number(number) => self.add_number(number),
            Json::Array(items) => items.iter().for_each(|item| self.add(item)),
            Json::Object(fields) => fields.values().for_each(|field| self.add(field)),
            Json::Null | Json::Bool(_) | Json::String(_) => {}
        }
    }

    fn add_number(&mut self, number: &Number) {
        let written = &written(number.as_str());
        if whole(written).is_some() {
            return;
        }
        let Some(value) = fraction(written) else {
            return;
        };
        let one = || Spelling::One(written.to_owned());
        let known = self.0.entry(value.to_bits()).or_insert_with(one);
        if matches!(known, Spelling::One(other) if other != written) {
            *known = Spelling::Several;
        }
    }

    /// A number as the engine's value.
    pub(super) fn value(&self, number: &Number) -> Value {
        let written = &written(number.as_str());
        if let Some(whole) = whole(written) {
            return whole;
        }
        let as_written = || Value::from_object(OddNumber(written.to_owned()));
        let Some(fraction) = fraction(written) else {
            return as_written();
        };
        let value = Value::from(fraction);
        let is_hidden = self.0.get(&fraction.to_bits()) == Some(&Spelling::Several);
        match is_hidden && value.to_string() != *written {
            true => as_written(),
            false => value,
        }
    }

    /// How a number was written, where that is known and no other spelling hides it.
    pub(super) fn of_value(&self, value: &Value) -> Option<&str> {
        if !is_fraction(value) {
            return None;
        }
        let fraction = f64::try_from(value.clone()).ok()?;
        match self.0.get(&fraction.to_bits())? {
            Spelling::One(written) => Some(written),
            Spelling::Several => None,
        }
    }
}

fn is_fraction(value: &Value) -> bool {
    value.kind() == ValueKind::Number && !value.is_integer()
}

/// A whole number that prints as it was written.
fn whole(written: &str) -> Option<Value> {
    // Rust reads and prints a minus in front of zero away.
    let is_plain = written != "-0" && !written.contains(['.', 'e', 'E']);
    let signed = || written.parse::<i128>().ok().map(Value::from);
    let unsigned = || written.parse::<u128>().ok().map(Value::from);
    is_plain.then(|| signed().or_else(unsigned))?
}

fn fraction(written: &str) -> Option<f64> {
    let value = written.parse::<f64>().ok()?;
    // A whole number beyond 128 bits would count wrongly.
    let is_whole = !written.contains(['.', 'e', 'E']) && written != "-0";
    (value.is_finite() && !is_whole).then_some(value)
}
