SET search_path TO notification_schema;

DROP INDEX users_phone_idx;
DROP INDEX users_email_idx;
DROP INDEX email_logs_wishes_idx;
DROP INDEX email_logs_nobodys_idx;
DROP INDEX email_logs_unmatched_idx;
DROP INDEX email_logs_early_idx;

-- What the version before has no word for, or no tenant, cannot be kept.
DELETE FROM email_logs WHERE tenant_id IS NULL OR event IN ('other', 'unreadable', 'resubscribe');
UPDATE email_logs SET event = CASE event WHEN 'machine_open' THEN 'open' ELSE 'bounce' END
WHERE event IN ('soft_bounce', 'block', 'machine_open');
ALTER TABLE email_logs
    DROP CONSTRAINT email_logs_event_check,
    ADD CONSTRAINT email_logs_event_check CHECK (event IN (
        'processed', 'deferred', 'delivered', 'bounce', 'dropped', 'open', 'click', 'complaint', 'unsubscribe',
        'undelivered')),
    DROP COLUMN blame,
    DROP COLUMN matched_by,
    DROP COLUMN code,
    ALTER COLUMN tenant_id SET NOT NULL;

RESET search_path;
