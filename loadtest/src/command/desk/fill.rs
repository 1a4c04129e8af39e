//! Tickets of a year, with comments and histories, by SQL.

use anyhow::{Context, Result};

use crate::harness::environment::Environment;
use crate::inbox::TENANT;

/// Comments of each ticket.
pub(super) const COMMENTS: u64 = 5;
/// Tickets that are made by one statement.
const TOGETHER: u64 = 50_000;
/// Staff.
pub(super) const STAFF: u64 = 50;
/// Who works on a ticket, by a number below [`STAFF`].
pub(super) const AGENT: &str =
    "('0190c1a0-0000-7000-8000-' || lpad(to_hex(53248 + n % 50), 12, '0'))::uuid";

/// Staff and ten categories, each with hours and targets; of the first a tenth of all tickets is, none of which is
/// closed.
const RULES: &str = "
    INSERT INTO staff (tenant_id, id, name)
    SELECT '{tenant}', {agent}, 'Agent ' || n FROM generate_series(0, {staff} - 1) n;
    INSERT INTO ticket_categories (tenant_id, id, name)
    SELECT '{tenant}', gen_random_uuid(), 'c' || n FROM generate_series(0, 9) n;
    INSERT INTO service_hours (category_id, time_zone, windows)
    SELECT id, 'Europe/Berlin', '[[0, 540, 1020], [1, 540, 1020], [2, 540, 1020], [3, 540, 1020], [4, 540, 1020]]'
    FROM ticket_categories;
    INSERT INTO service_targets (category_id, priority, first_response, next_response, resolution)
    SELECT c.id, p, 14400, 28800, 288000 FROM ticket_categories c, unnest(ARRAY['urgent', 'high', 'normal', 'low']) p;
    INSERT INTO ticket_numbers (tenant_id, last_number) VALUES ('{tenant}', {tickets});";

/// Tickets of some numbers. Clocks of the first category are computed by the recount, of the others one in a hundred is
/// overdue; nothing is to be looked at before next year.
const MADE: &str = "
    CREATE TEMPORARY TABLE made ON COMMIT DROP AS
    SELECT n, at, overlay(notification_schema.uuid_bound(at)::text placing lpad(to_hex(n), 12, '0') from 25)::uuid AS id,
        CASE WHEN n % 10 = 0 THEN (ARRAY['open', 'in_progress', 'waiting'])[1 + n / 10 % 3]
            WHEN n % 20 = 1 THEN (ARRAY['open', 'in_progress', 'waiting', 'resolved'])[1 + n / 20 % 4]
            ELSE 'closed' END AS status
    FROM (SELECT n, now() - interval '365 days' * (1 - n::float8 / ({tickets} + 1)) AS at
          FROM generate_series({from}, {to}) n) moment;
    INSERT INTO support_tickets (id, tenant_id, number, subject, description, status, priority, category, requester_id,
        assignee_id, due_at, look_at, is_overdue, first_responded_at, resolved_at, closed_at, created_at, updated_at,
        public_updated_at)
    SELECT id, '{tenant}', n, 'The word' || n % 977 || ' on floor' || n % 53 || ' needs word' || n % 4999,
        (SELECT string_agg('word' || (n::bigint * k * 7919 + k * k) % 20011, ' ') FROM generate_series(1, 40) k),
        status, (ARRAY['urgent', 'high', 'normal', 'low'])[1 + n % 4], 'c' || n % 10,
        ('0190c1a0-0000-7000-9000-' || lpad(to_hex(n % 20000), 12, '0'))::uuid, {agent},
        CASE WHEN status IN ('open', 'in_progress') THEN now() + interval '1 day' END,
        CASE WHEN status <> 'closed' THEN now() + interval '400 days' END,
        n % 100 = 1 AND status IN ('open', 'in_progress'),
        at + interval '1 minute' * (n % 600), CASE WHEN status IN ('resolved', 'closed') THEN at + interval '1 day' END,
        CASE WHEN status = 'closed' THEN at + interval '3 days' END, at, at, at
    FROM made;
    INSERT INTO ticket_comments (id, tenant_id, ticket_id, author_id, comment, is_internal, created_at)
    SELECT overlay(overlay(id::text placing lpad(to_hex(n), 12, '0') from 25) placing to_hex(10 + k) from 20)::uuid,
        '{tenant}', id, {agent}, 'Reply ' || k || ' of word' || n % 4999, k = 3, at + k * interval '1 hour'
    FROM made, generate_series(1, {comments}) k;
    INSERT INTO ticket_history (ticket_id, sequence, tenant_id, deed, actor_id, at, details)
    SELECT id, 1, '{tenant}'::uuid, 'created', NULL::uuid, at, '{}'::jsonb FROM made
    UNION ALL
    SELECT id, 2, '{tenant}', 'replied', {agent}, at + interval '1 minute' * (n % 600), '{\"by_requester\": false}'
    FROM made WHERE n % 10 = 0
    UNION ALL
    SELECT id, 3, '{tenant}', 'status_changed', {agent}, at + interval '1 day',
        jsonb_build_object('from', 'open', 'to', status)
    FROM made WHERE n % 10 = 0 AND status <> 'open';";

/// Makes them.
pub(super) async fn fill(environment: &Environment, tickets: u64) -> Result<()> {
    let client = environment.database.connect().await?;
    client
        .batch_execute(
            "SET search_path TO ticket_schema; SET statement_timeout = 0; SET synchronous_commit = off",
        )
        .await?;
    let (mut from, said) = (1, |text: &str| {
        text.replace("{tenant}", TENANT)
            .replace("{agent}", AGENT)
            .replace("{staff}", &STAFF.to_string())
            .replace("{tickets}", &tickets.to_string())
            .replace("{comments}", &COMMENTS.to_string())
    });
    client.batch_execute(&said(RULES)).await.context("rules")?;
    while from <= tickets {
        let to = tickets.min(from + TOGETHER - 1);
        let made = said(MADE)
            .replace("{from}", &from.to_string())
            .replace("{to}", &to.to_string());
        let whole = format!("BEGIN; {made} COMMIT");
        client
            .batch_execute(&whole)
            .await
            .context("making tickets")?;
        from = to + 1;
    }
    for table in [
        "support_tickets",
        "ticket_comments",
        "ticket_history",
        "ticket_tally",
    ] {
        let vacuum = format!("VACUUM ANALYZE {table}");
        client.batch_execute(&vacuum).await.context("vacuuming")?;
    }
    client.batch_execute("CHECKPOINT").await?;
    Ok(())
}
