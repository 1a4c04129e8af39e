//! Lives of nodes.

use herald::domain::RunId;

pub(crate) const NODES: usize = 2;

/// One life of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) node: usize,
    pub(crate) life: u32,
}

impl Run {
    pub(crate) fn id(self) -> RunId {
        let (node, life) = (self.node, i32::try_from(self.life).unwrap());
        RunId(life * i32::try_from(NODES).unwrap() + i32::try_from(node).unwrap())
    }
}
