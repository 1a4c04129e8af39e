//! A TOML file as a tree of values that remember their lines.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table: its entries by key.
pub(super) type Table = BTreeMap<String, Node>;

/// A value and the line (from 1) that its key, or for a list item the value itself, stands on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// A value as TOML has them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    /// A date or time that was not put in quotes; kept as it was written.
    Time(String),
    List(Vec<Node>),
    Table(Table),
}

/// What is not TOML, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxMistake {
    pub(super) line: usize,
    pub(super) problem: String,
}

impl Value {
    /// What it is, with its article, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Flag(_) => "true or false",
            Self::Time(_) => "a date or time without quotes",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads a file; every syntax mistake that the parser could get past is reported.
pub(super) fn parse(text: &str) -> Result<Table, Vec<SyntaxMistake>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reading = DocumentReader {
        lines: LineStarts::of(text),
        mistakes: Vec::new(),
    };
    for error in &errors {
        reading.refuse(error.span().unwrap_or_default(), error.message());
    }
    let table = reading.table(table.get_ref());
    if reading.mistakes.is_empty() {
        Ok(table)
    } else {
        Err(reading.mistakes)
    }
}

struct DocumentReader {
    lines: LineStarts,
    mistakes: Vec<SyntaxMistake>,
}

impl DocumentReader {
    fn table(&mut self, table: &DeTable<'_>) -> Table {
        table
            .iter()
            .map(|(key, value)| {
                let value = self.value(value);
                let line = self.lines.of_span(&key.span());
                (key.get_ref().to_string(), Node { line, value })
            })
            .collect()
    }

    fn item(&mut self, value: &Spanned<DeValue<'_>>) -> Node {
        let line = self.lines.of_span(&value.span());
        let value = self.value(value);
        Node { line, value }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix());
                Value::Integer(parsed.unwrap_or_else(|_| {
                    self.refuse(value.span(), "the number does not fit into 64 bits");
                    0
                }))
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(time) => Value::Time(time.to_string()),
            DeValue::Array(items) => Value::List(items.iter().map(|i| self.item(i)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
        }
    }

    fn refuse(&mut self, span: Range<usize>, problem: &str) {
        self.mistakes.push(SyntaxMistake {
            line: self.lines.of_span(&span),
            problem: problem.to_owned(),
        });
    }
}

/// Where each line begins, in bytes.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn of(text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(after_breaks).collect())
    }

    fn of_span(&self, span: &Range<usize>) -> usize {
        self.0.partition_point(|start| *start <= span.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_remember_their_lines() {
        let table = parse("a = 1\n\n[b]\nc = [\n  \"x\",\n  2,\n]\n").unwrap();
        assert_eq!(table["a"].line, 1);
        assert_eq!(table["b"].line, 3);
        let Value::Table(b) = &table["b"].value else {
            panic!("b is a table");
        };
        assert_eq!(b["c"].line, 4);
        let Value::List(items) = &b["c"].value else {
            panic!("c is a list");
        };
        assert_eq!([items[0].line, items[1].line], [5, 6]);
    }

    #[test]
    fn several_syntax_mistakes_are_reported_with_their_lines() {
        let mistakes = parse("a = \nb = 1\nb = 2\nc = 99999999999999999999\n").unwrap_err();
        let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [1, 3, 4]);
    }
}
