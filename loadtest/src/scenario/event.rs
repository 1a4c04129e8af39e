//! What happens during a run.

use serde::Deserialize;

use super::ByProvider;
use crate::simulator::Behaviour;

/// One thing that happens at a time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When: seconds after the load begins, or after the engine starts when some of it was published
    /// before.
    pub at_seconds: f64,
    /// Seconds after this phase begins instead.
    pub phase: Option<String>,
    /// What the page says about it; absent: what is done, in words.
    pub label: Option<String>,
    /// Kill this node (SIGKILL).
    pub kill: Option<String>,
    /// Ask this node to end (SIGTERM).
    pub stop: Option<String>,
    /// Start a node of this name.
    pub start: Option<String>,
    /// From now on these simulators behave so.
    #[serde(default)]
    pub behave: ByProvider<Behaviour>,
}

impl Event {
    /// The nodes that it names.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &String> {
        [&self.kill, &self.stop, &self.start].into_iter().flatten()
    }

    /// What it does, in words.
    #[must_use]
    pub fn words(&self) -> String {
        if let Some(label) = &self.label {
            return label.clone();
        }
        let names: Vec<_> = self
            .behave
            .iter()
            .map(|(provider, _)| provider.name())
            .collect();
        let deeds = [
            self.kill.as_ref().map(|node| format!("{node} is killed")),
            self.stop
                .as_ref()
                .map(|node| format!("{node} is asked to end")),
            self.start.as_ref().map(|node| format!("{node} is started")),
            (!names.is_empty()).then(|| format!("{} behaves differently", names.join(", "))),
        ];
        deeds.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
