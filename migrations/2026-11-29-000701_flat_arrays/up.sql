SET search_path TO notification_schema;

-- A list is a list: PostgreSQL takes an array of arrays for any array column, and no client reads it as one.
UPDATE notification_preferences SET quiet_hours_days = ARRAY(SELECT unnest(quiet_hours_days))
WHERE array_ndims(quiet_hours_days) > 1;
UPDATE frequency_counts SET notification_ids = ARRAY(SELECT unnest(notification_ids))
WHERE array_ndims(notification_ids) > 1;
UPDATE admin_system_events SET runs = ARRAY(SELECT unnest(runs)) WHERE array_ndims(runs) > 1;
UPDATE suppressions SET accounts = ARRAY(SELECT unnest(accounts)) WHERE array_ndims(accounts) > 1;

ALTER TABLE notification_preferences ADD CONSTRAINT notification_preferences_flat_days_check
    CHECK (array_ndims(quiet_hours_days) = 1);
ALTER TABLE frequency_counts ADD CONSTRAINT frequency_counts_flat_ids_check
    CHECK (array_ndims(notification_ids) = 1);
ALTER TABLE admin_system_events ADD CONSTRAINT admin_system_events_flat_runs_check
    CHECK (array_ndims(runs) = 1);
ALTER TABLE suppressions ADD CONSTRAINT suppressions_flat_accounts_check
    CHECK (array_ndims(accounts) = 1);

RESET search_path;
