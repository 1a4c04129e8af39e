//! What the HTTP API may see of the engine.

mod accept_desk;
mod aside_desk;
mod cancel_desk;
mod category_desk;
mod choices;
mod desk;
mod event_desk;
mod explain_desk;
mod fan_out_desk;
mod hook_desk;
mod inbox_desk;
mod key_desk;
mod letter_desk;
mod link_desk;
mod notification_desk;
mod overview_desk;
mod people_desk;
mod provider_desk;
mod quarantine_desk;
mod run_desk;
mod session_desk;
mod simulation_desk;
mod stream_desk;
mod suppression_desk;
mod template_desk;
mod tenant_desk;
mod token_desk;
mod topic_desk;
mod watch_desk;
mod webhook_desk;
mod webhook_replays;
mod workflow_desk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use accept_desk::{AcceptDesk, BodyRoom, SaidBeside};
pub use aside_desk::{AsideDesk, publish_rejected_again};
pub use cancel_desk::{CancelDesk, CancelMeant, KeyMeant};
pub use category_desk::CategoryDesk;
pub use choices::{ShownChannelChoice, ShownChoice, ShownChoices, ShownQuietHours};
pub use desk::{Desk, DeskError};
pub use event_desk::{EventDesk, EventDoor};
pub use explain_desk::{ExplainDesk, ExplainedOrder};
pub use fan_out_desk::{FanOutAsked, FanOutDesk, FanOutDeskError, FanOutMeant};
pub use hook_desk::{AdmittedCall, HookDesk, HookError};
pub use inbox_desk::{InboxDesk, InboxList};
pub use key_desk::{KeyDesk, KeyOrder, ShownKey};
pub use letter_desk::{LetterDesk, ReplayPreview};
pub use link_desk::{LinkDesk, LinkDeskError, PageDeed, PageVisitor, PersonPageAnswer};
pub use notification_desk::{
    ListPart, NotificationDesk, NotificationOf, NotificationPage, ReadContent, RenderedFrom,
};
pub use overview_desk::{OverviewAsked, OverviewDesk, OverviewLook};
pub use people_desk::{
    ChosenChange, ExportParts, PeopleDesk, PersonOf, PersonOrder, PersonPut, erase_person,
    export_person, find_person, shown_preference,
};
pub use provider_desk::{
    ProviderChange, ProviderDesk, ProviderDeskError, ShownProvider, ShownProviderHealth,
    ShownProviderTest,
};
pub use quarantine_desk::QuarantineDesk;
pub use run_desk::RunDesk;
pub use session_desk::{SessionDesk, SessionRules, SignedIn};
pub use simulation_desk::SimulationDesk;
pub use stream_desk::{StreamDesk, StreamDeskError};
pub use suppression_desk::SuppressionDesk;
pub use template_desk::{
    AskedPreview, ListedTemplateLine, LocalTemplate, ShownPreview, ShownPublication,
    ShownTemplateUser, ShownTemplateVersion, ShownTemplates, ShownTexts, TemplateDesk,
    TemplateDeskError,
};
pub use tenant_desk::{TenantDesk, TenantOrder};
pub use token_desk::{OrderedMaterial, ShownTokenKey, TokenDesk, TokenKeyOrder, TokenOrder};
pub use topic_desk::{SubscriberChanges, TopicDesk};
pub use watch_desk::WatchDesk;
pub use webhook_desk::{PlannedReplay, WebhookDesk, WebhookDeskError, WebhookOf};
pub use webhook_replays::StoredReplay;

pub use workflow_desk::{WorkflowDesk, WorkflowDeskError};

pub use crate::broker::cloud_event::EventDraft;
pub use crate::broker::envelope::{EnvelopeMistake, Refusal, TWO_KEYS};
pub use crate::broker::set_aside::{AsideLook, AsideMessage};
pub use crate::cache::api_keys::{ApiCaller, KeyRefusal};
pub use crate::cache::key_rates::PaidRequest;
pub use crate::cache::user_tokens::{TokenBearer, TokenRefusal};
use crate::domain::MailEnd;
pub use crate::ops::explain::ShownExplanation;
pub use crate::ops::inbox_streams::{
    InboxSubscription, StreamEnd, StreamEvent, StreamOrder, StreamRefusal, StreamStep,
};
pub use crate::ops::replay::{ReplayFate, Skip};
pub use crate::ops::simulate::{SimulatedTraffic, SimulationReport, preference_of};
pub use crate::ops::trials::{DryRun, WorkflowComparison};
pub use crate::pipeline::accept::{AcceptAnswer, AcceptOrder, AcceptedNotification, NotAccepted};
pub use crate::policy::what_if::ChangedRules;
pub use crate::providers::events::EventHead;
use crate::runtime::{Health, Pulse, Shutdown};
pub use crate::store::accounts::AccountFields;
pub use crate::store::api_keys::StoredApiKey;
pub use crate::store::audit::DoneBy;
pub use crate::store::audit::trail::{AuditFilter, StoredAudit};
pub use crate::store::cancel::SourceMeant;
pub use crate::store::dead_letters::{DeadLetter, LetterFilter};
pub use crate::store::devices::StoredDevice;
pub use crate::store::events::desk::StoredDomainEvent;
pub use crate::store::inbox::InboxEntry;
pub use crate::store::jobs::going_on::JobResult;
pub use crate::store::jobs::{JobOrder, StoredJob};
pub use crate::store::metrics::hours::{HourFigures, HoursAsked};
pub use crate::store::notifications::{NotificationFilter, StoredNotification, WholeNotification};
pub use crate::store::overview::standing::{LaneStanding, NodeStanding};
pub use crate::store::overview::{AccountStanding, LaneBacklog, MOST_COUNTED, MinuteFigures};
pub use crate::store::preferences::PreferenceFields;
pub use crate::store::provider_events::listing::{
    EventLook, ProviderEventFilter, StoredProviderEvent,
};
pub use crate::store::quarantine::{OutcomeReplay, Quarantined};
pub use crate::store::recipients::RecipientFields;
pub use crate::store::recipients::desk::{PersonFilter, StoredPerson};
pub use crate::store::runs::RunLine;
pub use crate::store::runs::cancel::{RunsCancelled, RunsMeant};
pub use crate::store::runs::desk::{RunFilter, StoredRun};
pub use crate::store::runs::digests::open::OpenDigest;
pub use crate::store::suppressions::desk::StoredSuppression;
pub use crate::store::system_events::told::{EventFilter, StoredEvent};
pub use crate::store::templates::TemplateFields;
pub use crate::store::templates::desk::TemplateOf;
pub use crate::store::tenants::StoredTenant;
pub use crate::store::token_keys::StoredTokenKey;
pub use crate::store::topics::StoredTopic;
pub use crate::store::topics::subscribers::{StoredSubscriber, Subscriber};
pub use crate::store::webhooks::StoredWebhook;
pub use crate::store::webhooks::desk::WebhookFields;
pub use crate::store::webhooks::history::StoredDelivery;
pub use crate::store::webhooks::replays::ReplayWindow;
pub use crate::store::workflows::StoredWorkflow;
use crate::telemetry::Metrics;
pub use crate::templates::person_page::{PageDone, PageNotice, content_policy};

/// The engine as seen from outside.
#[derive(Debug, Clone)]
pub struct Control {
    health: Health,
    pulse: Pulse,
    metrics: Arc<Metrics>,
    stop: Shutdown,
}

/// Whether the engine takes work, and what ails it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessReport {
    /// Whether it does.
    pub ready: bool,
    /// Every part; `None` when it works, else what ails it.
    pub parts: BTreeMap<String, Option<String>>,
}

/// All desks, as the HTTP API sees them.
#[derive(Debug, Clone)]
pub struct Desks {
    /// The engine itself.
    pub control: Control,
    /// Accepts notifications.
    pub accept: AcceptDesk,
    /// Says what would become of notifications.
    pub explaining: ExplainDesk,
    /// Notifications, cancelled.
    pub cancelling: CancelDesk,
    /// What providers tell later.
    pub hooks: HookDesk,
    /// People's inboxes.
    pub inbox: InboxDesk,
    /// API keys.
    pub keys: KeyDesk,
    /// Accounts at providers.
    pub providers: ProviderDesk,
    /// Dead letters, and jobs about them.
    pub letters: LetterDesk,
    /// What operators look at.
    pub watch: WatchDesk,
    /// Notifications, looked at.
    pub notifications: NotificationDesk,
    /// Webhooks.
    pub webhooks: WebhookDesk,
    /// People.
    pub people: PeopleDesk,
    /// People's own pages.
    pub links: LinkDesk,
    /// Addresses that nothing is sent to.
    pub suppressions: SuppressionDesk,
    /// Categories.
    pub categories: CategoryDesk,
    /// Templates.
    pub templates: TemplateDesk,
    /// Tenants.
    pub tenants: TenantDesk,
    /// Topics.
    pub topics: TopicDesk,
    /// Rules that are tried on what has come in.
    pub simulations: SimulationDesk,
    /// What is sent to topics.
    pub fan_outs: FanOutDesk,
    /// Events of other systems.
    pub events: EventDesk,
    /// Workflows.
    pub workflows: WorkflowDesk,
    /// Runs of workflows.
    pub runs: RunDesk,
    /// Streams of people's inboxes.
    pub streams: StreamDesk,
    /// User tokens, and the keys that sign them.
    pub tokens: TokenDesk,
    /// What operators look at first.
    pub overview: OverviewDesk,
    /// What could not be accepted.
    pub aside: AsideDesk,
    /// Outcomes that the database refused.
    pub quarantine: QuarantineDesk,
    /// Operators who are signed in to the console.
    pub sessions: SessionDesk,
}

impl Control {
    /// The control of an engine.
    #[must_use]
    pub const fn new(health: Health, pulse: Pulse, metrics: Arc<Metrics>, stop: Shutdown) -> Self {
        Self {
            health,
            pulse,
            metrics,
            stop,
        }
    }

    /// Which parts of the process stand still, and since when.
    #[must_use]
    pub fn still(&self) -> BTreeMap<&'static str, Duration> {
        self.pulse.still()
    }

    /// Whether the engine takes work. It no longer does while it shuts down.
    #[must_use]
    pub fn readiness(&self) -> ReadinessReport {
        let stopping = self.stop.is_raised();
        let mut parts = self.health.parts();
        if stopping {
            parts.insert("engine".to_owned(), Some("shutting down".to_owned()));
        }
        ReadinessReport {
            ready: !stopping && self.health.is_ready(),
            parts,
        }
    }

    /// Counts a mail that was handed over to the support desk.
    pub fn count_mail(&self, end: MailEnd) {
        self.metrics.mail_taken(end);
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.metrics.render()
    }
}
