SET search_path TO notification_schema;

ALTER TABLE notification_deduplication DROP COLUMN wanted_at;

RESET search_path;
