//! All that is stored about a person, page by page, as JSON texts.

use diesel::QueryableByName;
use diesel::sql_types::{Int8, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;

/// Rows of one page.
const PAGE: i64 = 100;

/// A kind of rows: its name in the export, and the statement that reads a page of it. `$1` is the tenant, `$2`
/// the person, `$3` the id of the last row before, `$4` how many.
#[derive(Debug, Clone, Copy)]
pub struct ExportSection {
    /// The key of the list.
    pub name: &'static str,
    statement: &'static str,
}

/// Everything but the person's own row. What only the engine needs is left out.
pub const SECTIONS: &[ExportSection] = &[
    ExportSection {
        name: "preferences",
        statement: "SELECT id, (to_jsonb(p) - 'tenant_id')::text AS row FROM notification_preferences p \
                    WHERE tenant_id = $1 AND user_id = $2 AND id > $3 ORDER BY id LIMIT $4",
    },
    ExportSection {
        name: "devices",
        statement: "SELECT id, (to_jsonb(d) - 'tenant_id')::text AS row FROM user_devices d \
                    WHERE tenant_id = $1 AND user_id = $2 AND id > $3 ORDER BY id LIMIT $4",
    },
    ExportSection {
        name: "suppressions",
        statement: "SELECT s.id, (to_jsonb(s) - 'tenant_id' - 'accounts')::text AS row \
                    FROM suppressions s JOIN users u ON u.id = $2 AND u.tenant_id = $1 \
                    WHERE s.tenant_id = $1 AND s.id > $3 AND ( \
                        s.channel = 'email' AND s.address = u.email \
                        OR s.channel = 'sms' AND s.address = u.phone \
                        OR s.channel = 'in_app' AND s.address = u.id::text \
                        OR s.channel = 'push' AND s.address IN ( \
                            SELECT token FROM user_devices d WHERE d.user_id = u.id)) \
                    ORDER BY s.id LIMIT $4",
    },
    ExportSection {
        name: "notifications",
        statement: "SELECT id, (to_jsonb(n) - 'tenant_id' - 'owner' - 'take' - 'takes' - 'format' \
                        - 'unreadable_count' - 'idempotency_key')::text AS row \
                    FROM notifications n \
                    WHERE tenant_id = $1 AND user_id = $2 AND id > $3 ORDER BY id LIMIT $4",
    },
    ExportSection {
        name: "dead_letters",
        statement: "SELECT d.id, (to_jsonb(d) - 'tenant_id')::text AS row \
                    FROM notifications n JOIN notification_dlq d ON d.notification_id = n.id \
                    WHERE n.tenant_id = $1 AND n.user_id = $2 AND d.id > $3 ORDER BY d.id LIMIT $4",
    },
    ExportSection {
        name: "provider_events",
        statement: "SELECT e.id, (to_jsonb(e) - 'tenant_id')::text AS row \
                    FROM notifications n JOIN email_logs e ON e.notification_id = n.id \
                    WHERE n.tenant_id = $1 AND n.user_id = $2 AND e.id > $3 ORDER BY e.id LIMIT $4",
    },
    ExportSection {
        name: "webhook_deliveries",
        statement: "SELECT w.id, (to_jsonb(w) - 'tenant_id' - 'owner')::text AS row \
                    FROM notifications n JOIN webhook_deliveries w ON w.notification_id = n.id \
                    WHERE n.tenant_id = $1 AND n.user_id = $2 AND w.id > $3 ORDER BY w.id LIMIT $4",
    },
    ExportSection {
        name: "quarantine",
        statement: "SELECT id, (to_jsonb(q) - 'tenant_id' - 'idempotency_key' - 'settlement' - 'run_id' \
                        || jsonb_build_object('outcome', encode(settlement, 'escape')))::text AS row \
                    FROM notification_quarantine q \
                    WHERE tenant_id = $1 AND user_id = $2 AND id > $3 ORDER BY id LIMIT $4",
    },
    ExportSection {
        name: "daily_counts",
        statement: "SELECT gen_random_uuid() AS id, jsonb_build_object('day', day, 'scope', scope, \
                        'notifications', cardinality(notification_ids))::text AS row \
                    FROM frequency_counts \
                    WHERE tenant_id = $1 AND user_id = $2 AND $3 = '00000000-0000-0000-0000-000000000000' \
                    ORDER BY day DESC, scope LIMIT $4",
    },
    ExportSection {
        name: "inbox",
        statement: "SELECT i.id, (to_jsonb(i) - 'tenant_id' || jsonb_strip_nulls(jsonb_build_object( \
                        'title', b.title, 'body', b.body, 'url', b.url, 'data', b.data)))::text AS row \
                    FROM inbox_items i LEFT JOIN inbox_broadcasts b ON i.is_broadcast AND b.id = i.id \
                    WHERE i.tenant_id = $1 AND i.user_id = $2 AND i.id > $3 ORDER BY i.id LIMIT $4",
    },
    ExportSection {
        name: "topics",
        statement: "SELECT t.id, (to_jsonb(s) - 'topic_id' - 'joined' || jsonb_build_object('topic', t.name))::text AS row \
                    FROM topic_subscribers s JOIN topics t ON t.id = s.topic_id AND t.deleted_at IS NULL \
                    WHERE t.tenant_id = $1 AND s.user_id = $2 AND t.id > $3 ORDER BY t.id LIMIT $4",
    },
    ExportSection {
        name: "workflow_runs",
        statement: "SELECT id, (to_jsonb(r) - 'tenant_id' - 'workflow_id' - 'step')::text AS row FROM workflow_runs r \
                    WHERE tenant_id = $1 AND user_id = $2 AND id > $3 ORDER BY id LIMIT $4",
    },
    // Ids of runs begin as their event's does: a page looks at the runs behind its place alone.
    ExportSection {
        name: "events",
        statement: "SELECT e.id, (to_jsonb(e) - 'tenant_id' - 'said' - 'sequence' - 'depth' - 'outcome')::text AS row \
                    FROM events e WHERE e.id > $3 AND e.id IN ( \
                        SELECT event_id FROM workflow_runs WHERE tenant_id = $1 AND user_id = $2 \
                            AND id >= (left($3::text, 13) || '-0000-0000-000000000000')::uuid \
                        ORDER BY id LIMIT $4 * 50) \
                    ORDER BY e.id LIMIT $4",
    },
    ExportSection {
        name: "digests",
        statement: "SELECT id, (to_jsonb(d) - 'tenant_id')::text AS row FROM digests d \
                    WHERE tenant_id = $1 AND user_id = $2 AND id > $3 ORDER BY id LIMIT $4",
    },
    ExportSection {
        name: "digest_items",
        statement: "SELECT r.id, jsonb_build_object('run_id', r.id, 'event_id', r.event_id, 'digests', ( \
                            SELECT jsonb_agg(jsonb_build_object('digest_id', i.digest_id, 'taken_back', i.taken_back)) \
                            FROM digest_items i WHERE i.run_id = r.id))::text AS row \
                    FROM workflow_runs r WHERE r.tenant_id = $1 AND r.user_id = $2 AND r.id > $3 \
                        AND EXISTS (SELECT 1 FROM digest_items i WHERE i.run_id = r.id) \
                    ORDER BY r.id LIMIT $4",
    },
    ExportSection {
        name: "throttles",
        statement: "SELECT gen_random_uuid() AS id, jsonb_build_object('scope', scope, 'key', key, 'since', since, \
                        'until', until, 'went', went)::text AS row FROM throttles \
                    WHERE tenant_id = $1 AND user_id = $2 AND $3 = '00000000-0000-0000-0000-000000000000' \
                    ORDER BY scope, key LIMIT $4",
    },
    ExportSection {
        name: "audit",
        statement: "SELECT id, (to_jsonb(a) - 'tenant_id' - 'user_id')::text AS row FROM audit_logs a \
                    WHERE tenant_id = $1 AND resource_type = 'user' AND resource_id = $2::text AND id > $3 \
                    ORDER BY id LIMIT $4",
    },
];

#[derive(QueryableByName)]
struct ExportedRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    row: String,
}

/// The next rows of a section behind an id, as JSON texts, and the id of the last one; none at its end.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    (tenant_id, user_id): (Uuid, Uuid),
    section: ExportSection,
    after: Uuid,
) -> Result<Option<(Vec<String>, Uuid)>, StoreError> {
    let rows: Vec<ExportedRow> = diesel::sql_query(section.statement)
        .bind::<SqlUuid, _>(tenant_id)
        .bind::<SqlUuid, _>(user_id)
        .bind::<SqlUuid, _>(after)
        .bind::<Int8, _>(PAGE)
        .load(connection)
        .await?;
    let last = rows.last().map(|row| row.id);
    Ok(last.map(|last| (rows.into_iter().map(|row| row.row).collect(), last)))
}
