SET search_path TO notification_schema;

DROP INDEX status_outbox_due_idx;
DROP INDEX status_outbox_new_idx;
ALTER TABLE status_outbox
    DROP COLUMN due_at,
    DROP COLUMN refusals;

RESET search_path;
