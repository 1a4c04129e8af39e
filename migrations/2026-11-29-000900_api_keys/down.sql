SET search_path TO notification_schema;

DROP TRIGGER notice_deleted ON api_keys;
DROP TRIGGER notice_updated ON api_keys;

-- A version that knows of no operators and of no revocation must not let their keys in.
DELETE FROM api_keys WHERE tenant_id IS NULL OR revoked_at IS NOT NULL OR networks <> '{}';

ALTER TABLE api_keys
    DROP CONSTRAINT api_keys_previous_check,
    DROP CONSTRAINT api_keys_prefix_key,
    DROP COLUMN previous_until,
    DROP COLUMN previous_hash,
    DROP COLUMN revoked_at,
    DROP COLUMN networks,
    ADD COLUMN is_active boolean NOT NULL DEFAULT true,
    ALTER COLUMN tenant_id SET NOT NULL;

RESET search_path;
