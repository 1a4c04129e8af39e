use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::resilience::FairQueue;

/// A message that waits.
#[derive(Debug, Clone)]
struct Item {
    number: usize,
    line: usize,
    tenant: u8,
    content: Content,
    targets: Vec<Target>,
    may_share: bool,
    most_at_once: usize,
}

impl Item {
    fn new(number: usize, text: u8, address: &str) -> Self {
        let content = Content {
            body: Some(format!("text {text}")),
            ..Content::default()
        };
        let target = Target {
            address: address.to_owned(),
            device_id: None,
        };
        Self {
            number,
            line: 0,
            tenant: 0,
            content,
            targets: vec![target],
            may_share: true,
            most_at_once: usize::MAX,
        }
    }

    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            may_share: self.may_share,
            most_at_once: self.most_at_once,
            content: &self.content,
            targets: &self.targets,
        }
    }

    fn address(&self) -> String {
        self.targets[0].address.to_lowercase()
    }
}

fn pop(queue: &mut FairQueue<u8, Item>, most: usize) -> Vec<Item> {
    let mut candidates = Candidates::new(|| Some(RateToken::Unlimited), most);
    let taken = queue.pop_with(|first, next| candidates.joins(first.candidate(), next.candidate()));
    let Some((first, others)) = taken else {
        return vec![];
    };
    assert_eq!(
        others.len(),
        candidates.into_tokens().len(),
        "a token for each"
    );
    std::iter::once(first).chain(others).collect()
}

fn numbers(batch: &[Item]) -> Vec<usize> {
    batch.iter().map(|item| item.number).collect()
}

fn queue_of(items: impl IntoIterator<Item = Item>) -> FairQueue<u8, Item> {
    let mut queue = FairQueue::new(4);
    for item in items {
        queue.push(item.line, item.tenant, item);
    }
    queue
}

#[test]
fn two_languages_mixed_are_two_requests() {
    let items = (0..40).map(|n| Item::new(n, (n % 2) as u8, &format!("u{n}@x.org")));
    let mut queue = queue_of(items);
    let even: Vec<usize> = (0..40).step_by(2).collect();
    assert_eq!(numbers(&pop(&mut queue, 100)), even);
    assert_eq!(pop(&mut queue, 100).len(), 20);
    assert!(queue.is_empty());
}

#[test]
fn where_everybodys_text_is_their_own_few_are_looked_at() {
    let mut items: Vec<Item> = (0..100)
        .map(|n| Item::new(n, n as u8, &format!("u{n}@x.org")))
        .collect();
    items[5].content = items[0].content.clone();
    assert_eq!(numbers(&pop(&mut queue_of(items.clone()), 100)), [0]);
    items[4].content = items[0].content.clone();
    assert_eq!(numbers(&pop(&mut queue_of(items), 100)), [0, 4, 5]);
}

#[test]
fn batch_holds_one_message_of_each_address_in_order() {
    let items = [
        Item::new(0, 1, "a@x.org"),
        Item::new(1, 1, " A@x.org"),
        Item::new(2, 2, "b@x.org"),
        Item::new(3, 1, "b@x.org"),
        Item::new(4, 1, "c@x.org"),
    ];
    let mut queue = queue_of(items);
    assert_eq!(numbers(&pop(&mut queue, 100)), [0, 4]);
    assert_eq!(numbers(&pop(&mut queue, 100)), [1]);
    assert_eq!(numbers(&pop(&mut queue, 100)), [2]);
    assert_eq!(numbers(&pop(&mut queue, 100)), [3]);
}

#[test]
fn batch_respects_solo_jobs_and_size_limits() {
    let mut items: Vec<Item> = (0..6)
        .map(|n| Item::new(n, 1, &format!("u{n}@x.org")))
        .collect();
    items[1].may_share = false;
    items[2].most_at_once = 2;
    items[4].most_at_once = 1;
    let mut queue = queue_of(items);
    assert_eq!(numbers(&pop(&mut queue, 100)), [0, 2]);
    assert_eq!(numbers(&pop(&mut queue, 100)), [1]);
    assert_eq!(numbers(&pop(&mut queue, 1)), [3]);
    assert_eq!(numbers(&pop(&mut queue, 100)), [4]);
}

fn item() -> impl Strategy<Value = Item> {
    let most = prop_oneof![4 => Just(usize::MAX), 1 => 1_usize..5];
    (
        0_usize..3,
        0_u8..3,
        0_u8..3,
        0_u8..12,
        prop::bool::weighted(0.8),
        most,
    )
        .prop_map(
            |(line, tenant, text, address, may_share, most_at_once)| Item {
                line,
                tenant,
                may_share,
                most_at_once,
                ..Item::new(
                    0,
                    text,
                    &format!(
                        "{}@x.org",
                        char::from(b"aAbcdefghijk"[usize::from(address)])
                    ),
                )
            },
        )
}

proptest! {
    #[test]
    fn a_request_is_one_tenants_and_says_one_thing_and_nobody_is_passed_over(
        steps in prop::collection::vec(prop::option::weighted(0.7, item()), 0..200),
        most in 1_usize..20,
    ) {
        let mut queue = FairQueue::new(4);
        let (mut waiting, mut pushed): (Vec<Item>, usize) = (vec![], 0);
        let drain = std::iter::repeat_n(None, steps.len());
        for step in steps.clone().into_iter().chain(drain) {
            if let Some(item) = step {
                let item = Item { number: pushed, ..item };
                pushed += 1;
                waiting.push(item.clone());
                queue.push(item.line, item.tenant, item);
                continue;
            }
            let batch = pop(&mut queue, most);
            let Some(first) = batch.first() else { continue };
            let line_of_first = |item: &&Item| (item.line, item.tenant) == (first.line, first.tenant);
            // Whoever waits longest in the line whose turn it is goes.
            let oldest = waiting.iter().find(line_of_first).map(|item| item.number);
            prop_assert_eq!(oldest, Some(first.number));
            prop_assert!(batch.iter().all(|item| line_of_first(&item) && item.content == first.content));
            let least = batch.iter().map(|item| item.most_at_once).min().unwrap_or(0);
            prop_assert!(batch.len() <= most.min(least));
            prop_assert!(batch.len() == 1 || batch.iter().all(|item| item.may_share));
            let different: HashSet<String> = batch.iter().map(Item::address).collect();
            prop_assert_eq!(different.len(), batch.len());
            waiting.retain(|item| !batch.iter().any(|gone| gone.number == item.number));
            for gone in &batch {
                let earlier = waiting.iter().filter(line_of_first).find(|item| {
                    item.number < gone.number && item.address() == gone.address()
                });
                prop_assert!(earlier.is_none(), "{:?} went before {:?}", gone, earlier);
            }
        }
        prop_assert_eq!((queue.len(), waiting.len()), (0, 0));
    }
}
