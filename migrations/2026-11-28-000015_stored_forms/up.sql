SET search_path TO notification_schema;

-- Versions run beside each other while nodes are upgraded one after the other.
--   format            is the version of the stored form that a reader must know. Who knows less leaves
--                     the row to others.
--   unreadable_count  is how often it was taken and given back because it could not be read all the
--                     same. It doubles the wait before the next look.
ALTER TABLE notifications
    ADD COLUMN format smallint NOT NULL DEFAULT 1,
    ADD COLUMN unreadable_count smallint NOT NULL DEFAULT 0;

-- An infinite time can be written by hand only, and the client cannot read it.
UPDATE notifications SET
    created_at = CASE created_at WHEN 'infinity' THEN '9999-01-01Z' WHEN '-infinity' THEN '1970-01-01Z' ELSE created_at END,
    last_attempted = CASE last_attempted WHEN 'infinity' THEN '9999-01-01Z' WHEN '-infinity' THEN '1970-01-01Z' ELSE last_attempted END,
    send_at = CASE send_at WHEN 'infinity' THEN '9999-01-01Z' WHEN '-infinity' THEN '1970-01-01Z' ELSE send_at END,
    due_at = CASE due_at WHEN 'infinity' THEN '9999-01-01Z' WHEN '-infinity' THEN '1970-01-01Z' ELSE due_at END,
    expires_at = CASE expires_at WHEN 'infinity' THEN '9999-01-01Z' WHEN '-infinity' THEN '1970-01-01Z' ELSE expires_at END,
    failed_at = CASE failed_at WHEN 'infinity' THEN '9999-01-01Z' WHEN '-infinity' THEN '1970-01-01Z' ELSE failed_at END,
    sent_at = CASE sent_at WHEN 'infinity' THEN '9999-01-01Z' WHEN '-infinity' THEN '1970-01-01Z' ELSE sent_at END,
    read_at = CASE read_at WHEN 'infinity' THEN '9999-01-01Z' WHEN '-infinity' THEN '1970-01-01Z' ELSE read_at END,
    deleted_at = CASE deleted_at WHEN 'infinity' THEN '9999-01-01Z' WHEN '-infinity' THEN '1970-01-01Z' ELSE deleted_at END
WHERE NOT (isfinite(created_at) AND isfinite(last_attempted) AND isfinite(send_at) AND isfinite(due_at)
           AND isfinite(expires_at) AND isfinite(failed_at) AND isfinite(sent_at) AND isfinite(read_at)
           AND isfinite(deleted_at));

ALTER TABLE notifications ADD CONSTRAINT notifications_times_finite CHECK (
    isfinite(created_at) AND isfinite(last_attempted) AND isfinite(send_at) AND isfinite(due_at)
    AND isfinite(expires_at) AND isfinite(failed_at) AND isfinite(sent_at) AND isfinite(read_at)
    AND isfinite(deleted_at));

-- A timeline that is longer than `most` without the oldest lines of its middle that say only that it was
-- put off, or that an attempt had one of the classes `forgettable`: surely not sent. What was accepted or
-- refused, what may have been sent, and what is not known here stays; so do the first half and the last
-- `fresh` lines.
CREATE FUNCTION shorten_timeline(lines jsonb, fresh integer, most integer, forgettable text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS $$
    WITH judged AS (
        SELECT line, place, jsonb_array_length(lines) - most AS excess,
               place > most / 2 AND place <= jsonb_array_length(lines) - fresh
               AND coalesce(line ->> 'step' = 'deferred' OR
                            (line ->> 'step' = 'attempt' AND line ->> 'class' = ANY (forgettable)), false) AS may_go
        FROM jsonb_array_elements(lines) WITH ORDINALITY AS line (line, place)
    ), counted AS (
        SELECT *, count(*) FILTER (WHERE may_go) OVER (ORDER BY place) AS nth FROM judged
    )
    SELECT jsonb_agg(line ORDER BY place) FROM counted WHERE NOT (may_go AND nth <= excess)
$$;

-- Adds lines to a timeline, once: a settlement whose answer was lost is stored again. The lines that stand
-- there are not rewritten, since a newer version may have put more into them than this one reads.
CREATE FUNCTION append_timeline(old jsonb, new jsonb, most integer, forgettable text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(old) <> 'array' THEN new
    WHEN old @> new THEN old
    WHEN jsonb_array_length(old) + jsonb_array_length(new) <= most THEN old || new
    ELSE notification_schema.shorten_timeline(old || new, jsonb_array_length(new), most, forgettable)
END;

-- How often a run died with the message in hand, without having given it back. The broker's own count
-- grows with every return, also with an orderly one and with a lost connection.
ALTER TABLE notification_deduplication ADD COLUMN crashes smallint NOT NULL DEFAULT 0;

-- The number of the last batch that each run has added to `notification_metrics`: a batch whose answer
-- was lost is sent again, and must not count twice.
CREATE TABLE rollup_batches (
    run_id integer PRIMARY KEY,
    batch bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON rollup_batches TO herald_notifications;

RESET search_path;
