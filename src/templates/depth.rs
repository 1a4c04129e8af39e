//! A guard against templates that exhaust the stack.
//!
//! The engine compiles, compares, prints and drops by recursion: one call for each operator of a chain,
//! each `elif`, each list within a list. It bounds brackets and blocks, and nothing else, and whoever
//! exhausts a stack takes the whole node down. So what stands within what is counted before a template is
//! compiled; what stands side by side (separated by commas) does not count together.

use super::names::COLLECTING;
use super::tags::Tag;
use super::tokens::{Token, parts, tokens};

/// Operators, filters, tests, attributes, calls and brackets that may stand within each other in a tag.
pub(crate) const MOST_STEPS: usize = 200;
/// Blocks that may stand within each other: an `elif` stands within what comes before it.
pub(crate) const MOST_BLOCKS: usize = 50;
/// Lists and objects that all assignments of a part together may put into each other.
pub(crate) const MOST_VALUES: usize = 100;

/// Words that are operators.
const OPERATORS: [&str; 7] = ["not", "is", "if", "else", "and", "or", "in"];

/// What stands within each other so far, in one part of a template.
#[derive(Debug, Default)]
pub(super) struct Depth {
    /// Of each open block: itself and each `elif` of it.
    blocks: Vec<usize>,
    values: usize,
}

impl Depth {
    /// Counts a tag in.
    ///
    /// # Errors
    /// It goes too deep: in words.
    pub(super) fn add(&mut self, tag: &Tag) -> Result<(), String> {
        let tokens = tokens(&tag.code);
        let nesting = Nesting::of(&tokens);
        if nesting.steps > MOST_STEPS {
            return Err(format!(
                "puts more than {MOST_STEPS} operators, filters and brackets within each other; \
                 divide it with {{% set %}}"
            ));
        }
        match tag.word() {
            "if" | "for" | "with" | "autoescape" => self.blocks.push(1),
            "elif" => self
                .blocks
                .last_mut()
                .into_iter()
                .for_each(|open| *open += 1),
            "endif" | "endfor" | "endwith" | "endautoescape" => drop(self.blocks.pop()),
            _ => {}
        }
        if self.blocks.iter().sum::<usize>() > MOST_BLOCKS {
            return Err(format!(
                "puts more than {MOST_BLOCKS} blocks within each other (`if`, `elif`, `for`, `with`)"
            ));
        }
        let assigns = matches!(tag.word(), "set" | "for" | "with");
        // Each assignment of a `with` may use the one before.
        let within = match assigns {
            true => parts(&tokens).map(values).sum(),
            false => nesting.values,
        };
        let total = self.values + within;
        if total > MOST_VALUES {
            return Err(format!(
                "puts more than {MOST_VALUES} lists and objects into each other in assignments"
            ));
        }
        if assigns {
            self.values = total;
        }
        Ok(())
    }
}

/// How many lists and objects an expression puts into each other.
pub(super) fn values(tokens: &[Token<'_>]) -> usize {
    Nesting::of(tokens).values
}

/// Whether it is a word that is an operator.
pub(super) fn is_operator(token: Option<Token<'_>>) -> bool {
    let word = token.and_then(Token::word);
    word.is_some_and(|word| OPERATORS.contains(&word))
}

/// How deep an expression goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Nesting {
    /// In operators: what compiling it takes.
    steps: usize,
    /// In lists and objects: what walking its value takes.
    values: usize,
}

/// An open bracket.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Since the last comma.
    now: Nesting,
    /// The deepest before it.
    most: Nesting,
}

impl Nesting {
    fn of(tokens: &[Token<'_>]) -> Self {
        let mut above = vec![];
        let mut level = Level::default();
        let mut before = None;
        for token in tokens {
            match token {
                Token::Mark(',') => level.ends_item(),
                Token::Mark('(' | '[' | '{') => {
                    level.now = level.now.and(Self::of_token(*token, before));
                    above.push(std::mem::take(&mut level));
                }
                Token::Mark(')' | ']' | '}') => {
                    let inner = level.deepest();
                    level = above.pop().unwrap_or_default();
                    level.now = level.now.and(inner);
                }
                token => level.now = level.now.and(Self::of_token(*token, before)),
            }
            before = Some(*token);
        }
        // Of brackets that were never closed.
        let open = above.iter().map(Level::deepest);
        open.fold(level.deepest(), Self::and)
    }

    /// What one token adds, by the one before it.
    fn of_token(token: Token<'_>, before: Option<Token<'_>>) -> Self {
        let (steps, values) = match token {
            Token::Word(word) if OPERATORS.contains(&word) => (1, 0),
            Token::Word("dict") => (0, 1),
            Token::Word(word) if before == Some(Token::Mark('|')) => {
                (0, usize::from(COLLECTING.contains(&word)))
            }
            Token::Word(_) => (0, 0),
            // In an object, or in a part of a list.
            Token::Mark(':') => (0, 1),
            Token::Mark('{' | '+' | '*') => (1, 1),
            // After a value they look something up, or call something.
            Token::Mark('(' | '[') => (1, usize::from(!ends_value(before))),
            Token::Mark(_) => (1, 0),
        };
        Self { steps, values }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            values: self.values + other.values,
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            steps: self.steps.max(other.steps),
            values: self.values.max(other.values),
        }
    }
}

impl Level {
    fn ends_item(&mut self) {
        self.most = self.deepest();
        self.now = Nesting::default();
    }

    fn deepest(&self) -> Nesting {
        self.most.or(self.now)
    }
}

fn ends_value(token: Option<Token<'_>>) -> bool {
    match token {
        Some(Token::Word(word)) => !OPERATORS.contains(&word),
        Some(Token::Mark(mark)) => matches!(mark, ')' | ']' | '}'),
        None => false,
    }
}
