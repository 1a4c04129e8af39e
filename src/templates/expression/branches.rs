//! An expression by its `or`, `and` and `not`: they are decided from left to right, and what is behind a decision is neither
//! evaluated nor asked whether it is there and fits.

use minijinja::{Expression as Compiled, Value};
use serde_json::{Map, Value as Json};

use super::super::tags;
use super::demands::Demands;
use super::environment;

/// An expression, or a part of one.
pub(super) enum Branch {
    /// The first that is true, else the last.
    Or(Vec<Branch>),
    /// The first that is not true, else the last.
    And(Vec<Branch>),
    Not(Box<Branch>),
    Leaf(Box<Leaf>),
}

/// Makes one of several parts.
type JoinParts = fn(Vec<Branch>) -> Branch;

/// A part without `or`, `and` and `not` outside of brackets.
pub(super) struct Leaf {
    compiled: Compiled<'static, 'static>,
    demands: Demands,
}

impl Branch {
    /// Of a text that compiles as a whole; `None` if a part of it does not.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let words = top_words(text);
        let is_conditional = words.iter().any(|(_, word)| *word == "if");
        let operators: [(&str, JoinParts); 2] = [("or", Self::Or), ("and", Self::And)];
        for (operator, join) in operators {
            let parts = split(text, &words, operator);
            if !is_conditional && parts.len() > 1 {
                let parts: Option<Vec<Self>> = parts.into_iter().map(Self::of).collect();
                return parts.map(join);
            }
        }
        if let Some((0, "not")) = words.first().copied()
            && !is_conditional
        {
            return Some(Self::Not(Box::new(Self::of(text.get(3..)?)?)));
        }
        match unwrapped(text) {
            Some(inner) => Self::of(inner),
            None => Self::leaf(text),
        }
    }

    /// A text as one part, if it compiles.
    pub(super) fn leaf(text: &str) -> Option<Self> {
        let compiled = environment().compile_expression_owned(text.to_owned());
        let tag = tags::tags(&format!("{{{{ {text} }}}}")).next()?;
        Some(Self::Leaf(Box::new(Leaf {
            compiled: compiled.ok()?,
            demands: Demands::of(&tag.code),
        })))
    }

    /// Its value, where `eval` evaluates a part.
    ///
    /// # Errors
    /// A part that counts uses what is missing or does not fit, or fails: in words.
    pub(super) fn value(
        &self,
        known: &Map<String, Json>,
        eval: &impl Fn(&Compiled<'static, 'static>) -> Result<Value, String>,
    ) -> Result<Value, String> {
        match self {
            Self::Or(parts) => first(parts, known, eval, true),
            Self::And(parts) => first(parts, known, eval, false),
            Self::Not(part) => Ok(Value::from(!part.value(known, eval)?.is_true())),
            Self::Leaf(leaf) => {
                if let Some(missing) = leaf.demands.missing(known) {
                    return Err(format!("`{missing}` is missing"));
                }
                match leaf.demands.misfit(known) {
                    Some(problem) => Err(problem),
                    None => eval(&leaf.compiled),
                }
            }
        }
    }
}

/// The first that is as true as wanted, else the last.
fn first(
    parts: &[Branch],
    known: &Map<String, Json>,
    eval: &impl Fn(&Compiled<'static, 'static>) -> Result<Value, String>,
    wanted: bool,
) -> Result<Value, String> {
    let mut last = Value::UNDEFINED;
    for part in parts {
        last = part.value(known, eval)?;
        if last.is_true() == wanted {
            break;
        }
    }
    Ok(last)
}

/// What stands between a word outside of brackets.
fn split<'a>(text: &'a str, words: &[(usize, &str)], operator: &str) -> Vec<&'a str> {
    let (mut parts, mut begin) = (vec![], 0);
    for (at, _) in words.iter().filter(|(_, word)| *word == operator) {
        parts.extend(text.get(begin..*at));
        begin = at + operator.len();
    }
    parts.extend(text.get(begin..));
    parts
}

/// What stands within the brackets around all of it.
fn unwrapped(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    let mut depth = 0_i32;
    let mut is_around = true;
    walk(inner, |_, c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        is_around &= depth >= 0;
    });
    is_around.then_some(inner)
}

/// The words outside of brackets and quotes that are neither fields nor filters, and where they begin.
fn top_words(text: &str) -> Vec<(usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut depth, mut before) = (vec![], 0_i32, ' ');
    let mut end = 0;
    walk(text, |at, c| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if at >= end && is_word(c) {
            let rest = text.get(at..).unwrap_or_default();
            end = at + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if depth == 0 && !matches!(before, '.' | '|') {
                found.extend(text.get(at..end).map(|word| (at, word)));
            }
        }
        if !c.is_whitespace() {
            before = c;
        }
    });
    found
}

/// Every character outside of quotes, and where it is.
fn walk(text: &str, mut each: impl FnMut(usize, char)) {
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => {
                quote = Some(c);
                each(at, c);
            }
            (None, _) => each(at, c),
        }
    }
}

/// What the parts are, for a debugger.
impl std::fmt::Debug for Branch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Or(parts) => f.debug_tuple("Or").field(parts).finish(),
            Self::And(parts) => f.debug_tuple("And").field(parts).finish(),
            Self::Not(part) => f.debug_tuple("Not").field(part).finish(),
            Self::Leaf(leaf) => f.debug_tuple("Leaf").field(&leaf.demands).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let words = top_words(text).into_iter();
        words.map(|(_, word)| word).collect()
    }

    #[test]
    fn words_in_brackets_and_quotes_and_fields_do_not_join() {
        assert_eq!(
            words("a.or or (b or c) and 'x or y' ~ d|or"),
            ["a", "or", "and", "d"]
        );
        assert_eq!(words("door or order"), ["door", "or", "order"]);
        let text = "a or b or 'or'";
        assert_eq!(split(text, &top_words(text), "or"), ["a ", " b ", " 'or'"]);
    }

    #[test]
    fn brackets_around_all_of_it_are_no_part_of_it() {
        assert_eq!(unwrapped("(a or b)"), Some("a or b"));
        assert_eq!(unwrapped("(a) or (b)"), None);
        assert_eq!(unwrapped("(a or ')')"), Some("a or ')'"));
        assert_eq!(unwrapped("a"), None);
    }
}
