-- Two contexts that speak by events, with no foreign key across: the engine, and the support desk.
CREATE SCHEMA notification_schema;
CREATE SCHEMA ticket_schema;

-- A role belongs to the whole cluster, not to this database: another database may be creating the
-- same one at this moment, and an advisory lock does not reach across databases. So every outcome
-- of such a race counts as success, and `down` leaves the roles alone.
-- (XX000 is how PostgreSQL says "tuple concurrently updated".)
DO $$
DECLARE
    engine_role text;
    tries integer := 0;
BEGIN
    FOREACH engine_role IN ARRAY ARRAY['herald_notifications', 'herald_tickets'] LOOP
        BEGIN
            IF to_regrole(engine_role) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', engine_role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation OR internal_error THEN
            NULL;
        END;
        -- Whoever migrates also serves, and takes the role with SET ROLE. Tried again, because a
        -- lost race may have been about somebody else's membership.
        LOOP
            BEGIN
                EXECUTE format('GRANT %I TO CURRENT_USER', engine_role);
                EXIT;
            EXCEPTION
                WHEN unique_violation OR internal_error THEN
                    tries := tries + 1;
                    IF tries > 50 THEN RAISE; END IF;
                    PERFORM pg_sleep(0.02);
                WHEN insufficient_privilege THEN
                    -- A hosted database: an administrator made the role and granted it already.
                    IF NOT pg_has_role(CURRENT_USER, engine_role, 'MEMBER') THEN RAISE; END IF;
                    EXIT;
            END;
        END LOOP;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA notification_schema TO herald_notifications;
GRANT USAGE ON SCHEMA ticket_schema TO herald_tickets;

-- The client reads a few SQLSTATEs by their English message, so its sessions may ask for English.
-- Only a superuser may grant this; elsewhere the server's own language has to be English.
DO $$
BEGIN
    GRANT SET ON PARAMETER lc_messages TO herald_notifications;
EXCEPTION WHEN insufficient_privilege OR unique_violation OR internal_error THEN
    NULL;
END
$$;

CREATE FUNCTION notification_schema.touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- The lowest UUID of a moment: every UUIDv7 made at that millisecond or later sorts after it.
-- Partitions, retention and queries "since" all cut the id range with it.
CREATE FUNCTION notification_schema.uuid_bound(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT rpad(lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;
