SET search_path TO notification_schema;

-- tenant_id   NULL: what belongs to no tenant, as an account or an operator's key does.
-- request_id  names the answer, the log lines and the timeline of the same request.
ALTER TABLE audit_logs
    ALTER COLUMN tenant_id DROP NOT NULL,
    ADD COLUMN request_id uuid;

RESET search_path;
