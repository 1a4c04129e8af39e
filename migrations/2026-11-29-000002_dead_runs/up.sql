SET search_path TO notification_schema;

-- Whether a run is dead by what is committed now. VOLATILE, so that it has a snapshot of its own: a
-- statement whose snapshot is older, and which finds a row that a newer run has taken since, must not take
-- that run for dead because it has never heard of it. A run whose row is gone ended a week ago.
CREATE FUNCTION is_dead_run(owner integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM notification_schema.engine_nodes e WHERE e.run_id = owner AND e.ended_at IS NULL);
END
$$;

RESET search_path;
