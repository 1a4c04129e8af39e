//! Reading a scenario file with all its mistakes at once.
//!
//! A deserializer stops at the first mistake. Here what is wrong is noted, taken out, and the rest is
//! read again, until nothing wrong is left; so one reading says everything.

use serde_path_to_error::{Path, Segment};
use toml::Value;

use super::Mistake;
use super::Scenario;
use super::check::check;

/// The scenario `name` from its text.
///
/// # Errors
/// With every mistake: the key, what is wrong, what is allowed.
pub fn parse(name: &str, text: &str) -> Result<Scenario, Vec<Mistake>> {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return Err(vec![Mistake::new("", error.to_string().trim_end())]),
    };
    let mut mistakes = Vec::new();
    let scenario = read(Value::Table(table), &mut mistakes);
    match scenario {
        Some(mut scenario) => {
            scenario.name = name.to_owned();
            // What was taken out may be what another part refers to, so a doubtful check is not made.
            if mistakes.is_empty() {
                check(&scenario, &mut mistakes);
            }
            if mistakes.is_empty() {
                return Ok(scenario);
            }
            Err(mistakes)
        }
        None => Err(mistakes),
    }
}

fn read(mut value: Value, mistakes: &mut Vec<Mistake>) -> Option<Scenario> {
    let mut taken_out: Vec<String> = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, Scenario>(value.clone()) {
            Ok(scenario) => return Some(scenario),
            Err(error) => error,
        };
        let problem = error.inner().message().to_owned();
        let way = way(error.path(), &problem);
        let key = shown(&way);
        let missing = missing_field(&problem);
        // What was taken out for another mistake is missing now; that has been said.
        let said = missing.is_some_and(|field| {
            let mut whole = way.clone();
            whole.push(Step::Key(field.to_owned()));
            taken_out.contains(&shown(&whole))
        });
        if !said {
            mistakes.push(Mistake::new(&key, &problem));
        }
        let mended = match missing {
            Some(field) => supply(&mut value, &way, field) || take_out(&mut value, &way),
            None => take_out(&mut value, &way),
        };
        if !mended {
            return None;
        }
        taken_out.push(key);
    }
}

/// One step on the way to a value.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// Where the mistake is. A key that must be one of a few words is itself the mistake, and only the
/// problem names it.
fn way(path: &Path, problem: &str) -> Vec<Step> {
    let wrong_key = problem
        .strip_prefix("unknown variant `")
        .and_then(|rest| rest.split_once('`'))
        .map(|(key, _)| key.to_owned());
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } => None,
            Segment::Unknown => wrong_key.clone().map(Step::Key),
        })
        .collect()
}

/// `load[1].rate`
fn shown(way: &[Step]) -> String {
    let mut shown = String::new();
    for step in way {
        match step {
            Step::Index(index) => shown.push_str(&format!("[{index}]")),
            Step::Key(key) if shown.is_empty() => shown.push_str(key),
            Step::Key(key) => shown.push_str(&format!(".{key}")),
        }
    }
    shown
}

fn missing_field(problem: &str) -> Option<&str> {
    problem.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Puts something harmless where a required field is missing, so that reading can go on.
fn supply(value: &mut Value, way: &[Step], field: &str) -> bool {
    let harmless = match field {
        "about" | "name" => Value::String(String::new()),
        "load" | "expect" => Value::Array(Vec::new()),
        "figure" => Value::String("lost".to_owned()),
        "at_seconds" => Value::Float(0.0),
        _ => return false,
    };
    let table = walk(value, way).and_then(Value::as_table_mut);
    table.is_some_and(|table| table.insert(field.to_owned(), harmless).is_none())
}

/// The value at the end of a way through tables and lists.
fn walk<'a>(value: &'a mut Value, way: &[Step]) -> Option<&'a mut Value> {
    way.iter().try_fold(value, |at, step| match step {
        Step::Index(index) => at.as_array_mut()?.get_mut(*index),
        Step::Key(key) => at.as_table_mut()?.get_mut(key),
    })
}

/// Takes a value out of the file; false when there is nothing to take.
fn take_out(value: &mut Value, way: &[Step]) -> bool {
    let Some((last, way)) = way.split_last() else {
        return false;
    };
    match (last, walk(value, way)) {
        (Step::Index(index), Some(Value::Array(list))) if *index < list.len() => {
            list.remove(*index);
            true
        }
        (Step::Key(key), Some(Value::Table(table))) => table.remove(key).is_some(),
        _ => false,
    }
}
