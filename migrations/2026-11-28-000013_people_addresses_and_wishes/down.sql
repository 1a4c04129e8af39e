SET search_path TO notification_schema;

-- Addresses stay in the spelling that they have.

UPDATE notification_preferences SET enabled = true WHERE enabled IS NULL;
ALTER TABLE notification_preferences
    DROP COLUMN no_frequency_cap,
    DROP COLUMN no_quiet_hours,
    ALTER COLUMN enabled SET DEFAULT true,
    ALTER COLUMN enabled SET NOT NULL;

DROP FUNCTION remember_deleted_user() CASCADE;
DROP TABLE deleted_users;
ALTER TABLE users DROP COLUMN recipient_as_of;

RESET search_path;
