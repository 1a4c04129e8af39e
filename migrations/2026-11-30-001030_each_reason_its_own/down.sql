SET search_path TO notification_schema;

DROP INDEX email_logs_unforgotten_idx;
DROP INDEX notifications_to_idx;

-- One entry for an address and category: the one that nobody lifts by accident, and of those the one that lasts.
DELETE FROM suppressions s USING suppressions other
WHERE (other.tenant_id, other.channel, other.address) = (s.tenant_id, s.channel, s.address)
  AND other.category IS NOT DISTINCT FROM s.category AND other.id <> s.id
  AND (s.ends_at IS NOT NULL, array_position(ARRAY['complaint', 'stop', 'manual', 'hard_bounce', 'unsubscribe'], s.reason))
    > (other.ends_at IS NOT NULL, array_position(ARRAY['complaint', 'stop', 'manual', 'hard_bounce', 'unsubscribe'], other.reason));
ALTER TABLE suppressions DROP CONSTRAINT suppressions_address_key;
ALTER TABLE suppressions ADD CONSTRAINT suppressions_address_key
    UNIQUE NULLS NOT DISTINCT (tenant_id, channel, address, category);
ALTER TABLE suppressions DROP COLUMN event_id;

RESET search_path;
