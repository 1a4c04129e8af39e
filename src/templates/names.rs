//! What a template calls by name: a name that there is not lets every message of it fail.

use super::tags::{Tag, tags};
use super::tokens::{Token, tokens};
use crate::domain::nearest::nearest;

/// The filters that there are.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "groupby",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "zip",
];
/// Filters that make a list or an object of what they are given.
pub(super) const COLLECTING: [&str; 16] = [
    "list",
    "reverse",
    "sort",
    "unique",
    "map",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "groupby",
    "chain",
    "zip",
    "items",
    "dictsort",
    "split",
    "lines",
];
/// The tests that there are.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];
/// The functions that there are.
pub(super) const FUNCTIONS: &[&str] = &["dict", "range"];
/// What a loop has besides.
const OF_A_LOOP: &[&str] = &["changed", "cycle"];
/// Words that may stand in front of a bracket, and call nothing.
const KEYWORDS: &[&str] = &["not", "is", "if", "else", "and", "or", "in"];

/// Every name that a template calls and that there is not: its line, and what is wrong.
pub(super) fn unknown(source: &str) -> Vec<(usize, String)> {
    let of_tag = |tag: Tag| {
        let problems = of_tag(&tag);
        problems.into_iter().map(move |problem| (tag.line, problem))
    };
    tags(source).flat_map(of_tag).collect()
}

fn of_tag(tag: &Tag) -> Vec<String> {
    let tokens = tokens(&tag.code);
    // A statement's own name calls nothing.
    let first = usize::from(tag.is_statement);
    let at = |index: usize| tokens.get(index).copied();
    let word = |index: usize| at(index).and_then(Token::word);
    let mut found = vec![];
    for index in first..tokens.len() {
        let Some(name) = word(index) else {
            continue;
        };
        let before = index.checked_sub(1).filter(|before| *before >= first);
        let before = before.and_then(at);
        let is_called = at(index + 1) == Some(Token::Mark('('));
        found.extend(match before {
            Some(Token::Mark('|')) => missing("filter", name, FILTERS),
            Some(Token::Mark('.')) if is_called => {
                let of = index.checked_sub(2).and_then(word);
                method(name, of == Some("loop"))
            }
            Some(Token::Mark('.')) => None,
            _ if is_test(&tokens, index) => missing("test", name, TESTS),
            _ if is_called && !KEYWORDS.contains(&name) => missing("function", name, FUNCTIONS),
            _ => None,
        });
    }
    found
}

/// Whether the word at an index is the name of a test: `is odd`, `is not odd`.
fn is_test(tokens: &[Token<'_>], index: usize) -> bool {
    let word = |back: usize| {
        let at = index.checked_sub(back)?;
        tokens.get(at)?.word()
    };
    let is = match word(1) {
        Some("not") => 2,
        _ => 1,
    };
    // The engine takes the first `not` for its own.
    let is_negation = is == 1 && tokens.get(index) == Some(&Token::Word("not"));
    let field = index.checked_sub(is + 1).and_then(|at| tokens.get(at));
    word(is) == Some("is") && !is_negation && field.is_some_and(|field| *field != Token::Mark('.'))
}

fn missing(what: &str, name: &str, known: &[&str]) -> Option<String> {
    if known.contains(&name) {
        return None;
    }
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; there are {}", known.join(", ")),
    };
    Some(format!("there is no {what} `{name}`{hint}"))
}

fn method(name: &str, is_of_loop: bool) -> Option<String> {
    if is_of_loop && OF_A_LOOP.contains(&name) {
        return None;
    }
    let hint = match FILTERS.contains(&name) {
        true => format!("; write `|{name}`"),
        false => String::new(),
    };
    Some(format!("values have no method `{name}`{hint}"))
}
