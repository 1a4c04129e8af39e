SET search_path TO notification_schema;

UPDATE audit_logs SET tenant_id = '00000000-0000-7000-8000-000000000001' WHERE tenant_id IS NULL;
ALTER TABLE audit_logs
    DROP COLUMN request_id,
    ALTER COLUMN tenant_id SET NOT NULL;

RESET search_path;
