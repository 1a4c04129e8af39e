SET search_path TO notification_schema;

-- Removes what of the audit trail is older than its term, at most so many rows, the eldest first; says how many. The
-- engine's role may add to the trail and nothing else, so that this runs as the owner; and it may not be asked to remove
-- what is younger than 90 days, so that nobody who has that role covers up what they just did.
CREATE FUNCTION trim_audit_logs(kept_days integer, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    gone bigint;
BEGIN
    IF kept_days IS NULL OR kept_days < 90 THEN
        RAISE EXCEPTION 'trim_audit_logs: the trail is kept for 90 days at least, not %', kept_days
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM notification_schema.audit_logs WHERE id = ANY (ARRAY(
        SELECT id FROM notification_schema.audit_logs
        WHERE created_at < now() - make_interval(days => kept_days)
        ORDER BY created_at, id LIMIT most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

REVOKE ALL ON FUNCTION trim_audit_logs(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trim_audit_logs(integer, integer) TO herald_notifications;

RESET search_path;
