SET search_path TO notification_schema;

DROP INDEX users_tenant_idx;
DROP INDEX suppressions_tenant_idx;

-- Without its category an entry would hold for everything.
DELETE FROM suppressions WHERE category IS NOT NULL;
ALTER TABLE suppressions DROP CONSTRAINT suppressions_address_key;
ALTER TABLE suppressions ADD CONSTRAINT suppressions_address_key UNIQUE (tenant_id, channel, address);
ALTER TABLE suppressions DROP COLUMN category;

RESET search_path;
