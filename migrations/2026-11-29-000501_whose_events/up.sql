SET search_path TO notification_schema;

-- The runs that have the trouble: the event is over when none of them has it any more. An event without any
-- is nobody's in particular, or was written by a version that did not say.
ALTER TABLE admin_system_events ADD COLUMN runs integer[] NOT NULL DEFAULT '{}';

RESET search_path;
