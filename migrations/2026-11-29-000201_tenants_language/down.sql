SET search_path TO notification_schema;

DROP FUNCTION notify_tenant_changed() CASCADE;
ALTER TABLE tenants DROP COLUMN locale;

RESET search_path;
