//! What stands round every page: who is signed in, what they look at, where they may go.

use super::assets;
use super::visitor::ConsoleVisitor;
use crate::domain::ApiResource;

/// The frame of a page.
#[derive(Debug, Clone)]
pub(super) struct PageFrame {
    /// The page's title.
    pub(super) title: String,
    /// The path of the style.
    pub(super) css: &'static str,
    /// The path of the script.
    pub(super) js: &'static str,
    /// The path of the icon.
    pub(super) icon: &'static str,
    /// Where to go.
    pub(super) places: Vec<PagePlace>,
    /// The name of the key.
    pub(super) key_name: String,
    /// What they look at.
    pub(super) looks_at: String,
    /// Whether they may choose another tenant.
    pub(super) chooses: bool,
    /// What forms must bring.
    pub(super) proof: String,
    /// What was just done.
    pub(super) done: Option<&'static str>,
}

/// A place in the menu.
#[derive(Debug, Clone, Copy)]
pub(super) struct PagePlace {
    /// Its path.
    pub(super) path: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// Whether it is where they are.
    pub(super) is_here: bool,
}

/// What a place needs.
enum PlaceNeeds {
    Nothing,
    /// Reading this.
    Reading(ApiResource),
    /// The same, of an operator.
    Operator(ApiResource),
    /// The same where the support desk's pages are.
    AtDesk(ApiResource),
    /// The same wherever there are pages at all.
    Anywhere(ApiResource),
}

/// All places, in their order.
const PLACES: &[(&str, &str, PlaceNeeds)] = &[
    ("/console", "Overview", PlaceNeeds::Nothing),
    (
        "/console/find",
        "Find",
        PlaceNeeds::Reading(ApiResource::Notifications),
    ),
    (
        "/console/explain",
        "What would happen?",
        PlaceNeeds::Reading(ApiResource::Notifications),
    ),
    (
        "/console/dead-letters",
        "Dead letters",
        PlaceNeeds::Reading(ApiResource::DeadLetters),
    ),
    (
        "/console/jobs",
        "Jobs",
        PlaceNeeds::Reading(ApiResource::DeadLetters),
    ),
    (
        "/console/rejected",
        "Rejected",
        PlaceNeeds::Operator(ApiResource::DeadLetters),
    ),
    (
        "/console/quarantine",
        "Quarantine",
        PlaceNeeds::Reading(ApiResource::DeadLetters),
    ),
    (
        "/console/topics",
        "Topics",
        PlaceNeeds::Reading(ApiResource::Topics),
    ),
    (
        "/console/fan-outs",
        "Fan-outs",
        PlaceNeeds::Reading(ApiResource::Notifications),
    ),
    (
        "/console/workflows",
        "Workflows",
        PlaceNeeds::Reading(ApiResource::Workflows),
    ),
    (
        "/console/runs",
        "Runs",
        PlaceNeeds::Reading(ApiResource::Workflows),
    ),
    (
        "/console/digests",
        "Open digests",
        PlaceNeeds::Reading(ApiResource::Workflows),
    ),
    (
        "/console/tickets",
        "Support desk",
        PlaceNeeds::AtDesk(ApiResource::Tickets),
    ),
    (
        "/console/accounts",
        "Accounts",
        PlaceNeeds::Operator(ApiResource::Providers),
    ),
    (
        "/console/templates",
        "Templates",
        PlaceNeeds::Reading(ApiResource::Templates),
    ),
    (
        "/console/webhooks",
        "Webhooks",
        PlaceNeeds::Reading(ApiResource::Webhooks),
    ),
    (
        "/console/events",
        "Events",
        PlaceNeeds::Anywhere(ApiResource::SystemEvents),
    ),
    (
        "/console/suppressions",
        "Suppressions",
        PlaceNeeds::Reading(ApiResource::Suppressions),
    ),
    (
        "/console/keys",
        "Keys",
        PlaceNeeds::Anywhere(ApiResource::ApiKeys),
    ),
    (
        "/console/audit",
        "Audit log",
        PlaceNeeds::Anywhere(ApiResource::AuditLogs),
    ),
];

/// What may have been done, by its word in the address of a page.
const DEEDS: &[(&str, &str)] = &[
    ("signed-out", "You are signed out."),
    ("cancelled", "It is cancelled, and will not be sent."),
    ("paused", "It is stopped."),
    ("resumed", "It goes on."),
    ("lifted", "The address is no longer on the list."),
    ("revoked", "The key opens nothing any more."),
    ("key_changed", "The key is changed."),
    ("replayed", "It is on its way again."),
    ("changed", "It is changed, on every node in a moment."),
    (
        "suppressed",
        "The address is on the list: nothing is sent to it.",
    ),
    (
        "tried",
        "Something is sent to try it: look at what it answers below, in a moment.",
    ),
    (
        "enabled",
        "It is switched on: it is told what happens from now on.",
    ),
    ("disabled", "It is switched off: nothing is sent to it."),
    ("preferred", "What they want is stored."),
    ("stored", "The outcome is stored."),
    (
        "superseded",
        "Somebody else has settled the notification meanwhile; that stands.",
    ),
    ("resolved", "It is dealt with."),
    (
        "replied",
        "The answer is written, and the requester is told.",
    ),
    ("noted", "The note is written; it is for staff alone."),
    ("moved", "The ticket is moved."),
    ("assigned", "The ticket is given."),
    ("escalated", "The ticket is brought to the next level."),
    ("hired", "What is said of them is stored."),
    (
        "dismissed",
        "They are no longer of the staff; their tickets stay theirs.",
    ),
    (
        "ruled",
        "The rules are stored; the due times of their tickets follow.",
    ),
    (
        "unruled",
        "The rules are gone; their tickets have no targets.",
    ),
    ("chosen", "You look at another tenant now."),
];

impl PageFrame {
    /// The frame of a page at a place.
    pub(super) fn new(visitor: &ConsoleVisitor, title: impl Into<String>, here: &str) -> Self {
        let pages = visitor.pages();
        let needs = |needs: &PlaceNeeds| match needs {
            PlaceNeeds::Nothing => pages.engine,
            PlaceNeeds::Reading(resource) => pages.engine && visitor.reads(*resource),
            PlaceNeeds::Operator(resource) => {
                pages.engine && visitor.is_operator() && visitor.reads(*resource)
            }
            PlaceNeeds::AtDesk(resource) => pages.desk && visitor.reads(*resource),
            PlaceNeeds::Anywhere(resource) => visitor.reads(*resource),
        };
        let places = PLACES.iter().filter(|(.., needed)| needs(needed));
        let places = places.map(|(path, name, _)| PagePlace {
            path,
            name,
            is_here: *path == here,
        });
        let looks_at = match (visitor.tenant_id(), visitor.tenant_name()) {
            (None, _) => "all tenants".to_owned(),
            (Some(_), Some(name)) => name.to_owned(),
            (Some(id), None) => id.to_string(),
        };
        Self {
            title: title.into(),
            css: assets::css(),
            js: assets::js(),
            icon: assets::icon(),
            places: places.collect(),
            key_name: visitor.key_name().to_owned(),
            looks_at,
            chooses: visitor.is_operator(),
            proof: visitor.form_proof(),
            done: None,
        }
    }

    /// The same with what was just done, by its word.
    pub(super) fn after(mut self, word: &str) -> Self {
        let found = DEEDS.iter().find(|(known, _)| *known == word);
        self.done = found.map(|(_, says)| *says);
        self
    }
}
