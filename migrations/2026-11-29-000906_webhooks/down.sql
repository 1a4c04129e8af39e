SET search_path TO notification_schema;

DROP TRIGGER webhooks_emptied ON notification_webhooks;
DROP TRIGGER notice_updated ON notification_webhooks;
DROP TRIGGER notice ON notification_webhooks;

DROP INDEX webhook_deliveries_due_idx;
DROP INDEX webhook_deliveries_webhook_idx;
DELETE FROM webhook_deliveries d
    WHERE notification_id IS NULL
       OR NOT EXISTS (SELECT FROM notification_webhooks w WHERE w.id = d.webhook_id);
ALTER TABLE webhook_deliveries
    DROP COLUMN last_attempt_at,
    DROP COLUMN error,
    ALTER COLUMN payload TYPE jsonb USING payload::jsonb,
    ALTER COLUMN notification_id SET NOT NULL,
    ADD CONSTRAINT webhook_deliveries_webhook_id_fkey
        FOREIGN KEY (webhook_id) REFERENCES notification_webhooks (id) ON UPDATE CASCADE ON DELETE CASCADE;
CREATE INDEX webhook_deliveries_webhook_idx ON webhook_deliveries (webhook_id, created_at);
CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (next_retry_at) WHERE NOT delivered;

DROP INDEX notification_webhooks_name_key;
ALTER TABLE notification_webhooks
    DROP CONSTRAINT notification_webhooks_previous_check,
    ALTER COLUMN retry_count SET DEFAULT 3,
    DROP COLUMN disabled_reason,
    DROP COLUMN last_failed_at,
    DROP COLUMN failing_since,
    DROP COLUMN categories,
    DROP COLUMN channels,
    DROP COLUMN name;

RESET search_path;
