SET search_path TO notification_schema;

-- A webhook is told of what happens to its tenant's notifications.
--   events, channels, categories  are what it wants to hear of; empty channels or categories: all of them.
--   name             is by what `herald apply` knows it again.
--   failing_since    is its first failure after the last success; last_failed_at the last one, to the minute.
--   disabled_reason  says why it is not active.
ALTER TABLE notification_webhooks
    ADD COLUMN name varchar(100),
    ADD COLUMN channels text[] NOT NULL DEFAULT '{}',
    ADD COLUMN categories text[] NOT NULL DEFAULT '{}',
    ADD COLUMN failing_since timestamptz,
    ADD COLUMN last_failed_at timestamptz,
    ADD COLUMN disabled_reason text
        CHECK (disabled_reason IN ('owner', 'failing', 'gone', 'receiver')),
    ALTER COLUMN retry_count SET DEFAULT 10,
    ADD CONSTRAINT notification_webhooks_previous_check
        CHECK ((previous_secret_key IS NULL) = (previous_secret_until IS NULL));

CREATE UNIQUE INDEX notification_webhooks_name_key ON notification_webhooks (tenant_id, name)
    WHERE deleted_at IS NULL;

-- What a webhook is told, written by the transaction in which it happened. The id is the `webhook-id`: a
-- UUIDv7 of that moment, made of what is told.
--   payload          is what is signed and sent, byte for byte: jsonb would not keep it so.
--   notification_id  NULL is a test, which is about none.
--   owner            is the run that sends it.
--   next_retry_at    NULL is for ever: it has arrived, was given up, or was written while the webhook was
--                    disabled. A replay sets it.
-- There is no foreign key to the webhook: each row would lock the one row that everybody writes for. The
-- writing statement looks for it instead.
ALTER TABLE webhook_deliveries
    DROP CONSTRAINT webhook_deliveries_webhook_id_fkey,
    ALTER COLUMN notification_id DROP NOT NULL,
    ALTER COLUMN payload TYPE text,
    ADD COLUMN error text,
    ADD COLUMN last_attempt_at timestamptz;

-- One webhook's, newest first, and replay by ranges of ids; what is due of one webhook, so that one with a
-- long queue hides no other's.
DROP INDEX webhook_deliveries_webhook_idx;
DROP INDEX webhook_deliveries_due_idx;
CREATE INDEX webhook_deliveries_webhook_idx ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (webhook_id, next_retry_at)
    WHERE NOT delivered AND next_retry_at IS NOT NULL;

CREATE TRIGGER notice AFTER INSERT OR DELETE ON notification_webhooks
    FOR EACH ROW EXECUTE FUNCTION notify_table_changed('webhooks');
CREATE TRIGGER notice_updated AFTER UPDATE ON notification_webhooks FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.url, OLD.secret_key, OLD.previous_secret_key, OLD.previous_secret_until,
           OLD.events, OLD.channels, OLD.categories, OLD.is_active, OLD.retry_count, OLD.timeout_seconds,
           OLD.failing_since, OLD.deleted_at)
          IS DISTINCT FROM
          (NEW.id, NEW.tenant_id, NEW.url, NEW.secret_key, NEW.previous_secret_key, NEW.previous_secret_until,
           NEW.events, NEW.channels, NEW.categories, NEW.is_active, NEW.retry_count, NEW.timeout_seconds,
           NEW.failing_since, NEW.deleted_at))
    EXECUTE FUNCTION notify_table_changed('webhooks');
CREATE TRIGGER webhooks_emptied AFTER TRUNCATE ON notification_webhooks
    FOR EACH STATEMENT EXECUTE FUNCTION notify_table_changed('webhooks');
-- Also where the worker of a subscription writes.
ALTER TABLE notification_webhooks
    ENABLE ALWAYS TRIGGER notice,
    ENABLE ALWAYS TRIGGER notice_updated,
    ENABLE ALWAYS TRIGGER webhooks_emptied;

RESET search_path;
