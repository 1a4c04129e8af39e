//! Expressions: one value of what is known, in the language that templates have between their braces.
//!
//! They cost as little as a template may, reach nothing but what they are given, and say what is missing instead of
//! taking it for nothing.

mod branches;
mod comparisons;
mod demands;
mod outcome;

use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::Environment;
use serde_json::{Map, Value as Json};

use self::branches::Branch;
use self::demands::Demands;
use super::error::PartError;
use super::sandbox::{self, Limits};
use super::values::{self, Rendering};
use super::{bounds, names, tags};

/// Most bytes of an expression.
const MOST_BYTES: usize = 1_000;
/// Most steps of one.
const FUEL: u64 = 10_000;

/// A compiled expression. Clones share it.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    branch: Arc<Branch>,
    demands: Arc<Demands>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl Expression {
    /// Compiles a text.
    ///
    /// # Errors
    /// It is no expression: in words.
    pub fn compile(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("is empty".to_owned());
        }
        if text.len() > MOST_BYTES {
            return Err(format!("has more than {MOST_BYTES} bytes"));
        }
        let as_tag = format!("{{{{ {text} }}}}");
        let mut found = tags::tags(&as_tag);
        let (Some(tag), None) = (found.next(), found.next()) else {
            return Err("is not one expression: leave out braces".to_owned());
        };
        if tag.range.end != as_tag.len() {
            return Err("is not one expression: leave out braces".to_owned());
        }
        bounds::check(&as_tag).map_err(|refusal| refusal.problem)?;
        if let Some((_, problem)) = names::unknown(&as_tag).into_iter().next() {
            return Err(problem);
        }
        environment()
            .compile_expression(text)
            .map_err(|error| PartError::of_compiling(&error).message)?;
        let branch = Branch::of(text).or_else(|| Branch::leaf(text));
        Ok(Self {
            source: text.into(),
            branch: Arc::new(branch.ok_or("is no expression")?),
            demands: Arc::new(Demands::of(&tag.code)),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names that it begins with, each once: what it must be given.
    #[must_use]
    pub fn roots(&self) -> Vec<&str> {
        self.demands.roots()
    }

    /// Its value.
    ///
    /// # Errors
    /// Something that it uses is missing, or does not fit, or it takes too long: in words, without a value.
    pub fn value(&self, known: &Map<String, Json>) -> Result<Json, String> {
        let found = self.evaluate(known)?;
        outcome::json(&found).map_err(|problem| format!("`{}`: {problem}", self.source))
    }

    /// Whether it is true: what is missing, null, zero or empty is not.
    ///
    /// # Errors
    /// As [`Self::value`]; asked for by itself, what is missing is no error.
    pub fn truth(&self, known: &Map<String, Json>) -> Result<bool, String> {
        self.evaluate(known).map(|value| value.is_true())
    }

    fn evaluate(&self, known: &Map<String, Json>) -> Result<minijinja::Value, String> {
        let rendering = Rendering::new(known, FUEL);
        let absent = minijinja::Value::default();
        let eval = |part: &minijinja::Expression<'static, 'static>| {
            let context = values::context(known, (&[], None), &absent, &rendering);
            let found = part.eval(context);
            found.map_err(|error| PartError::of_rendering(&error, &self.source).message)
        };
        let found = self.branch.value(known, &eval)?;
        match rendering.work.is_used_up() {
            true => Err(format!("`{}` takes too many steps", self.source)),
            false => Ok(found),
        }
    }
}

/// What all expressions run in.
fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = sandbox::environment(Limits {
            max_output_bytes: 65_536,
            fuel: FUEL,
        });
        // A hundred thousand steps at the price of one.
        environment.remove_global("range");
        environment
    })
}

#[cfg(test)]
mod tests;
