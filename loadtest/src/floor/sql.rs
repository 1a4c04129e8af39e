//! The engine's two statements, word for word but for the way in which parameters are written.

/// Claims a batch and counts it, in one transaction.
pub(super) const CLAIM: &str = "
    WITH asked AS (
        SELECT * FROM unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::text[])
            AS asked (key, id, tenant_id, channel)
    ), claimed AS (
        INSERT INTO notification_deduplication (idempotency_key, notification_id, owner, expires_at)
        SELECT key, id, $5::integer, now() + interval '24 hours' FROM asked
        ON CONFLICT (idempotency_key) DO UPDATE SET
            notification_id = excluded.notification_id, owner = excluded.owner,
            created_at = excluded.created_at, expires_at = excluded.expires_at
        WHERE notification_deduplication.expires_at <= now()
        RETURNING idempotency_key
    ), counted AS (
        INSERT INTO intake (hour, tenant_id, channel, shard, consumed)
        SELECT date_trunc('hour', now()), tenant_id, channel, 0, count(*)
        FROM asked JOIN claimed ON claimed.idempotency_key = asked.key
        GROUP BY tenant_id, channel ORDER BY tenant_id, channel
        ON CONFLICT (hour, tenant_id, channel, shard)
        DO UPDATE SET consumed = intake.consumed + excluded.consumed
    )
    SELECT idempotency_key FROM claimed";

/// Stores a batch of outcomes, in one transaction.
pub(super) const SETTLE: &str = "
    WITH incoming AS (
        SELECT * FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::integer[],
            $14::text[], $15::integer[], $16::integer[], $17::timestamptz[], $18::timestamptz[],
            $19::timestamptz[], $20::timestamptz[], $21::timestamptz[], $22::timestamptz[],
            $23::text[], $24::text[], $25::text[], $26::text[], $27::text[], $28::text[],
            $29::text[], $30::boolean[])
        AS incoming (id, tenant_id, user_id, key, channel, priority, category, provider, status,
                     reason, recipient, template_name, template_version, payload, attempt_count,
                     max_retries, created_at, last_attempted, send_at, due_at, expires_at,
                     decided_at, error_message, response, message_id, attempts, source_type,
                     source_id, metadata, needs_claim)
    ), stored AS (
        INSERT INTO notifications (
            id, tenant_id, user_id, idempotency_key, message_type, priority, category, provider,
            status, reason, recipient, template_name, template_version, payload, attempt_count,
            max_retries, created_at, last_attempted, send_at, due_at, expires_at, sent_at,
            failed_at, error_message, provider_response, provider_message_id, attempts,
            source_type, source_id, metadata)
        SELECT id, tenant_id, user_id, encode(key, 'hex'), channel, priority, category, provider,
            status, reason, recipient, template_name, template_version, payload::jsonb,
            attempt_count, max_retries, created_at, last_attempted, send_at, due_at, expires_at,
            CASE WHEN status = 'sent' THEN decided_at END,
            CASE WHEN status = 'failed' THEN decided_at END,
            error_message, response, message_id, attempts::jsonb, source_type, source_id,
            metadata::jsonb
        FROM incoming
        WHERE CASE WHEN needs_claim THEN NOT EXISTS (
            SELECT FROM notification_deduplication d
            WHERE d.idempotency_key = incoming.key AND d.notification_id = incoming.id
              AND d.owner IS DISTINCT FROM $31::integer) ELSE true END
        ON CONFLICT (id) DO UPDATE SET
            provider = excluded.provider, status = excluded.status, reason = excluded.reason,
            recipient = excluded.recipient, template_version = excluded.template_version,
            attempt_count = excluded.attempt_count, last_attempted = excluded.last_attempted,
            due_at = excluded.due_at, sent_at = excluded.sent_at, failed_at = excluded.failed_at,
            error_message = excluded.error_message,
            provider_response = excluded.provider_response,
            provider_message_id = excluded.provider_message_id, attempts = excluded.attempts,
            owner = NULL
        WHERE notifications.status = 'pending'
          AND (notifications.owner IS NULL OR notifications.owner = $31::integer)
        RETURNING id, tenant_id, status, reason, attempts
    ), dead AS (
        INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, retry_history)
        SELECT tenant_id, id, reason, attempts FROM stored WHERE status = 'failed'
        ON CONFLICT (notification_id) DO UPDATE SET
            failure_reason = excluded.failure_reason, retry_history = excluded.retry_history,
            moved_to_dlq_at = now(), resolved = false, resolved_at = NULL, resolved_by = NULL
    )
    SELECT id FROM stored";
