SET search_path TO notification_schema;

DROP FUNCTION last_by_to(text, uuid, uuid);
DROP FUNCTION last_to_person(uuid, uuid, uuid);
DROP INDEX email_logs_early_idx;
CREATE INDEX email_logs_early_idx ON email_logs (created_at)
    WHERE tenant_id IS NULL AND notification_id IS NOT NULL;
DROP INDEX email_logs_doubted_idx;
DROP INDEX email_logs_awaiting_idx;
ALTER TABLE email_logs DROP COLUMN is_doubted, DROP COLUMN awaits_outcome;

RESET search_path;
