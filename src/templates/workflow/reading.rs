//! Reading a definition: all that is wrong with it at once, each thing with its place.

mod gathering;
mod layout;
mod sending;
mod steps;

use serde_json::{Map, Value};

use super::definition::{CancelRule, RecipientRule, SourceRule, TopicPart, Workflow};
use super::fields::{Fields, kind, within};
use super::mistake::WorkflowMistake;
use super::pattern::TypePattern;
use crate::templates::Expression;

/// Most characters of a workflow's name.
const NAME_CHARS: usize = 100;
/// Most rules that say whom a workflow tells, and whom not.
const MOST_RULES: usize = 20;
/// What expressions of a workflow know of an event.
const OF_AN_EVENT: [&str; 2] = ["event", "data"];
/// How a topic begins among the recipients.
const TOPIC: &str = "topic:";

/// Reads a definition, as JSON.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(definition: &Map<String, Value>) -> Result<Workflow, Vec<WorkflowMistake>> {
    let mut mistakes = vec![];
    let workflow = within(definition, String::new(), &mut mistakes, whole);
    match (workflow, mistakes.is_empty()) {
        (Some(workflow), true) => Ok(workflow),
        (None, true) => Err(vec![WorkflowMistake {
            pointer: String::new(),
            code: "invalid",
            detail: "is no workflow".to_owned(),
        }]),
        (_, false) => Err(mistakes),
    }
}

fn whole(fields: &mut Fields<'_>) -> Option<Workflow> {
    fields.required("name", "what it is called");
    fields.required("on", "a type of event, for example \"ticket.replied\"");
    fields.required(
        "recipients",
        "a list of expressions that make user ids, or \"topic:NAME\"",
    );
    fields.required("steps", "what is done, one table each");
    let name = fields.name("name", NAME_CHARS);
    let on = pattern(fields, "on");
    let when = about_event(fields, "when");
    let recipients = recipients(fields);
    let exclude = expressions(fields, "exclude");
    let key = about_event(fields, "key");
    let cancel_on = fields.object("cancel_on", |rule| {
        rule.required("type", "the type of event that ends runs");
        rule.required("key", "an expression over that event");
        let kind = pattern(rule, "type");
        let key = about_event(rule, "key");
        Some(CancelRule {
            kind: kind?,
            key: key?,
        })
    });
    if cancel_on.is_some() && !fields.has("key") {
        let words = "is required: `cancel_on` ends runs that are about the same thing";
        fields.wrong("key", "required", words);
    }
    let source = fields.object("source", |rule| {
        rule.required("type", "for example \"ticket\"");
        rule.required("id", "an expression over the event");
        let kind = rule.name("type", 50);
        let id = about_event(rule, "id");
        Some(SourceRule {
            kind: kind?,
            id: id?,
        })
    });
    let category = fields.name("category", NAME_CHARS);
    let moves = steps::moves(fields);
    Some(Workflow {
        name: name?,
        on: on?,
        when,
        recipients,
        exclude,
        cancel_on,
        key,
        source,
        category,
        moves,
    })
}

fn pattern(fields: &mut Fields<'_>, key: &'static str) -> Option<TypePattern> {
    let text = fields.text(key)?;
    match TypePattern::read(text) {
        Ok(pattern) => Some(pattern),
        Err(problem) => fields.refuse(key, "invalid", problem),
    }
}

/// An expression over an event alone.
fn about_event(fields: &mut Fields<'_>, key: &'static str) -> Option<Expression> {
    let expression = fields.expression(key)?;
    if let Some(problem) = unknown_root(&expression, &OF_AN_EVENT) {
        return fields.refuse(key, "invalid", problem);
    }
    Some(expression)
}

/// What is wrong with the names that an expression begins with.
fn unknown_root(expression: &Expression, known: &[&str]) -> Option<String> {
    let mut roots = expression.roots().into_iter();
    let unknown = roots.find(|root| !known.contains(root))?;
    let known = known.join("`, `");
    Some(match unknown {
        "digest" => "there is no `digest` before a step that gathers one".to_owned(),
        _ => format!("`{unknown}` is not known here: there are `{known}`"),
    })
}

fn recipients(fields: &mut Fields<'_>) -> Vec<RecipientRule> {
    let mut rules = vec![];
    let items = fields.list("recipients");
    if items.is_empty() && fields.has("recipients") {
        fields.wrong("recipients", "invalid", "names nobody");
    }
    limit(fields, "recipients", items.len());
    for (pointer, item) in items {
        match item {
            Value::String(text) if text.starts_with(TOPIC) => {
                match topic(text.trim_start_matches(TOPIC)) {
                    Ok(parts) => rules.push(RecipientRule::Topic(parts)),
                    Err(problem) => invalid(fields, pointer, problem),
                }
            }
            item => rules.extend(compiled(fields, pointer, item).map(RecipientRule::People)),
        }
    }
    rules
}

fn expressions(fields: &mut Fields<'_>, key: &'static str) -> Vec<Expression> {
    let items = fields.list(key);
    limit(fields, key, items.len());
    let compiled = items
        .into_iter()
        .filter_map(|(pointer, item)| compiled(fields, pointer, item));
    compiled.collect()
}

fn limit(fields: &mut Fields<'_>, key: &str, count: usize) {
    if count > MOST_RULES {
        fields.wrong(key, "invalid", format!("has more than {MOST_RULES} items"));
    }
}

/// An expression over an event alone, in a list.
fn compiled(fields: &mut Fields<'_>, pointer: String, item: &Value) -> Option<Expression> {
    let Value::String(text) = item else {
        let found = kind(item);
        fields.mistakes().push(WorkflowMistake {
            pointer,
            code: "wrong_type",
            detail: format!("is {found}, and should be an expression in quotes"),
        });
        return None;
    };
    let compiled = Expression::compile(text).and_then(|expression| {
        match unknown_root(&expression, &OF_AN_EVENT) {
            Some(problem) => Err(problem),
            None => Ok(expression),
        }
    });
    compiled
        .map_err(|problem| invalid(fields, pointer, problem))
        .ok()
}

fn invalid(fields: &mut Fields<'_>, pointer: String, detail: String) {
    fields.mistakes().push(WorkflowMistake {
        pointer,
        code: "invalid",
        detail,
    });
}

/// The name of a topic: texts, and expressions in double braces.
fn topic(text: &str) -> Result<Vec<TopicPart>, String> {
    let mut parts = vec![];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, behind) = after
            .split_once("}}")
            .ok_or_else(|| "has braces that do not close".to_owned())?;
        if !before.is_empty() {
            parts.push(TopicPart::Text(before.to_owned()));
        }
        let expression = Expression::compile(inside.trim())?;
        if let Some(problem) = unknown_root(&expression, &OF_AN_EVENT) {
            return Err(problem);
        }
        parts.push(TopicPart::Value(expression));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(TopicPart::Text(rest.to_owned()));
    }
    match parts.is_empty() {
        true => Err("names no topic".to_owned()),
        false => Ok(parts),
    }
}

#[cfg(test)]
mod tests;
