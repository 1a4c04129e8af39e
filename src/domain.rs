//! The words of the business: what a notification is, where it may go, how it may end.
//!
//! Plain data and total functions over it. No clock, no IO, no other room may be used here.

pub mod account;
pub mod address;
pub mod api_key;
pub mod applied;
pub mod attempt;
pub mod cancelling;
pub mod carriage;
pub mod category;
pub mod channel;
pub mod circuit;
pub mod counter;
pub mod domain_event;
pub mod durations;
pub mod fan_out;
pub mod field;
pub mod global_policy;
pub mod inbox;
pub mod inbox_content;
pub mod job_kind;
pub mod job_state;
pub mod key_rate;
pub mod lane;
pub mod language;
pub mod ledger;
pub mod limits;
pub mod mail_end;
pub mod name;
pub(crate) mod nearest;
pub mod network;
mod notification;
pub mod person_link;
pub mod place;
pub mod platform;
pub mod preference;
pub mod priority;
pub mod proof;
pub mod provider_event;
pub mod public_address;
pub mod quiet_text;
mod read_mark;
pub mod reason;
pub mod recipient;
pub mod rejection;
pub mod reply;
pub mod rule;
pub mod run_end;
pub mod sendgrid_key;
pub mod session_token;
pub mod settlement;
pub mod spelling;
pub mod status;
pub mod storable;
pub mod suppression;
pub mod system_event;
pub mod take;
pub mod template_rules;
pub mod tenant;
pub mod text_message;
pub mod timeline;
pub mod topic;
pub mod unique_keys;
pub mod user_token;
pub(crate) mod vocabulary;
pub mod webhook;
pub mod zone;

pub use account::{Account, AccountPause, PauseKind, ProviderKind};
pub use api_key::{ApiAction, ApiKey, ApiKeyError, ApiResource, ApiScope, ApiScopes};
pub use applied::{AppliedKind, ApplyLabel};
pub use attempt::{AttemptRecord, Step};
pub use cancelling::{CancelCount, CancelState};
pub use category::{Category, OnUnknown, OverCap};
pub use channel::Channel;
pub use circuit::CircuitState;
pub use counter::{Counted, Counter};
pub use domain_event::DomainEvent;
pub use durations::DurationHistogram;
pub use global_policy::GlobalPolicy;
pub use inbox::{EVERYBODY, InboxOptions};
pub use inbox_content::InboxContent;
pub use job_kind::JobKind;
pub use job_state::JobState;
pub use key_rate::{KeyPurse, KeyPurseAnswer, KeyRate, RateStanding};
pub use lane::Lane;
pub use language::Language;
pub use ledger::LedgerHour;
pub use mail_end::MailEnd;
pub use network::Network;
pub use notification::{
    Body, Content, ContentHash, KeyHash, Notification, Payload, Source, TemplateCall,
};
pub use person_link::{LinkKey, LinkMaker, PersonLink};
pub use place::{NoPlace, TimePlace};
pub use platform::Platform;
pub use preference::Preference;
pub use priority::Priority;
pub use proof::Proof;
pub use provider_event::{
    DeliveryState, EventBlame, EventMatch, EventMisnaming, EventRefusal, HeardEvent, ProviderEvent,
    ReportedRecipient, Teller, ToldBefore,
};
pub use public_address::AddressGuard;
pub use read_mark::ReadMark;
pub use reason::Reason;
pub use recipient::{Device, Recipient, Target};
pub use rejection::Rejection;
pub use reply::{AccountFault, Certainty, Class, Reply, Subject};
pub use rule::{Rule, RuleVerdict};
pub use run_end::{RunEnd, RunOutcome};
pub use session_token::{SessionToken, SignIn, is_same_proof};
pub use settlement::{AfterStatement, DeadAddress, Settlement, StoredAs, WaitsFor};
pub use status::Status;
pub use suppression::{Suppression, SuppressionReason};
pub use system_event::{Severity, SystemEvent};
pub use take::{Origin, RunId, TakeId};
pub use tenant::TenantRules;
pub use timeline::{Standing, TimelineLine, TimelineRecord, ToldEvent, timeline};
pub use topic::Topic;
pub use user_token::{OwnResource, PersonGrant, PersonGrants, TokenAlgorithm, UserToken};
pub use vocabulary::UnknownWord;
pub use webhook::{
    NewWebhookDelivery, WebhookCatalog, WebhookDeliveryStanding, WebhookDisabledReason,
    WebhookEvent, WebhookEvents, WebhookFilter, WebhookSecret, WebhookUrl,
};
pub use zone::{UnknownZone, Zone};

/// Lower-case hexadecimal digits of bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The tenant that a message without `tenant_id` belongs to; it exists from the first migration.
pub const DEFAULT_TENANT: uuid::Uuid = uuid::uuid!("00000000-0000-7000-8000-000000000001");
