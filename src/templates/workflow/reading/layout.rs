//! The moves that steps are laid out as.

use super::super::definition::{Deed, Move, Reach, Reached};
use super::super::fields::Fields;
use super::unknown_root;
use crate::templates::Expression;

/// What has been laid out so far.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) moves: Vec<Move>,
    /// The steps that send, with their names and moves.
    pub(super) sent: Vec<(Option<String>, Vec<usize>)>,
    pub(super) digests: usize,
    pub(super) throttles: usize,
    /// The step that is read.
    pub(super) label: String,
    pub(super) name: Option<String>,
    pub(super) names: Vec<String>,
    /// A move that leaves out the next step.
    pub(super) skips_next: Option<usize>,
    /// Whether no run comes further.
    pub(super) is_over: bool,
}

impl Layout {
    /// What `unless` asks of an earlier step: the nearest that sends, the one that `of` names, or moves of the
    /// same route.
    pub(super) fn reach(&self, fields: &mut Fields<'_>, route: Option<&[usize]>) -> Option<Reach> {
        let of = fields.text("of").map(str::to_owned);
        let word = fields.text("unless")?.to_owned();
        let Some(effect) = Reached::ALL.into_iter().find(|it| it.as_str() == word) else {
            return fields.refuse(
                "unless",
                "invalid",
                "is none of: read, seen, delivered, clicked",
            );
        };
        let found = match (&of, route) {
            (Some(of), _) => {
                let mut sent = self.sent.iter();
                let Some((_, moves)) = sent.find(|(name, _)| name.as_ref() == Some(of)) else {
                    return fields.refuse(
                        "of",
                        "invalid",
                        "is the name of no earlier step that sends",
                    );
                };
                moves.clone()
            }
            (None, Some(route)) if !route.is_empty() => route.to_vec(),
            (None, _) => self
                .sent
                .last()
                .map(|(_, moves)| moves.clone())
                .unwrap_or_default(),
        };
        if found.is_empty() {
            return fields.refuse(
                "unless",
                "invalid",
                "asks about an earlier step that sends, and there is none",
            );
        }
        let can = |at: &usize| match self.moves.get(*at).map(|it| &it.deed) {
            Some(Deed::Send(rule)) => effect.is_of(rule.channel),
            _ => false,
        };
        if !found.iter().any(can) {
            let words = format!("nobody is ever told that a message of that channel was {word}");
            return fields.refuse("unless", "invalid", words);
        }
        Some(Reach { effect, of: found })
    }

    /// An expression of a step.
    pub(super) fn expression(
        &self,
        fields: &mut Fields<'_>,
        key: &'static str,
    ) -> Option<Expression> {
        let expression = fields.expression(key)?;
        match self.unknown_root(&expression) {
            Some(problem) => fields.refuse(key, "invalid", problem),
            None => Some(expression),
        }
    }

    pub(super) fn unknown_root(&self, expression: &Expression) -> Option<String> {
        match self.digests {
            0 => unknown_root(expression, &["event", "data", "recipient"]),
            _ => unknown_root(expression, &["event", "data", "recipient", "digest"]),
        }
    }

    pub(super) fn push(&mut self, deed: Deed) {
        self.moves.push(Move {
            label: self.label.clone(),
            name: self.name.clone(),
            deed,
        });
    }
}
