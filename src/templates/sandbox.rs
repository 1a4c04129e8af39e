//! The engine that templates run in, with what could do harm taken out.

use minijinja::filters as engine;
use minijinja::value::{Kwargs, StringInput, Value};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior};

use super::error::TOO_LARGE;
use super::{escape, filters, values};

/// What one rendering may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that one part (subject, text, HTML) may have.
    pub max_output_bytes: usize,
    /// Most steps that rendering one part may take.
    pub fuel: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_output_bytes: 1_048_576,
            fuel: 200_000,
        }
    }
}

/// Filters and functions that hold much memory for little fuel, or show everything there is.
const REMOVED_FILTERS: [&str; 6] = ["format", "pprint", "indent", "tojson", "batch", "slice"];
const REMOVED_GLOBALS: [&str; 2] = ["namespace", "debug"];

/// Nesting of scopes that a template may reach.
const RECURSION: usize = 64;

/// An engine without templates.
///
/// A missing variable is an error when it is printed, joined or looped over; asking for it
/// (`{% if name %}`) is allowed. A null prints nothing.
pub(super) fn environment(limits: Limits) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(limits.fuel));
    environment.set_recursion_limit(RECURSION);
    // So that an error can name the variable that is missing.
    environment.set_debug(true);
    environment.set_auto_escape_callback(escape::of);
    environment.set_formatter(escape::print);
    for filter in REMOVED_FILTERS {
        environment.remove_filter(filter);
    }
    for global in REMOVED_GLOBALS {
        environment.remove_global(global);
    }
    environment.add_test("none", values::is_nothing);
    filters::charge_all(&mut environment);
    add_bounded_filters(&mut environment, limits.max_output_bytes);
    environment
}

/// What stands for a variable that may be left out and was: it is undefined, so that `{% if %}` and
/// `default` see that it is not there, and yet prints nothing. The engine makes such a value of a
/// condition without `else`, and in no other way.
pub(super) fn absent(environment: &Environment<'_>) -> Value {
    let nothing = environment.compile_expression("none if false");
    nothing
        .and_then(|nothing| nothing.eval(()))
        .unwrap_or_default()
}

/// `replace` and `join` multiply two texts in one step: their results are bounded.
fn add_bounded_filters(environment: &mut Environment<'static>, limit: usize) {
    environment.add_filter(
        "replace",
        move |state: &mut State,
              text: StringInput<'_>,
              from: StringInput<'_>,
              to: StringInput<'_>| {
            let given = [text.as_str(), from.as_str(), to.as_str()];
            filters::pay(state, &given.map(Value::from), 1)?;
            let found = text.as_str().matches(from.as_str()).count();
            let added = found.saturating_mul(to.as_str().len());
            bounded(text.as_str().len().saturating_add(added), limit)?;
            engine::replace(state, text, from, to)
        },
    );
    environment.add_filter(
        "join",
        move |state: &mut State,
              items: &Value,
              joiner: Option<StringInput<'_>>,
              attribute: Option<&str>,
              kwargs: Kwargs| {
            filters::pay(state, std::slice::from_ref(items), 1)?;
            let between = joiner.as_ref().map_or(0, |joiner| joiner.as_str().len());
            bounded(joined_size(items, between, limit), limit)?;
            engine::join(state, items, joiner, attribute, kwargs)
        },
    );
}

/// Bytes that the items make with something between them; stops counting above the limit.
fn joined_size(items: &Value, between: usize, limit: usize) -> usize {
    let Ok(items) = items.try_iter() else {
        return 0;
    };
    let mut size = 0_usize;
    for item in items {
        let own = item.as_str().map_or(1, str::len);
        size = size.saturating_add(own).saturating_add(between);
        if size > limit {
            break;
        }
    }
    size
}

fn bounded(size: usize, limit: usize) -> Result<(), Error> {
    if size > limit {
        return Err(Error::new(ErrorKind::InvalidOperation, TOO_LARGE));
    }
    Ok(())
}
