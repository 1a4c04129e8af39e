//! Orders with the same key: the first comes first, and the others are told what became of it.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::gather::WaitingOrder;
use super::{AcceptAnswer, AcceptOrder, AcceptedNotification, NotAccepted};
use crate::domain::{ContentHash, KeyHash};
use crate::pipeline::ingest::key_reused;
use crate::runtime::clock;

/// Asks for orders in rounds in which each key comes once, and answers in their order. No round begins after
/// `until`: what is left is not stored, and told so.
pub(super) async fn one_at_a_time(
    orders: Vec<AcceptOrder>,
    until: Instant,
    ask: impl AsyncFn(Vec<AcceptOrder>) -> Vec<AcceptAnswer>,
) -> Vec<AcceptAnswer> {
    let mut answers: Vec<Option<AcceptAnswer>> = orders.iter().map(|_| None).collect();
    let mut left: Vec<(usize, AcceptOrder)> = orders.into_iter().enumerate().collect();
    let mut known: HashMap<KeyHash, KeyOutcome> = HashMap::new();
    while !left.is_empty() && clock::instant() < until {
        let (mut round, mut later, mut named) = (vec![], vec![], HashSet::new());
        for (at, order) in left {
            let (key, content) = (order.envelope.key, order.envelope.content);
            match known.get(&key).and_then(|it| it.answer_to(content)) {
                Some(answer) => put(&mut answers, at, answer),
                None if named.insert(key) => round.push((at, order)),
                None => later.push((at, order)),
            }
        }
        let whose =
            |(at, order): &(usize, AcceptOrder)| (*at, order.envelope.key, order.envelope.content);
        let asked: Vec<_> = round.iter().map(whose).collect();
        let orders = round.into_iter().map(|(_, order)| order).collect();
        let answered = if asked.is_empty() {
            vec![]
        } else {
            ask(orders).await
        };
        for ((at, key, content), answer) in asked.into_iter().zip(answered) {
            known.insert(key, KeyOutcome::of(content, &answer));
            put(&mut answers, at, answer);
        }
        left = later;
    }
    let nobody = || Err(NotAccepted::Unavailable("not stored in time".to_owned()));
    let answers = answers.into_iter();
    answers.map(|it| it.unwrap_or_else(nobody)).collect()
}

fn put(answers: &mut [Option<AcceptAnswer>], at: usize, answer: AcceptAnswer) {
    if let Some(place) = answers.get_mut(at) {
        *place = Some(answer);
    }
}

/// What became of an order, as far as it matters to another one with its key.
#[derive(Debug, Clone)]
pub(super) struct KeyOutcome {
    content: ContentHash,
    answer: AcceptAnswer,
}

impl KeyOutcome {
    pub(super) fn of(content: ContentHash, answer: &AcceptAnswer) -> Self {
        let answer = answer.clone();
        Self { content, answer }
    }

    /// What another one with this content is told; `None` when it must be looked at itself.
    pub(super) fn answer_to(&self, content: ContentHash) -> Option<AcceptAnswer> {
        let says_the_same = self.content == content;
        match &self.answer {
            Ok(first) if says_the_same => Some(Ok(AcceptedNotification {
                is_replayed: true,
                ..*first
            })),
            Ok(_) => Some(Err(NotAccepted::Refused(key_reused()))),
            Err(why) if says_the_same => Some(Err(why.clone())),
            // It would be told the same: the key is another's, or nobody answers.
            Err(
                why @ (NotAccepted::KeyInProgress
                | NotAccepted::Overloaded
                | NotAccepted::Unavailable(_)
                | NotAccepted::Closed
                | NotAccepted::NoEngine),
            ) => Some(Err(why.clone())),
            Err(NotAccepted::Refused(_) | NotAccepted::NoTenant) => None,
        }
    }
}

/// An order, and those that came after it with its key.
#[derive(Debug)]
pub(super) struct KeyGroup {
    pub(super) first: WaitingOrder,
    pub(super) others: Vec<WaitingOrder>,
}

impl KeyGroup {
    /// The groups of a batch, in the order of their first ones.
    pub(super) fn of(batch: Vec<WaitingOrder>) -> Vec<Self> {
        let (mut groups, mut places): (Vec<Self>, HashMap<KeyHash, usize>) = Default::default();
        for order in batch {
            let key = order.order.envelope.key;
            let place = places.get(&key).copied();
            match place.and_then(|at| groups.get_mut(at)) {
                Some(group) => group.others.push(order),
                None => {
                    places.insert(key, groups.len());
                    groups.push(Self {
                        first: order,
                        others: vec![],
                    });
                }
            }
        }
        groups
    }

    /// Answers the first, and those whose answer follows from it; the others are left.
    #[must_use]
    pub(super) fn answer(self, answer: AcceptAnswer) -> Vec<WaitingOrder> {
        let outcome = KeyOutcome::of(self.first.order.envelope.content, &answer);
        self.first.answer(answer);
        let mut left = vec![];
        for other in self.others {
            match outcome.answer_to(other.order.envelope.content) {
                Some(answer) => other.answer(answer),
                None => left.push(other),
            }
        }
        left
    }

    /// All of its orders.
    pub(super) fn into_orders(self) -> impl Iterator<Item = WaitingOrder> {
        std::iter::once(self.first).chain(self.others)
    }
}

#[cfg(test)]
mod tests;
