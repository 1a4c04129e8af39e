//! Steps that send: on one channel, or by a route over several.

use std::time::Duration;

use serde_json::Value;

use super::super::definition::{Deed, Move, SendRule};
use super::super::fields::{Fields, within};
use super::super::mistake::WorkflowMistake;
use super::super::span;
use super::layout::Layout;
use crate::domain::{Channel, Priority};
use crate::templates::Expression;

/// Channels, for messages.
const CHANNELS: &str = "email, sms, push, in_app, chat";
/// Priorities, for messages.
const PRIORITIES: &str = "urgent, high, normal, low";
/// Most channels of a route.
const MOST_OF_ROUTE: usize = 10;
/// Most characters of the name of a template, and of a category.
const NAME_CHARS: usize = 100;
/// What every template sees.
const SEEN: [&str; 4] = ["event", "data", "recipient", "digest"];

/// Lays out a step that sends.
pub(super) fn step(layout: &mut Layout, send: &mut Fields<'_>) {
    let mut moves = vec![];
    if send.has("route") {
        route(layout, send, &mut moves);
    } else {
        one(layout, send, (None, &mut moves));
    }
    let name = layout.name.clone();
    layout.sent.push((name, moves));
}

/// Several channels, one after the other.
fn route(layout: &mut Layout, send: &mut Fields<'_>, moves: &mut Vec<usize>) {
    let items = send.list("route");
    if items.is_empty() || items.len() > MOST_OF_ROUTE {
        send.wrong(
            "route",
            "invalid",
            format!("is not 1 to {MOST_OF_ROUTE} channels"),
        );
    }
    let step = layout.label.clone();
    let mut before = Duration::ZERO;
    for (number, (pointer, item)) in items.into_iter().enumerate() {
        let Value::Object(map) = item else {
            let detail = "is no table".to_owned();
            send.mistakes().push(WorkflowMistake {
                pointer,
                code: "wrong_type",
                detail,
            });
            continue;
        };
        layout.label = format!("{step}.{}", number + 1);
        within(map, pointer, send.mistakes(), |item| {
            one(layout, item, (Some(&mut before), moves));
            Some(())
        });
    }
    layout.label = step;
}

/// One channel; within a route, so long after the one before.
fn one(
    layout: &mut Layout,
    fields: &mut Fields<'_>,
    (before, moves): (Option<&mut Duration>, &mut Vec<usize>),
) {
    fields.required("channel", CHANNELS);
    fields.required("template", "the name of a template for this channel");
    let channel: Option<Channel> = fields.word("channel", CHANNELS);
    let priority: Option<Priority> = fields.word("priority", PRIORITIES);
    let category = fields.name("category", NAME_CHARS);
    let template = fields.name("template", NAME_CHARS);
    let variables = variables(layout, fields);
    let reply_to = reply_to(layout, fields, channel);
    let after = fields
        .span("after", (Duration::ZERO, span::LONGEST))
        .unwrap_or_default();
    let unless = match fields.has("unless") {
        true => layout.reach(fields, before.is_some().then_some(moves.as_slice())),
        false => None,
    };
    let since = before.as_ref().map_or(Duration::ZERO, |before| **before);
    match after.checked_sub(since) {
        None => {
            let words =
                "is less than that of the channel before: each counts from the begin of the step";
            fields.wrong("after", "invalid", words);
        }
        Some(Duration::ZERO) => {}
        Some(pause) => layout.push(Deed::Pause(pause)),
    }
    if let Some(before) = before {
        *before = after.max(*before);
    }
    let (Some(channel), Some(template)) = (channel, template) else {
        return;
    };
    let rule = SendRule {
        channel,
        priority: priority.unwrap_or(Priority::Normal),
        category,
        template,
        variables,
        reply_to,
        unless,
    };
    moves.push(layout.moves.len());
    layout.moves.push(Move {
        label: layout.label.clone(),
        name: layout.name.clone(),
        deed: Deed::Send(rule),
    });
}

/// Where answers go: an expression, of an e-mail.
fn reply_to(
    layout: &Layout,
    fields: &mut Fields<'_>,
    channel: Option<Channel>,
) -> Option<Expression> {
    let text = match fields.get("reply_to")? {
        Value::String(text) => text.clone(),
        _ => {
            fields.wrong("reply_to", "wrong_type", "is no expression in quotes");
            return None;
        }
    };
    if channel.is_some_and(|channel| channel != Channel::Email) {
        fields.wrong("reply_to", "invalid", "only an e-mail has one");
    }
    let compiled = Expression::compile(&text);
    let compiled = compiled.and_then(|expression| match layout.unknown_root(&expression) {
        Some(problem) => Err(problem),
        None => Ok(expression),
    });
    compiled
        .map_err(|detail| fields.wrong("reply_to", "invalid", detail))
        .ok()
}

fn variables(layout: &Layout, fields: &mut Fields<'_>) -> Vec<(String, Expression)> {
    let place = fields.at("variables");
    let map = match fields.get("variables") {
        None => return vec![],
        Some(Value::Object(map)) => map,
        Some(_) => {
            fields.wrong(
                "variables",
                "wrong_type",
                "is no table of names and expressions",
            );
            return vec![];
        }
    };
    let mut variables = vec![];
    for (name, value) in map {
        let compiled = match value {
            _ if SEEN.contains(&name.as_str()) => {
                Err("every template sees this already".to_owned())
            }
            Value::String(text) => Expression::compile(text),
            _ => Err("is no expression in quotes".to_owned()),
        };
        let compiled = compiled.and_then(|expression| match layout.unknown_root(&expression) {
            Some(problem) => Err(problem),
            None => Ok(expression),
        });
        match compiled {
            Ok(expression) => variables.push((name.clone(), expression)),
            Err(detail) => {
                let pointer = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
                fields.mistakes().push(WorkflowMistake {
                    pointer,
                    code: "invalid",
                    detail,
                });
            }
        }
    }
    variables
}
