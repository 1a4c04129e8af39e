SET search_path TO notification_schema;

DROP TABLE redaction_waits;
DROP TABLE redaction_turn;
DROP FUNCTION wordless_timeline(jsonb);
ALTER TABLE notifications DROP COLUMN redacted_at;

RESET search_path;
