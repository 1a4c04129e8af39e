SET search_path TO notification_schema;

DROP TRIGGER forget_quarantined ON users;
DROP FUNCTION forget_quarantined();
ALTER TABLE notification_quarantine DROP COLUMN user_id;

RESET search_path;
