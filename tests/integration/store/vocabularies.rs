//! The words of the `CHECK` constraints are the words of the domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use herald::domain::{
    Channel, EventBlame, EventMatch, EventMisnaming, JobKind, JobState, OnUnknown, OverCap,
    PauseKind, Platform, Priority, ProviderEvent, ProviderKind, Reason, RunEnd, Severity, Status,
    SuppressionReason, TokenAlgorithm, WebhookDisabledReason,
};
use herald::tickets::domain::{StaffRole, TicketDeed, TicketPriority, TicketStatus};

use crate::database::{TestDatabase, lines};

fn words<T: Display>(all: &[T]) -> BTreeSet<String> {
    all.iter().map(ToString::to_string).collect()
}

fn failures() -> BTreeSet<String> {
    let failed = Reason::ALL
        .iter()
        .filter(|reason| reason.status() == Status::Failed);
    failed.map(ToString::to_string).collect()
}

/// The column's words, by table and column. Those at the end have no enum: one speaks of weekdays,
/// which are jiff's, the other is a column that only SQL names.
fn known(table: &str, column: &str) -> Option<BTreeSet<String>> {
    Some(match (table, column) {
        ("support_tickets" | "ticket_tally", "status") => words(TicketStatus::ALL),
        ("support_tickets" | "service_targets", "priority") => words(TicketPriority::ALL),
        ("staff", "role") => words(StaffRole::ALL),
        ("ticket_history", "deed") => words(TicketDeed::ALL),
        ("provider_configs", "kind") => words(ProviderKind::ALL),
        ("provider_pauses", "kind") => words(PauseKind::ALL),
        ("provider_health", "state") => words(herald::domain::CircuitState::ALL),
        (_, "channel" | "message_type") => words(Channel::ALL),
        (_, "priority") => words(Priority::ALL),
        ("notifications", "status") => words(Status::ALL),
        ("notifications", "reason") => words(Reason::ALL),
        ("suppressions", "reason") => words(SuppressionReason::ALL),
        ("notification_dlq", "failure_reason") => failures(),
        ("categories", "over_cap") => words(OverCap::ALL),
        ("categories", "on_unknown") => words(OnUnknown::ALL),
        ("notification_webhooks", "disabled_reason") => words(WebhookDisabledReason::ALL),
        ("user_devices", "platform") => words(Platform::ALL),
        ("applied_entries", "kind") => words(herald::domain::AppliedKind::ALL),
        ("jobs", "kind") => words(JobKind::ALL),
        ("jobs", "state") => words(JobState::ALL),
        ("workflows", "state") => words(&["draft", "published", "retired"]),
        ("workflow_runs", "status") => words(&["waiting", "finished", "failed", "cancelled"]),
        ("workflow_runs", "reason") => words(RunEnd::ALL),
        ("token_keys", "algorithm") => words(TokenAlgorithm::ALL),
        ("email_logs", "event") => words(ProviderEvent::ALL),
        ("email_logs", "matched_by") => words(EventMatch::ALL),
        ("email_logs", "blame") => words(EventBlame::ALL),
        ("email_logs", "misnamed") => words(EventMisnaming::ALL),
        ("admin_system_events", "severity") => words(Severity::ALL),
        ("notification_preferences", "quiet_hours_days") => {
            words(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
        }
        ("rate_limits", "limit_type") => words(&["api", "notification"]),
        _ => return None,
    })
}

/// `table column definition` of every check that lists words.
const CHECKS: &str = "
    SELECT relname || ' ' || attname || ' ' || pg_get_constraintdef(pg_constraint.oid) AS text
    FROM pg_constraint
    JOIN pg_class ON pg_class.oid = conrelid
    JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    WHERE contype = 'c' AND connamespace::regnamespace::text IN ('notification_schema', 'ticket_schema')
      AND pg_get_constraintdef(pg_constraint.oid) LIKE '%ARRAY[%' AND NOT relispartition";

#[tokio::test]
async fn every_check_lists_the_words_of_its_enum() {
    let database = TestDatabase::create().await;
    let mut seen = BTreeMap::new();
    for check in lines(&mut database.owner().await, CHECKS).await {
        let mut parts = check.splitn(3, ' ');
        let (table, column) = (parts.next().unwrap(), parts.next().unwrap());
        let listed: BTreeSet<String> = parts
            .next()
            .unwrap()
            .split('\'')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        let known = known(table, column);
        assert_eq!(
            Some(&listed),
            known.as_ref(),
            "the words of {table}.{column}"
        );
        seen.insert(format!("{table}.{column}"), listed);
    }
    // Six of them have the channel alone.
    assert!(seen.len() >= 20, "checks were found: {:?}", seen.keys());
}
