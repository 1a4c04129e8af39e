//! An explanation as it is shown, by HTTP and by `herald explain`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::ExplainedTemplate;
use crate::domain::{Content, Reason, RuleVerdict, Status};
use crate::policy::RuleSource;

/// What would become of a notification if it were accepted now, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub struct ShownExplanation {
    /// `deliver`, `defer`, `cancel`, `fail`; `duplicate` when its key is known; `rejected` (on the command line
    /// alone: by HTTP it is a problem).
    #[schema(example = "defer")]
    pub outcome: &'static str,
    /// In a sentence.
    #[schema(example = "It would wait until 2026-11-30T07:00:00Z: quiet_hours.")]
    pub says: String,
    /// Where the notification would stand.
    #[schema(value_type = Option<String>, example = "pending")]
    pub status: Option<Status>,
    /// Why it would stand there.
    #[schema(example = "quiet_hours")]
    pub reason: Option<String>,
    /// Until when it would wait.
    pub until: Option<Timestamp>,
    /// What `POST /v1/notifications` would answer; null where that is a problem.
    pub accept: Option<ShownAcceptance>,
    /// The notification that came first with its key.
    pub of: Option<Uuid>,
    /// What is wrong with one that is rejected.
    pub detail: Option<String>,
    /// Every rule, in the order in which the engine asks them.
    pub rules: Vec<ShownRule>,
    /// Every account of the channel: those that would be asked in their order, then the others.
    pub route: Vec<ShownRouteAccount>,
    /// The names of the accounts that would be asked, in their order.
    pub through: Vec<String>,
    /// How many addresses it would go to.
    pub addresses: usize,
    /// The template that it would be made of.
    pub template: Option<ExplainedTemplate>,
    /// What would be sent.
    #[schema(value_type = Option<Object>)]
    pub content: Option<Content>,
    /// Why there is no content.
    pub render_error: Option<String>,
    /// What a text message would be cut into.
    pub segments: Option<ShownSegments>,
}

/// What accepting would answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ExplainedAcceptance)]
pub struct ShownAcceptance {
    /// The status of the answer.
    #[schema(example = 202)]
    pub status: u16,
    /// The code of its problem.
    pub code: Option<&'static str>,
    /// Whether nothing new would be accepted: `Idempotent-Replayed`.
    pub replayed: bool,
}

/// What a rule says.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ExplainedRule)]
pub struct ShownRule {
    /// Which rule.
    #[schema(example = "quiet_hours")]
    pub rule: &'static str,
    /// `passes`, `decides` (the first that objects: its word holds), `would_also`, `not_asked`.
    #[schema(value_type = String, example = "decides")]
    pub verdict: RuleVerdict,
    /// What would become of the notification by this rule alone, when it objects.
    pub outcome: Option<ShownRuleOutcome>,
    /// Until when it would wait.
    pub until: Option<Timestamp>,
    /// One sentence.
    pub says: String,
    /// The row or setting by which it says so: `kind` is `message`, `user`, `preference`, `category`, `suppression`,
    /// `template`, `setting`, `provider`, `pause`, `rate_limit` or `circuit`; the rest names it.
    #[schema(value_type = Option<Object>, example = json!({
        "kind": "preference", "of": "person", "channel": "email", "category": null, "field": "quiet_hours_start"
    }))]
    pub said_by: Option<RuleSource>,
    /// What else it rests on.
    #[schema(value_type = Vec<Object>)]
    pub beside: Vec<RuleSource>,
    /// What would change it, when it objects.
    pub would_change: Option<String>,
    /// What it looked at; never an address.
    #[schema(value_type = Object)]
    pub inputs: Map<String, Value>,
}

/// What would become of a notification by one rule.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = ExplainedRuleOutcome)]
pub struct ShownRuleOutcome {
    /// Where it would stand.
    #[schema(value_type = String, example = "pending")]
    pub status: Status,
    /// Why.
    #[schema(value_type = String, example = "quiet_hours")]
    pub reason: Reason,
}

/// How an account stands to a notification.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ExplainedAccount)]
pub struct ShownRouteAccount {
    /// Its name.
    pub name: String,
    /// Its place on the route, from 1; null is not asked.
    pub place: Option<usize>,
    /// Why it is out, whatever the message says: `kind` is `pause`, `provider` (switched off), `circuit` or
    /// `rate_limit`.
    #[schema(value_type = Option<Object>)]
    pub out: Option<RuleSource>,
    /// That in words.
    pub says: String,
    /// Higher is asked first.
    pub priority: i32,
    /// Share among accounts of equal priority.
    pub weight: u32,
    /// Requests a minute; null is unlimited.
    pub rate_limit: Option<u32>,
    /// When its limit has room again: what is sent to it before waits there.
    pub limited_until: Option<Timestamp>,
}

/// What a text message would be cut into.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = TextSegments)]
pub struct ShownSegments {
    /// The coding.
    #[schema(example = "GSM-7")]
    pub coding: &'static str,
    /// Places that its characters take.
    pub places: usize,
    /// How many segments.
    pub count: usize,
}
