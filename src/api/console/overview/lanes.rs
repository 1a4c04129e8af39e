//! Lanes as they are shown: what waits in RabbitMQ, what is in hand, what waits in the database.

use std::collections::BTreeMap;

use crate::api::console::figures::{counted, whole};
use crate::domain::Lane;
use crate::ops::control::{LaneBacklog, LaneStanding, MOST_COUNTED, NodeStanding};

/// A lane of all nodes together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownLane {
    /// Its name.
    pub(super) name: String,
    /// What waits in RabbitMQ; empty when nobody knows.
    pub(super) queued: String,
    /// What nodes have in hand.
    pub(super) in_hand: String,
    /// What waits in the database.
    pub(super) waiting: String,
    /// Why, the most frequent reason first.
    pub(super) reasons: String,
    /// Nodes on which it is paused, of how many; empty when it is on none.
    pub(super) paused: String,
}

/// Lanes in which anything is, and those that are paused.
pub(super) fn lanes(nodes: &[NodeStanding], backlog: &[LaneBacklog]) -> Vec<ShownLane> {
    Lane::all()
        .filter_map(|lane| shown(lane, nodes, backlog))
        .collect()
}

fn shown(lane: Lane, nodes: &[NodeStanding], backlog: &[LaneBacklog]) -> Option<ShownLane> {
    let standings = nodes.iter().filter(|node| node.is_alive);
    let standings = standings.flat_map(|node| node.lanes.iter().filter(|it| it.lane == lane));
    let standings: Vec<&LaneStanding> = standings.collect();
    let in_hand: u64 = standings.iter().map(|it| it.in_hand).sum();
    let paused = standings.iter().filter(|it| it.is_paused).count();
    let queued = standings.iter().filter_map(|it| it.queued).max();
    let here = |it: &&LaneBacklog| {
        it.channel == lane.channel.as_str() && it.priority == lane.priority.as_str()
    };
    let mut reasons: BTreeMap<&str, i64> = BTreeMap::new();
    for it in backlog.iter().filter(here) {
        let reason = it.reason.as_deref().unwrap_or("just accepted");
        *reasons.entry(reason).or_default() += it.count;
    }
    let waiting: i64 = reasons.values().sum();
    if in_hand == 0 && paused == 0 && queued.unwrap_or(0) == 0 && waiting == 0 {
        return None;
    }
    let mut reasons: Vec<(&str, i64)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words = reasons.into_iter();
    let words = words.map(|(reason, count)| format!("{reason}: {}", counted(count, MOST_COUNTED)));
    let paused = match paused {
        0 => String::new(),
        some if some == standings.len() => "paused".to_owned(),
        some => format!("paused on {some} of {} nodes", standings.len()),
    };
    Some(ShownLane {
        name: lane.to_string(),
        queued: queued.map(whole).unwrap_or_default(),
        in_hand: whole(in_hand),
        waiting: counted(waiting, MOST_COUNTED),
        reasons: words.collect::<Vec<_>>().join(", "),
        paused,
    })
}
