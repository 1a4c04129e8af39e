SET search_path TO notification_schema;

ALTER TABLE notification_deduplication DROP COLUMN died_owner;
ALTER TABLE engine_nodes DROP COLUMN lives_until;

RESET search_path;
