SET search_path TO notification_schema;

-- A run is alive until somebody writes `ended_at`: itself at an orderly end, or another run once
-- `lives_until` has passed by this server's clock. Each heartbeat moves `lives_until` on; one of a
-- run that was ended moves nothing, so that a run that was taken for dead never comes back.
-- `heartbeat_at` is for people.
ALTER TABLE engine_nodes ADD COLUMN lives_until timestamptz NOT NULL DEFAULT now();

-- The last run that died with the claim in hand: it may have sent the message. Kept when the heir
-- gives the claim back, since whoever comes next must know.
ALTER TABLE notification_deduplication ADD COLUMN died_owner integer;

RESET search_path;
