//! What is greater and less: the engine puts texts, numbers and nothing into an order of its own, and a filter by an
//! amount would let every text pass.

use serde_json::{Map, Value as Json};

use super::super::tokens::Token;

/// The comparisons of an expression by `<` and `>`.
#[derive(Debug, Default)]
pub(super) struct Comparisons(Vec<[ComparedSide; 2]>);

/// What stands on a side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ComparedSide {
    /// What is known by a path.
    Path(Vec<String>),
    /// A number.
    Number,
    /// Something else, of which nothing is known beforehand.
    Other,
}

/// A path in an expression: where it begins and where it has ended, and its parts.
pub(super) type PathPlace<'a> = ((usize, usize), &'a [String]);

impl Comparisons {
    pub(super) fn of(tokens: &[Token<'_>], paths: &[PathPlace<'_>]) -> Self {
        let mut found = vec![];
        for (index, token) in tokens.iter().enumerate() {
            if !matches!(token, Token::Mark('<' | '>')) {
                continue;
            }
            let is_or_equal = tokens.get(index + 1) == Some(&Token::Mark('='));
            let behind = index + 1 + usize::from(is_or_equal);
            found.push([before(tokens, paths, index), after(tokens, paths, behind)]);
        }
        Self(found)
    }

    /// The first comparison of what cannot be compared, in words. What is missing is another's to say, and what the
    /// expression asks about itself is left to it.
    pub(super) fn misfit(
        &self,
        known: &Map<String, Json>,
        is_guarded: impl Fn(&[String]) -> bool,
    ) -> Option<String> {
        let kind = |side: &ComparedSide| match side {
            ComparedSide::Number => Some("a number"),
            ComparedSide::Path(parts) if !is_guarded(parts) => kind_at(known, parts),
            ComparedSide::Path(_) | ComparedSide::Other => None,
        };
        self.0.iter().find_map(|[left, right]| {
            let (one, other) = (kind(left), kind(right));
            let ordered = ["a number", "a text"];
            for (side, kind) in [(left, one), (right, other)] {
                if let (ComparedSide::Path(parts), Some(kind)) = (side, kind)
                    && !ordered.contains(&kind)
                {
                    let name = parts.join(".");
                    return Some(format!(
                        "`{name}` is {kind}: nothing is greater or less than it"
                    ));
                }
            }
            match (one, other) {
                (Some(one), Some(other)) if one != other => {
                    let name = [left, right].into_iter().find_map(ComparedSide::name)?;
                    let words =
                        "they cannot be compared; `|int` and `|float` make numbers of texts";
                    Some(format!("`{name}`: {one} and {other}: {words}"))
                }
                _ => None,
            }
        })
    }
}

impl ComparedSide {
    fn name(&self) -> Option<String> {
        match self {
            Self::Path(parts) => Some(parts.join(".")),
            Self::Number | Self::Other => None,
        }
    }
}

/// What stands in front of an operator.
fn before(tokens: &[Token<'_>], paths: &[PathPlace<'_>], at: usize) -> ComparedSide {
    if let Some(((begin, _), parts)) = paths.iter().find(|((_, end), _)| *end == at) {
        let joined = begin.checked_sub(1).and_then(|before| tokens.get(before));
        return match joined == Some(&Token::Mark('~')) {
            true => ComparedSide::Other,
            false => ComparedSide::Path(parts.to_vec()),
        };
    }
    let number = at.checked_sub(1).and_then(|before| tokens.get(before));
    number.map_or(ComparedSide::Other, |token| of_literal(*token))
}

/// What stands behind an operator.
fn after(tokens: &[Token<'_>], paths: &[PathPlace<'_>], at: usize) -> ComparedSide {
    if let Some(((_, end), parts)) = paths.iter().find(|((begin, _), _)| *begin == at) {
        let is_more = matches!(
            tokens.get(*end),
            Some(Token::Mark('|' | '[' | '(' | '~' | '.'))
        );
        return match is_more {
            true => ComparedSide::Other,
            false => ComparedSide::Path(parts.to_vec()),
        };
    }
    tokens
        .get(at)
        .map_or(ComparedSide::Other, |token| of_literal(*token))
}

fn of_literal(token: Token<'_>) -> ComparedSide {
    let is_number = token
        .word()
        .is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    match is_number {
        true => ComparedSide::Number,
        false => ComparedSide::Other,
    }
}

/// What kind of thing a path leads to; nothing, where that is not known.
fn kind_at(known: &Map<String, Json>, parts: &[String]) -> Option<&'static str> {
    let (first, rest) = parts.split_first()?;
    let mut value = known.get(first)?;
    for part in rest {
        value = value.as_object()?.get(part)?;
    }
    Some(match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    })
}
