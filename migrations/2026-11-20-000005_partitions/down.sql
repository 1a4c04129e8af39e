DROP FUNCTION notification_schema.drop_partition(date);
DROP FUNCTION notification_schema.ensure_partitions(date, integer);

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN
        SELECT inhrelid FROM pg_inherits WHERE inhparent = 'notification_schema.notifications'::regclass
    LOOP
        EXECUTE format('DROP TABLE %s', partition);
    END LOOP;
END
$$;
