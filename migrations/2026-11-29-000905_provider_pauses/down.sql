SET search_path TO notification_schema;

-- A version that does not know the kind must not find such an account.
DELETE FROM provider_configs WHERE kind = 'sandbox';
ALTER TABLE provider_configs
    DROP CONSTRAINT provider_configs_kind_check,
    ADD CONSTRAINT provider_configs_kind_check
        CHECK (kind IN ('sendgrid', 'smtp', 'twilio', 'fcm', 'slack'));

ALTER TABLE provider_health
    DROP COLUMN measured_at,
    DROP COLUMN waiting,
    DROP COLUMN in_flight,
    DROP COLUMN pace;

DROP TABLE provider_pauses;

RESET search_path;
