CREATE OR REPLACE FUNCTION notification_schema.ensure_partitions(from_month date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
SET lock_timeout TO '5s'
AS $$
DECLARE
    month date;
    partition text;
    made integer := 0;
BEGIN
    IF months NOT BETWEEN 1 AND 24 THEN
        RAISE EXCEPTION 'ensure_partitions: months must be from 1 to 24, not %', months
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('herald.ensure_partitions', 0));
    FOR step IN 0 .. months - 1 LOOP
        month := (date_trunc('month', from_month) + make_interval(months => step))::date;
        partition := to_char(month, '"notifications_"YYYY"_"MM');
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_inherits
            WHERE inhparent = 'notification_schema.notifications'::regclass
              AND inhrelid = to_regclass(format('notification_schema.%I', partition)));
        EXECUTE format(
            'CREATE TABLE notification_schema.%I (LIKE notification_schema.notifications INCLUDING ALL)', partition);
        EXECUTE format(
            'ALTER TABLE notification_schema.notifications ATTACH PARTITION notification_schema.%I '
            'FOR VALUES FROM (%L) TO (%L)',
            partition,
            notification_schema.uuid_bound(month::timestamp AT TIME ZONE 'UTC'),
            notification_schema.uuid_bound((month + interval '1 month') AT TIME ZONE 'UTC'));
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

SET search_path TO notification_schema;

DROP FUNCTION vacuum_often(text);

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN
        SELECT inhrelid::regclass FROM pg_inherits
        WHERE inhparent = 'notification_schema.notifications'::regclass
    LOOP
        EXECUTE format(
            'ALTER TABLE %s RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, '
            'autovacuum_analyze_scale_factor)', partition);
    END LOOP;
END
$$;

DROP INDEX notifications_waits_idx;
DROP INDEX notifications_due_tenant_idx;

ALTER TABLE notifications
    DROP COLUMN waits_for,
    DROP COLUMN takes,
    DROP COLUMN take;

RESET search_path;
