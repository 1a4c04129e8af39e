SET search_path TO notification_schema;

-- What a thing was told of (a ticket's notifications), newest first, and what of it can still be called off. Only
-- rows whose publisher named a source are in it.
CREATE INDEX notifications_source_idx ON notifications (source_id, source_type, id) WHERE source_id IS NOT NULL;

RESET search_path;
