//! What a notification meets at one point.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::axis::{Axis, Series, shown};
use crate::lane::{Channel, Priority};
use crate::publisher::{Mix, Weights};

/// What a notification meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Setup {
    /// Notifications stored before.
    pub rows: u64,
    /// People.
    pub users: u64,
    /// Tenants.
    pub tenants: u64,
    /// Lanes used.
    pub lanes: u64,
    /// Nodes.
    pub nodes: u64,
}

impl Setup {
    /// What all axes have in common, unless something else is asked for.
    pub const BASE: Self = Self {
        rows: 10_000,
        users: 10_000,
        tenants: 1,
        lanes: 16,
        nodes: 1,
    };

    /// The base with the first point of each of these.
    #[must_use]
    pub fn base(changes: &[Series]) -> Self {
        let first = |series: &Series| Some((series.axis, *series.points.first()?));
        changes
            .iter()
            .filter_map(first)
            .fold(Self::BASE, |base, (axis, point)| base.with(axis, point))
    }

    pub(super) fn with(mut self, axis: Axis, point: u64) -> Self {
        match axis {
            Axis::Rows => self.rows = point,
            Axis::Users => self.users = point,
            Axis::Tenants => self.tenants = point,
            Axis::Lanes => self.lanes = point,
            Axis::Nodes => self.nodes = point,
        }
        // A tenant without people gets no message.
        self.users = self.users.max(self.tenants);
        self
    }

    /// What its database depends on: rows, people, tenants.
    pub(super) fn filling(self) -> String {
        let Self {
            rows,
            users,
            tenants,
            ..
        } = self;
        format!("{rows} {users} {tenants}")
    }

    /// What is published. Up to four lanes are the priorities of mail alone; beyond, there are as
    /// many channels as it takes with four priorities each, the inbox last.
    pub(super) fn mix(self) -> Mix {
        let usual = Mix::default();
        let channels = self.lanes.div_ceil(4).clamp(1, 5);
        let priorities = if self.lanes < 4 { self.lanes } else { 4 };
        let few = |many: u64| usize::try_from(many).unwrap_or(usize::MAX);
        Mix {
            channels: Weights::of(&first(&CHANNELS, few(channels))),
            priorities: Weights::of(&first(&PRIORITIES, few(priorities))),
            users: u32::try_from(self.users).unwrap_or(u32::MAX),
            tenants: u32::try_from(self.tenants).unwrap_or(u32::MAX),
            ..usual
        }
    }
}

impl Series {
    /// The base with each of the points in turn.
    pub fn setups(&self, base: Setup) -> impl Iterator<Item = Setup> {
        self.points
            .iter()
            .map(move |point| base.with(self.axis, *point))
    }
}

/// Every setup of these series once, in the order in which they first appear.
#[must_use]
pub fn setups(series: &[Series], base: Setup) -> Vec<Setup> {
    let mut all = Vec::new();
    for setup in series.iter().flat_map(|series| series.setups(base)) {
        if !all.contains(&setup) {
            all.push(setup);
        }
    }
    all
}

const CHANNELS: [(Channel, u32); 5] = [
    (Channel::Email, 5),
    (Channel::Sms, 2),
    (Channel::Push, 2),
    (Channel::Chat, 1),
    (Channel::InApp, 1),
];
const PRIORITIES: [(Priority, u32); 4] = [
    (Priority::Normal, 5),
    (Priority::High, 2),
    (Priority::Low, 2),
    (Priority::Urgent, 1),
];

fn first<T: Copy + Ord>(all: &[(T, u32)], many: usize) -> BTreeMap<T, u32> {
    all.iter().take(many).copied().collect()
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rows,
            users,
            tenants,
            lanes,
            nodes,
        } = self;
        let (rows, users, tenants) = (shown(*rows), shown(*users), shown(*tenants));
        write!(
            f,
            "{rows} rows, {users} users, {tenants} tenants, {lanes} lanes, {nodes} nodes"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenant_has_somebody() {
        let many = Setup::BASE.with(Axis::Tenants, 50_000);
        assert_eq!((many.tenants, many.users), (50_000, 50_000));
    }

    #[test]
    fn lanes_are_as_many_as_they_say() {
        for lanes in [1, 2, 3, 4, 8, 12, 16, 20] {
            let mix = Setup::BASE.with(Axis::Lanes, lanes).mix();
            let used = mix.channels.all().len() * mix.priorities.all().len();
            assert_eq!(used as u64, lanes);
        }
        // The base publishes what every other measurement publishes.
        let (mix, usual) = (Setup::BASE.mix(), Mix::default());
        let sorted = |weights: &[(Channel, u32)]| {
            let mut all = weights.to_vec();
            all.sort_unstable();
            all
        };
        assert_eq!(sorted(mix.channels.all()), sorted(usual.channels.all()));
    }

    #[test]
    fn what_the_axes_share_is_measured_once() {
        let all = setups(&Series::usual(), Setup::BASE);
        let base = all.iter().filter(|setup| **setup == Setup::BASE).count();
        assert_eq!((all.len(), base), (15, 1));
        for axis in Axis::ALL {
            assert!(Series::usual().iter().any(|series| series.axis == axis));
        }
        assert_eq!(all.iter().map(|setup| setup.users).min(), Some(1_000));
        let many = Setup::base(&["users=1M".parse().unwrap()]);
        let rows: Series = "rows=10k,20k".parse().unwrap();
        assert!(rows.setups(many).all(|setup| setup.users == 1_000_000));
    }
}
