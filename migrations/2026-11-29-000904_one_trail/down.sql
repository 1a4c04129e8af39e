SET search_path TO notification_schema;

DROP TRIGGER note_applied ON tenants;
DROP TRIGGER note_applied ON categories;
DROP TRIGGER note_applied ON users;
DROP TRIGGER note_applied ON user_devices;
DROP TRIGGER note_applied ON notification_preferences;
DROP TRIGGER note_applied ON notification_templates;
DROP TRIGGER note_applied ON provider_configs;
DROP TRIGGER note_applied ON notification_webhooks;
DROP TRIGGER note_applied ON suppressions;
DROP FUNCTION note_applied();
DROP TRIGGER forget_audited ON users;
DROP FUNCTION forget_audited();

RESET search_path;
