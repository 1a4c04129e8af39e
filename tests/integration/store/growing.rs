//! Every table that there is, and what keeps it small: a table that nobody thought of fails the first test.

use std::collections::BTreeMap;

use crate::database::{TestDatabase, lines};

/// What keeps a table small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// A row each of something that people make and remove, or that there are few of.
    Made,
    /// Removed by the chores of a node, or with what it belongs to.
    Trimmed,
    /// With the month of its notification (`retention.months`).
    Month,
    /// Kept until an operator removes it: the page says how.
    Kept,
}

const KNOWN: &[(&str, Bound)] = &[
    ("notification_schema.admin_system_events", Bound::Trimmed),
    ("notification_schema.api_key_rates", Bound::Made),
    ("notification_schema.api_keys", Bound::Made),
    ("notification_schema.applied_entries", Bound::Made),
    ("notification_schema.audit_logs", Bound::Kept),
    ("notification_schema.categories", Bound::Made),
    ("notification_schema.console_sessions", Bound::Trimmed),
    ("notification_schema.counted_hours", Bound::Trimmed),
    ("notification_schema.deleted_users", Bound::Kept),
    ("notification_schema.delivery_minutes", Bound::Trimmed),
    ("notification_schema.digest_items", Bound::Trimmed),
    ("notification_schema.digests", Bound::Trimmed),
    ("notification_schema.email_logs", Bound::Month),
    ("notification_schema.engine_nodes", Bound::Trimmed),
    ("notification_schema.events", Bound::Trimmed),
    ("notification_schema.frequency_counts", Bound::Trimmed),
    ("notification_schema.inbox_broadcasts", Bound::Trimmed),
    ("notification_schema.inbox_items", Bound::Trimmed),
    ("notification_schema.inbox_readers", Bound::Made),
    ("notification_schema.inbox_tenants", Bound::Made),
    ("notification_schema.intake", Bound::Trimmed),
    ("notification_schema.job_results", Bound::Trimmed),
    ("notification_schema.jobs", Bound::Trimmed),
    ("notification_schema.ledger_hours", Bound::Trimmed),
    ("notification_schema.link_keys", Bound::Made),
    ("notification_schema.node_standings", Bound::Trimmed),
    (
        "notification_schema.notification_deduplication",
        Bound::Trimmed,
    ),
    ("notification_schema.notification_dlq", Bound::Month),
    ("notification_schema.notification_metrics", Bound::Trimmed),
    ("notification_schema.notification_preferences", Bound::Made),
    (
        "notification_schema.notification_quarantine",
        Bound::Trimmed,
    ),
    ("notification_schema.notification_templates", Bound::Made),
    ("notification_schema.notification_webhooks", Bound::Made),
    ("notification_schema.notifications", Bound::Month),
    ("notification_schema.provider_configs", Bound::Made),
    ("notification_schema.provider_health", Bound::Trimmed),
    ("notification_schema.provider_pauses", Bound::Trimmed),
    ("notification_schema.provider_rates", Bound::Made),
    ("notification_schema.rate_limits", Bound::Made),
    ("notification_schema.redaction_turn", Bound::Made),
    ("notification_schema.redaction_waits", Bound::Trimmed),
    ("notification_schema.rollup_batches", Bound::Trimmed),
    ("notification_schema.run_cancellations", Bound::Trimmed),
    ("notification_schema.status_outbox", Bound::Trimmed),
    ("notification_schema.status_turn", Bound::Made),
    ("notification_schema.suppressions", Bound::Made),
    ("notification_schema.template_drafts", Bound::Made),
    ("notification_schema.tenants", Bound::Made),
    ("notification_schema.throttles", Bound::Trimmed),
    ("notification_schema.token_keys", Bound::Made),
    ("notification_schema.topic_subscribers", Bound::Made),
    ("notification_schema.topics", Bound::Made),
    ("notification_schema.user_devices", Bound::Made),
    ("notification_schema.users", Bound::Made),
    ("notification_schema.webhook_deliveries", Bound::Month),
    ("notification_schema.wish_changes", Bound::Trimmed),
    ("notification_schema.workflow_runs", Bound::Trimmed),
    ("notification_schema.workflows", Bound::Made),
    ("ticket_schema.category_assignments", Bound::Made),
    ("ticket_schema.clock_recounts", Bound::Trimmed),
    ("ticket_schema.desk_changes", Bound::Kept),
    ("ticket_schema.loose_objects", Bound::Trimmed),
    ("ticket_schema.outbox", Bound::Trimmed),
    ("ticket_schema.received_mails", Bound::Trimmed),
    ("ticket_schema.service_holidays", Bound::Made),
    ("ticket_schema.service_hours", Bound::Made),
    ("ticket_schema.service_targets", Bound::Made),
    ("ticket_schema.staff", Bound::Made),
    ("ticket_schema.support_tickets", Bound::Kept),
    ("ticket_schema.ticket_attachments", Bound::Kept),
    ("ticket_schema.ticket_calls", Bound::Trimmed),
    ("ticket_schema.ticket_categories", Bound::Made),
    ("ticket_schema.ticket_comments", Bound::Kept),
    ("ticket_schema.ticket_history", Bound::Kept),
    ("ticket_schema.ticket_numbers", Bound::Made),
    ("ticket_schema.ticket_tally", Bound::Trimmed),
];

#[tokio::test]
async fn every_table_is_known_with_what_keeps_it_small() {
    let database = TestDatabase::create().await;
    let tables = "SELECT n.nspname || '.' || c.relname AS text
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND n.nspname IN ('notification_schema', 'ticket_schema')";
    let mut there = lines(&mut database.owner().await, tables).await;
    there.sort();
    let known: BTreeMap<&str, Bound> = KNOWN.iter().copied().collect();
    let known: Vec<&str> = known.into_keys().collect();
    assert_eq!(there, known);
}

/// What stays until somebody removes it is said to operators, and so is what a month takes along.
#[test]
fn what_only_an_operator_removes_is_on_the_page() {
    let page = std::fs::read_to_string("docs/operations.md").unwrap();
    let section = page
        .split("## Partitions and retention")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next())
        .unwrap();
    let unsaid: Vec<&str> = KNOWN
        .iter()
        .filter(|(_, bound)| matches!(bound, Bound::Kept | Bound::Month))
        .filter_map(|(table, _)| table.split('.').nth(1))
        .filter(|table| !section.contains(&format!("`{table}`")))
        .collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

/// Tables of millions of rows, on which a delivery writes.
const LARGE: &[&str] = &[
    "notifications",
    "notification_deduplication",
    "notification_dlq",
    "email_logs",
    "webhook_deliveries",
    "inbox_items",
    "audit_logs",
];
/// Those of which 0.1.0 may have millions of rows: nothing wrote to the others.
const LARGE_IN_RELEASE: usize = 3;
/// The last migration of 0.1.0, and the last one of which the others were not asked.
const RELEASED: &str = "2026-11-29-000600";
const ASKED_OF_ALL: &str = "2026-11-30-001651";

/// A statement that reads all rows of a large table under a lock which keeps writers out.
fn holds_writers_up(statement: &str, large: &[&str]) -> bool {
    let words: Vec<String> = statement
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty() && *word != "notification_schema")
        .map(str::to_lowercase)
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let after = |word: &str| {
        words
            .iter()
            .position(|it| *it == word)
            .map(|at| &words[at + 1..])
    };
    let table = match words.first() {
        Some(&"create") if words.iter().take(3).any(|word| *word == "index") => after("on"),
        Some(&"alter") => after("table"),
        _ => None,
    };
    let mut names = table
        .unwrap_or(&[])
        .iter()
        .filter(|it| !["only", "if", "exists"].contains(it));
    let is_large = names.next().is_some_and(|name| large.contains(name));
    let has = |wanted: &[&str]| words.windows(wanted.len()).any(|some| some == wanted);
    let waits_for_nobody = match words.first() {
        Some(&"create") => has(&["concurrently"]) || has(&["on", "only"]),
        _ => {
            (!has(&["add", "constraint"]) && !has(&["add", "check"]) || has(&["not", "valid"]))
                && !has(&["set", "not", "null"])
                && !words.contains(&"type")
        }
    };
    is_large && !waits_for_nobody
}

#[test]
fn no_new_migration_reads_a_large_table_while_writers_wait() {
    let bad = [
        "CREATE UNIQUE INDEX some_idx ON notifications (id)",
        "ALTER TABLE notification_schema.email_logs ADD CONSTRAINT some CHECK (code <> '')",
        "ALTER TABLE notifications ALTER COLUMN payload SET NOT NULL",
    ];
    assert!(
        bad.iter()
            .all(|statement| holds_writers_up(statement, LARGE))
    );
    let good = [
        "CREATE INDEX some_idx ON ONLY notifications (id)",
        "CREATE INDEX CONCURRENTLY some_idx ON email_logs (id)",
        "ALTER TABLE notifications ADD CONSTRAINT some CHECK (true) NOT VALID",
        "ALTER TABLE notifications VALIDATE CONSTRAINT some",
        "ALTER TABLE notifications ADD COLUMN request_id uuid",
        "CREATE INDEX some_idx ON topics (name)",
    ];
    assert!(
        !good
            .iter()
            .any(|statement| holds_writers_up(statement, LARGE))
    );

    let mut wrong = vec![];
    for entry in std::fs::read_dir("migrations").unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if name.as_str() <= RELEASED || name.starts_with(RELEASED) {
            continue;
        }
        let is_asked_of_all = name.as_str() > ASKED_OF_ALL && !name.starts_with(ASKED_OF_ALL);
        let large = match is_asked_of_all {
            true => LARGE,
            false => &LARGE[..LARGE_IN_RELEASE],
        };
        // What was built before the migration is found built by it.
        let before = std::fs::read_to_string(folder.join("before.sql")).unwrap_or_default();
        let large: Vec<&str> = large
            .iter()
            .copied()
            .filter(|table| !before.contains(&format!("-- for {table}\n")))
            .collect();
        let text = std::fs::read_to_string(folder.join("up.sql")).unwrap();
        let code: Vec<&str> = text
            .lines()
            .map(|line| line.split("--").next().unwrap_or_default())
            .collect();
        let code = code.join("\n");
        let statements = code
            .split(';')
            .filter(|statement| holds_writers_up(statement, &large));
        wrong.extend(statements.map(|statement| format!("{name}: {}", statement.trim())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
