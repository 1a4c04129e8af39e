SET search_path TO notification_schema;

-- What has ended, or holds for one sender, cannot be said without these columns.
DELETE FROM suppressions WHERE ends_at <= now() OR accounts IS NOT NULL;
ALTER TABLE suppressions
    DROP COLUMN accounts,
    DROP COLUMN ends_at;

RESET search_path;
