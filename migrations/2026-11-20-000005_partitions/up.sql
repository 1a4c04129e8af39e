-- Makes the monthly partitions of `notifications` that are missing, and says how many it made.
-- The engine's role may not create tables, so this runs as the owner. There is no default
-- partition: a row in it would block the partition that it belongs to.
--
-- A partition is built beside the table and attached: that lets inserts go on, where
-- `CREATE TABLE ... PARTITION OF` would stop them. The lock makes concurrent callers take turns;
-- whoever waits too long for a table lock gives up, and the caller tries again.
CREATE FUNCTION notification_schema.ensure_partitions(from_month date, months integer) RETURNS integer
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

-- Drops the partition of a month, unless it holds something alive: a notification that waits, or
-- one in an unresolved dead letter. Says whether it did. Its dependants are the caller's to remove
-- first, by the same range of ids. The month that is being written is refused.
CREATE FUNCTION notification_schema.drop_partition(of_month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
SET lock_timeout TO '5s'
AS $$
DECLARE
    month date := date_trunc('month', of_month)::date;
    partition regclass := to_regclass('notification_schema.' || to_char(month, '"notifications_"YYYY"_"MM'));
    alive boolean;
BEGIN
    IF month >= date_trunc('month', now() AT TIME ZONE 'UTC') THEN
        RAISE EXCEPTION 'drop_partition: % is not over yet', to_char(month, 'YYYY-MM')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF partition IS NULL THEN
        RETURN false;
    END IF;
    -- First the parent: the order in which inserts take them.
    LOCK TABLE ONLY notification_schema.notifications IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', partition);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE status = ''pending'')', partition) INTO alive;
    alive := alive OR EXISTS (
        SELECT FROM notification_schema.notification_dlq
        WHERE NOT resolved
          AND notification_id >= notification_schema.uuid_bound(month::timestamp AT TIME ZONE 'UTC')
          AND notification_id < notification_schema.uuid_bound((month + interval '1 month') AT TIME ZONE 'UTC'));
    IF alive THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %s', partition);
    RETURN true;
END
$$;

REVOKE ALL ON FUNCTION notification_schema.ensure_partitions(date, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION notification_schema.drop_partition(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notification_schema.ensure_partitions(date, integer) TO herald_notifications;
GRANT EXECUTE ON FUNCTION notification_schema.drop_partition(date) TO herald_notifications;

-- Last month (what is redelivered keeps its old id) to three months ahead.
SELECT notification_schema.ensure_partitions(((now() AT TIME ZONE 'UTC') - interval '1 month')::date, 5);
