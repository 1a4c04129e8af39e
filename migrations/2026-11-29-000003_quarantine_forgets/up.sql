SET search_path TO notification_schema;

-- Whose outcome an entry is, so that it goes with them. NULL: they were gone before it came, and it holds
-- nothing of them.
ALTER TABLE notification_quarantine ADD COLUMN user_id uuid;

-- The first of the outcome's fields of this name is the notification's.
UPDATE notification_quarantine SET user_id =
    substring(convert_from(settlement, 'UTF8') FROM '"user_id":"([0-9a-f-]{36})"')::uuid;

CREATE INDEX notification_quarantine_user_idx ON notification_quarantine (user_id)
    WHERE user_id IS NOT NULL;

-- No foreign key: an entry must never be refused. Whoever writes one holds the person's row meanwhile.
CREATE FUNCTION forget_quarantined() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM notification_schema.notification_quarantine WHERE user_id = OLD.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER forget_quarantined AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION forget_quarantined();

DELETE FROM notification_quarantine q USING deleted_users d
WHERE d.id = q.user_id AND NOT EXISTS (SELECT FROM users u WHERE u.id = q.user_id);

RESET search_path;
