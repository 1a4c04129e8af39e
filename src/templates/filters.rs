//! The engine's filters and functions, each of which costs by the length of what it is given.

use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, State, filters, functions};

use super::names::COLLECTING;
use super::values;

/// Filters that compare items with each other, which cost more.
const COMPARING: [&str; 6] = ["sort", "unique", "groupby", "dictsort", "min", "max"];
/// How much more.
const COMPARISON: usize = 8;

/// Under which name the engine's own filter is kept: none can be called by it.
fn hidden(name: &str) -> String {
    format!("{name} of the engine")
}

/// Registers a filter of the engine under its name, with what it costs.
macro_rules! charged {
    ($environment:ident: $($name:ident)*) => {
        $($environment.add_filter(hidden(stringify!($name)), filters::$name);
          charge($environment, stringify!($name), stringify!($name));)*
    };
}

/// Lets what walks through values cost what it takes.
pub(super) fn charge_all(environment: &mut Environment<'static>) {
    charged!(environment: escape lower upper title capitalize dictsort items reverse trim split lines
        int float min max sort list string sum select reject selectattr rejectattr map groupby unique
        chain zip);
    charge(environment, "e", "escape");
    environment.add_function("range", range);
}

fn charge(environment: &mut Environment<'static>, name: &'static str, own: &'static str) {
    let own = hidden(own);
    let items = if COMPARING.contains(&name) {
        COMPARISON
    } else {
        1
    };
    let filter = move |state: &mut State, given: Rest<Value>| {
        pay(state, &given, items)?;
        let made = state.apply_filter(&own, &given)?;
        match COLLECTING.contains(&name) {
            true => collected(state, made),
            false => Ok(made),
        }
    };
    environment.add_filter(name, filter);
}

/// Takes off what walking through values costs.
pub(super) fn pay(state: &State, given: &[Value], items: usize) -> Result<(), Error> {
    let Some(rendering) = values::shared(state) else {
        return Ok(());
    };
    for value in given {
        match (value.as_str(), value.kind()) {
            (Some(text), _) => rendering.work.text(text)?,
            (None, ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) => {
                let length = value.len().unwrap_or(1);
                rendering.work.items(length.saturating_mul(items))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a filter has made, as a list that costs when it is walked through again.
fn collected(state: &State, made: Value) -> Result<Value, Error> {
    match values::shared(state) {
        // The engine keeps some of them as what makes them again.
        Some(rendering) if matches!(made.kind(), ValueKind::Seq | ValueKind::Iterable) => {
            let items: Vec<Value> = made.try_iter()?.collect();
            Ok(values::list(items, &rendering))
        }
        _ => Ok(made),
    }
}

fn range(
    state: &mut State,
    lower: isize,
    upper: Option<isize>,
    step: Option<isize>,
) -> Result<Value, Error> {
    let range = functions::range(lower, upper, step)?;
    pay(state, std::slice::from_ref(&range), 1)?;
    match values::shared(state) {
        Some(rendering) => Ok(values::list(range.try_iter()?.collect(), &rendering)),
        None => Ok(range),
    }
}
