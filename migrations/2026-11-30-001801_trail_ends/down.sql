DROP FUNCTION notification_schema.trim_audit_logs(integer, integer);
