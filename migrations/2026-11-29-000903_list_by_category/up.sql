SET search_path TO notification_schema;

-- An entry may hold for the messages of one category alone; NULL: for all of them.
ALTER TABLE suppressions ADD COLUMN category varchar(100);
ALTER TABLE suppressions DROP CONSTRAINT suppressions_address_key;
ALTER TABLE suppressions ADD CONSTRAINT suppressions_address_key
    UNIQUE NULLS NOT DISTINCT (tenant_id, channel, address, category);

-- A tenant's list, by falling id.
CREATE INDEX suppressions_tenant_idx ON suppressions (tenant_id, id);
CREATE INDEX users_tenant_idx ON users (tenant_id, id) WHERE deleted_at IS NULL;

RESET search_path;
