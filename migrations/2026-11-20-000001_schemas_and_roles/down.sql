-- The roles stay: they belong to the cluster, and another database may be using them.
DROP FUNCTION notification_schema.uuid_bound(timestamptz);
DROP FUNCTION notification_schema.touch_updated_at();
DROP SCHEMA ticket_schema;
DROP SCHEMA notification_schema;
