SET search_path TO notification_schema;

ALTER TABLE notification_deduplication DROP COLUMN take;

RESET search_path;
