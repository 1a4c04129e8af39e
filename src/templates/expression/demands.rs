//! What an expression uses: the engine takes what is missing for nothing in a comparison, and nobody would be told.

use serde_json::{Map, Value as Json};

use super::super::tokens::{Token, tokens};
use super::comparisons::Comparisons;

/// Words that stand for themselves.
const LITERALS: [&str; 6] = ["true", "false", "none", "True", "False", "None"];
/// Words beside which what is missing counts as false.
const ASKS: [&str; 6] = ["not", "and", "or", "if", "else", "is"];

/// The paths that an expression names.
#[derive(Debug, Default)]
pub(super) struct Demands {
    paths: Vec<NamedPath>,
    comparisons: Comparisons,
}

#[derive(Debug)]
struct NamedPath {
    parts: Vec<String>,
    /// Where it begins among the tokens, and where it has ended.
    place: (usize, usize),
    /// Whether it is only asked for: then it may be missing.
    is_asked: bool,
}

impl Demands {
    /// Of an expression without its texts in quotes.
    pub(super) fn of(code: &str) -> Self {
        let tokens = tokens(code);
        let at = |index: usize| tokens.get(index).copied();
        let mut found = vec![];
        let mut index = 0;
        while index < tokens.len() {
            let before = index.checked_sub(1).and_then(at);
            let Some(name) = at(index)
                .and_then(Token::word)
                .filter(|name| is_variable(name, before, at(index + 1), at(index + 2)))
            else {
                index += 1;
                continue;
            };
            let mut parts = vec![name.to_owned()];
            let begin = index;
            index += 1;
            while at(index) == Some(Token::Mark('.')) {
                let Some(field) = at(index + 1).and_then(Token::word) else {
                    break;
                };
                parts.push(field.to_owned());
                index += 2;
            }
            let is_looked_into = at(index) == Some(Token::Mark('['));
            let is_asked = stands_alone(before) && is_only_asked(at(index), at(index + 1));
            found.push(NamedPath {
                parts,
                place: (begin, index),
                is_asked: is_asked && !is_looked_into,
            });
        }
        let places = found.iter().map(|path| (path.place, path.parts.as_slice()));
        let comparisons = Comparisons::of(&tokens, &places.collect::<Vec<_>>());
        Self {
            paths: found,
            comparisons,
        }
    }

    /// The first path that is used and not there.
    pub(super) fn missing(&self, known: &Map<String, Json>) -> Option<String> {
        let used = self.paths.iter().filter(|path| !path.is_there(known));
        let mut missing = used.filter(|path| !self.asks_for(path) || !path.has_parent(known));
        missing.next().map(|path| path.parts.join("."))
    }

    /// Whether it is asked for somewhere whether a path is there.
    fn asks_for(&self, path: &NamedPath) -> bool {
        let mut same = self.paths.iter().filter(|it| it.parts == path.parts);
        same.any(|it| it.is_asked)
    }

    /// What cannot be greater or less than the other: in words.
    pub(super) fn misfit(&self, known: &Map<String, Json>) -> Option<String> {
        let is_guarded = |parts: &[String]| {
            let mut same = self.paths.iter().filter(|path| path.parts == parts);
            same.any(|path| path.is_asked)
        };
        self.comparisons.misfit(known, is_guarded)
    }

    pub(super) fn roots(&self) -> Vec<&str> {
        let mut roots = vec![];
        for root in self.paths.iter().filter_map(|path| path.parts.first()) {
            if !roots.contains(&root.as_str()) {
                roots.push(root.as_str());
            }
        }
        roots
    }
}

impl NamedPath {
    fn is_there(&self, known: &Map<String, Json>) -> bool {
        reaches(known, &self.parts)
    }

    /// Whether that is there of which the last part is asked: of nothing nothing can be asked.
    fn has_parent(&self, known: &Map<String, Json>) -> bool {
        let parent = self.parts.split_last().map(|(_, parent)| parent);
        parent.is_none_or(|parent| parent.is_empty() || reaches(known, parent))
    }
}

/// Whether a path leads to something. What a list or a text has besides is the engine's to say.
fn reaches(known: &Map<String, Json>, parts: &[String]) -> bool {
    let mut within = known;
    for (index, part) in parts.iter().enumerate() {
        match within.get(part) {
            Some(Json::Object(inner)) => within = inner,
            Some(Json::Null) => return index + 1 == parts.len(),
            Some(_) => return true,
            None => return false,
        }
    }
    true
}

fn is_variable(
    name: &str,
    before: Option<Token<'_>>,
    after: Option<Token<'_>>,
    then: Option<Token<'_>>,
) -> bool {
    let is_field = matches!(before, Some(Token::Mark('.' | '|')));
    let is_test = matches!(before, Some(Token::Word("is")));
    let is_called = after == Some(Token::Mark('('));
    let is_argument = after == Some(Token::Mark('=')) && then != Some(Token::Mark('='));
    let is_word = ASKS.contains(&name) || name == "in" || LITERALS.contains(&name);
    let is_number = name.starts_with(|c: char| c.is_ascii_digit());
    !(is_field || is_test || is_called || is_argument || is_word || is_number)
}

/// Whether nothing that counts stands in front.
fn stands_alone(before: Option<Token<'_>>) -> bool {
    match before {
        None | Some(Token::Mark('(')) => true,
        Some(Token::Word(word)) => ASKS.contains(&word),
        Some(Token::Mark(_)) => false,
    }
}

/// Whether nothing that counts stands behind.
fn is_only_asked(after: Option<Token<'_>>, then: Option<Token<'_>>) -> bool {
    match (after, then) {
        (None | Some(Token::Mark(')')), _)
        | (Some(Token::Mark('|')), Some(Token::Word("default" | "d"))) => true,
        (Some(Token::Word(word)), _) => ASKS.contains(&word),
        (Some(Token::Mark(_)), _) => false,
    }
}
