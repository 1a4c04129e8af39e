//! Which runs are meant by whoever ends them.

use uuid::Uuid;

/// What `cancel_on` ends: the waiting runs of a version that are about this, of events that were accepted earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOnOrder {
    /// The event that ends them.
    pub event_id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The workflow's name.
    pub workflow: String,
    /// The version.
    pub workflow_id: Uuid,
    /// What they are about.
    pub key: String,
}

/// Which runs are meant; of a tenant always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunsMeant {
    /// One.
    Run(Uuid),
    /// Those that are about something: of a workflow, or of all.
    Key(Option<String>, String),
    /// Those of an event, which is left out of digests.
    Event(Uuid),
    /// A person's.
    Person(Uuid),
}
