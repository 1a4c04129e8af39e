SET search_path TO notification_schema;

DROP TABLE rollup_batches;
ALTER TABLE notification_deduplication DROP COLUMN crashes;
DROP FUNCTION append_timeline(jsonb, jsonb, integer, text[]);
DROP FUNCTION shorten_timeline(jsonb, integer, integer, text[]);
ALTER TABLE notifications DROP CONSTRAINT notifications_times_finite;
ALTER TABLE notifications DROP COLUMN format, DROP COLUMN unreadable_count;

RESET search_path;
