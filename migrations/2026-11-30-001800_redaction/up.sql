SET search_path TO notification_schema;

-- When the address, the content and the words of providers were taken out of the row.
ALTER TABLE notifications ADD COLUMN redacted_at timestamptz;

-- A timeline without the words of providers: they may say whom and what it was about.
CREATE FUNCTION wordless_timeline(lines jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(CASE jsonb_typeof(line) WHEN 'object' THEN line - 'detail' ELSE line END ORDER BY place), '[]')
    FROM jsonb_array_elements(CASE jsonb_typeof(lines) WHEN 'array' THEN lines ELSE '[]' END)
        WITH ORDINALITY AS of_timeline (line, place)
$$;

-- How far redacting has come, by ids, so that no index is needed which each insert would pay for. Whoever redacts
-- holds the row.
--   notifications  were looked at once.
--   late           were looked at again a month later: a row may be stored long after its id was made.
--   events         of providers were looked at.
CREATE TABLE redaction_turn (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    notifications uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    late uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    events uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);
INSERT INTO redaction_turn DEFAULT VALUES;
GRANT SELECT, INSERT, UPDATE ON redaction_turn TO herald_notifications;

-- Notifications that were open, or not done for long enough, when they were looked at.
CREATE TABLE redaction_waits (
    notification_id uuid PRIMARY KEY,
    look_at timestamptz NOT NULL
);
CREATE INDEX redaction_waits_look_idx ON redaction_waits (look_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON redaction_waits TO herald_notifications;

RESET search_path;
