SET search_path TO notification_schema;

--   take       is the number of the take (`owner` and a count) under which the row was taken last.
--              Only the outcome of that very take is stored, and only it can be given back.
--   takes      counts takes since the last stored outcome: each was ended by the death of a node.
--   waits_for  is for whom it waits: `any` account of its channel; `account:NAME`, that one, though others
--              may carry it; `pinned:NAME`, that one alone. NULL is for its time. What waits for an
--              account is taken by whoever has room there, and `due_at` is only the latest time.
ALTER TABLE notifications
    ADD COLUMN take bigint,
    ADD COLUMN takes smallint NOT NULL DEFAULT 0,
    ADD COLUMN waits_for text;

-- The scheduler, when more is due in a lane than it can take: tenants in turn.
CREATE INDEX notifications_due_tenant_idx ON notifications (message_type, priority, tenant_id, due_at)
    WHERE status = 'pending';

-- What waits for an account, tenants in turn, each one's in the order of acceptance.
CREATE INDEX notifications_waits_idx ON notifications (message_type, waits_for, priority, tenant_id, id)
    WHERE status = 'pending' AND waits_for IS NOT NULL;

UPDATE notifications SET waits_for = coalesce('pinned:' || (payload ->> 'provider'), 'any')
WHERE status = 'pending' AND reason = 'waiting_for_provider';

-- Each row that waited leaves dead entries at the front of the indexes above. By default they are
-- removed when a fifth of the table is dead, which in a month of rows is never.
CREATE FUNCTION vacuum_often(partition text) RETURNS void
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'ALTER TABLE notification_schema.%I SET (autovacuum_vacuum_scale_factor = 0.01, '
        'autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0.02)', partition);
END
$$;
REVOKE ALL ON FUNCTION vacuum_often(text) FROM PUBLIC;

SELECT vacuum_often(relname) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'notification_schema.notifications'::regclass;

RESET search_path;

-- As before, but for the settings of a new partition.
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
        PERFORM notification_schema.vacuum_often(partition);
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
