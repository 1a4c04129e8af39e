use proptest::prelude::*;

use super::*;

fn queue() -> FairQueue<u8, u32> {
    FairQueue::new(4)
}

#[test]
fn urgent_ones_are_first_and_tenants_take_turns() {
    let mut queue = queue();
    for n in 0..4 {
        queue.push(2, 1, n);
    }
    queue.push(2, 2, 10);
    queue.push(2, 2, 11);
    queue.push(0, 3, 99);
    let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(order, [99, 0, 10, 1, 11, 2, 3]);
    assert!(queue.is_empty());
}

#[test]
fn ten_of_a_tenant_are_not_behind_a_thousand_of_another() {
    let mut queue = queue();
    for n in 0..1_000 {
        queue.push(3, 1, n);
    }
    for n in 0..10 {
        queue.push(3, 2, 10_000 + n);
    }
    let first: Vec<u32> = (0..20).filter_map(|_| queue.pop()).collect();
    assert_eq!(first.iter().filter(|n| **n >= 10_000).count(), 10);
    assert_eq!(
        (queue.len(), queue.len_of(&1), queue.len_of(&2)),
        (990, 990, 0)
    );
}

#[test]
fn removal_by_age_keeps_the_order_of_the_rest() {
    let mut queue = queue();
    for n in 0..6 {
        queue.push(1, (n % 2) as u8, n);
    }
    assert_eq!(queue.fronts().min(), Some(&0));
    let mut old = queue.drain_while(|n| *n < 3);
    old.sort_unstable();
    assert_eq!(old, [0, 1, 2]);
    assert_eq!(queue.pop(), Some(4));
    queue.push(0, 9, 100);
    assert_eq!(queue.drain(), [100, 3, 5]);
    assert_eq!((queue.len(), queue.pop()), (0, None));
}

#[test]
fn excess_of_a_tenant_goes_newest_and_least_urgent_first() {
    let mut queue = queue();
    for n in 0..6 {
        queue.push(2, 1, n);
    }
    queue.push(3, 1, 10);
    queue.push(0, 1, 20);
    queue.push(2, 2, 30);
    assert_eq!(queue.tenants(), 2);
    // The last one has to stay, whatever is beyond.
    let gone: Vec<u32> = queue
        .take_excess(4, |n| *n != 5)
        .into_iter()
        .map(|(_, n)| n)
        .collect();
    assert_eq!(gone, [10, 4, 3, 2]);
    assert_eq!((queue.len(), queue.len_of(&1)), (5, 4));
    assert_eq!(queue.drain(), [20, 0, 30, 1, 5]);
    queue.push(0, 1, 1);
    assert_eq!(queue.take_excess(0, |_| true), []);
}

#[test]
fn a_bulk_line_gets_its_share_of_a_full_queue() {
    let mut queue = queue();
    for line in 0..4_u32 {
        for n in 0..1_000 {
            queue.push(line as usize, 1, line * 10_000 + n);
        }
    }
    let mut served = [0; 4];
    for _ in 0..640 {
        served[(queue.pop().unwrap() / 10_000) as usize] += 1;
    }
    assert!(
        served[1] >= 64 && served[2] >= 30 && served[3] >= 16,
        "{served:?}"
    );
    assert!(served[0] > served[1] + served[2] + served[3]);
}

#[test]
fn joined_items_go_in_the_same_turn_and_the_rest_keeps_its_place() {
    let mut queue = queue();
    for n in 0..6 {
        queue.push(2, 1, n);
    }
    queue.push(2, 2, 10);
    assert!(!queue.is_of_one());
    let even = |first: &u32, next: &u32| match (first % 2 == next % 2, *next) {
        (_, 4) => Joins::Stop,
        (true, _) => Joins::Yes,
        (false, _) => Joins::No,
    };
    assert_eq!(queue.pop_with(even), Some((0, vec![2])));
    assert_eq!((queue.len(), queue.pop()), (5, Some(10)));
    assert!(queue.is_of_one());
    queue.push_front(2, 1, 2);
    assert_eq!(queue.drain(), [2, 1, 3, 4, 5]);
    assert!(!queue.is_of_one());
    queue.push_front(2, 1, 7);
    assert_eq!((queue.len(), queue.pop(), queue.pop()), (1, Some(7), None));
}

proptest! {
    #[test]
    fn fair_queue_loses_nothing_and_keeps_a_tenants_order(
        steps in prop::collection::vec(prop::option::weighted(0.6, (0_usize..4, 0_u8..4)), 0..300)
    ) {
        let mut queue: FairQueue<u8, (usize, u8, u32)> = FairQueue::new(4);
        let (mut pushed, mut popped) = (0, vec![]);
        for step in steps {
            match step {
                Some((line, tenant)) => {
                    queue.push(line, tenant, (line, tenant, pushed));
                    pushed += 1;
                }
                None => popped.extend(queue.pop()),
            }
            prop_assert_eq!(queue.len(), pushed as usize - popped.len());
        }
        while let Some(item) = queue.pop() {
            popped.push(item);
        }
        prop_assert_eq!(popped.len(), pushed as usize);
        for line in 0..4 {
            for tenant in 0..4 {
                let of = popped.iter().filter(|(l, t, _)| (*l, *t) == (line, tenant));
                prop_assert!(of.map(|(_, _, n)| n).is_sorted());
            }
        }
    }

    #[test]
    fn a_waiting_line_is_served_within_its_bound_whatever_else_arrives(
        waiting in 1_usize..4,
        arrivals in prop::collection::vec((0_usize..4, 0_u8..3), 200..400),
    ) {
        let mut queue: FairQueue<u8, usize> = FairQueue::new(4);
        let bound = queue.bound(waiting);
        queue.push(waiting, 0, waiting);
        let mut without = 0;
        for (line, tenant) in arrivals {
            // Somebody above always has something, and the line itself never runs dry.
            queue.push(0, 7, 0);
            queue.push(line, tenant, line);
            queue.push(waiting, 0, waiting);
            without = if queue.pop() == Some(waiting) { 0 } else { without + 1 };
            prop_assert!(without <= bound, "{} times not served", without);
        }
    }

    #[test]
    fn a_tenant_with_k_waiting_is_done_after_k_rounds_of_its_line(
        k in 1_usize..20, others in prop::collection::vec(1_usize..200, 0..6)
    ) {
        let mut queue: FairQueue<u8, bool> = FairQueue::new(1);
        for (tenant, count) in (1..).zip(&others) {
            for _ in 0..*count {
                queue.push(0, tenant, false);
            }
        }
        for _ in 0..k {
            queue.push(0, 0, true);
        }
        let tenants = others.len() + 1;
        let served = (0..k * tenants).filter_map(|_| queue.pop()).filter(|own| *own);
        prop_assert_eq!(served.count(), k);
    }
}
