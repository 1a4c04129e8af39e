SET search_path TO notification_schema;

-- When what is known of a person was said: what was published before that changes nothing any more.
ALTER TABLE users ADD COLUMN recipient_as_of timestamptz;

-- People who were removed, so that a late message does not bring them back. An id tells nothing of a
-- person by itself.
CREATE TABLE deleted_users (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON deleted_users TO herald_notifications;

CREATE FUNCTION remember_deleted_user() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notification_schema.deleted_users (id, tenant_id) VALUES (OLD.id, OLD.tenant_id)
    ON CONFLICT (id) DO UPDATE SET tenant_id = EXCLUDED.tenant_id, deleted_at = EXCLUDED.deleted_at;
    RETURN NULL;
END
$$;

CREATE TRIGGER remember AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION remember_deleted_user();

-- Addresses in their one spelling, as far as it can be told here: case, blanks around, and what people
-- put between digits. A domain beyond ASCII stays as it is until it is written again; what would be
-- another row's address stays as well, for people to decide.
UPDATE users u SET email = lower(btrim(email))
WHERE email <> lower(btrim(email))
  AND NOT EXISTS (SELECT FROM users o WHERE o.tenant_id = u.tenant_id AND o.id <> u.id
                  AND lower(o.email) = lower(btrim(u.email)) AND o.deleted_at IS NULL);

UPDATE users SET phone = regexp_replace(phone, '[[:space:]().\-/]', '', 'g')
WHERE phone ~ '[[:space:]().\-/]' AND phone !~ '\(\s*0\s*\)'
  AND regexp_replace(phone, '[[:space:]().\-/]', '', 'g') ~ '^\+[1-9][0-9]{1,14}$';

UPDATE user_devices d SET token = btrim(token)
WHERE token <> btrim(token) AND btrim(token) <> ''
  AND NOT EXISTS (SELECT FROM user_devices o WHERE o.tenant_id = d.tenant_id AND o.token = btrim(d.token));

CREATE TEMPORARY TABLE spelt ON COMMIT DROP AS
SELECT id, tenant_id, channel, since, CASE channel
    WHEN 'email' THEN lower(btrim(address))
    WHEN 'sms' THEN regexp_replace(address, '[[:space:]().\-/]', '', 'g')
    ELSE btrim(address) END AS address
FROM suppressions WHERE channel <> 'sms' OR address !~ '\(\s*0\s*\)';

DELETE FROM suppressions s USING spelt, spelt first
WHERE s.id = spelt.id AND first.id <> spelt.id
  AND (first.tenant_id, first.channel, first.address) = (spelt.tenant_id, spelt.channel, spelt.address)
  AND (first.since, first.id) < (spelt.since, spelt.id);

UPDATE suppressions s SET address = spelt.address FROM spelt
WHERE s.id = spelt.id AND s.address <> spelt.address AND spelt.address <> '';

-- A wish says of each thing a value, that there is none, or nothing: then the tenant's default for the
-- same scope holds. What was `true` beside something else was never said, but the column's default: a
-- wish about hours must not switch on what the tenant has off.
ALTER TABLE notification_preferences
    ALTER COLUMN enabled DROP NOT NULL,
    ALTER COLUMN enabled DROP DEFAULT,
    ADD COLUMN no_frequency_cap boolean NOT NULL DEFAULT false,
    ADD COLUMN no_quiet_hours boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT notification_preferences_no_cap_check
        CHECK (NOT (no_frequency_cap AND frequency_cap IS NOT NULL)),
    ADD CONSTRAINT notification_preferences_no_quiet_hours_check
        CHECK (NOT (no_quiet_hours AND quiet_hours_start IS NOT NULL));

UPDATE notification_preferences SET enabled = NULL
WHERE enabled AND user_id IS NOT NULL
  AND (frequency_cap IS NOT NULL OR quiet_hours_start IS NOT NULL);

RESET search_path;
