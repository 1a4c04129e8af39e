SET search_path TO notification_schema;

-- Each reason is an entry of its own: a STOP that is said while an operator's entry stands there outlives it, and a
-- START lifts the STOP and nothing else.
--   event_id  is the provider's event that put the address on the list, where it was one (`email_logs.id`).
ALTER TABLE suppressions ADD COLUMN event_id uuid;
ALTER TABLE suppressions DROP CONSTRAINT suppressions_address_key;
ALTER TABLE suppressions ADD CONSTRAINT suppressions_address_key
    UNIQUE NULLS NOT DISTINCT (tenant_id, channel, address, category, reason);

-- Who wrote to an address that is nobody's in `users`: a STOP or a complaint that comes from there is theirs as well.
-- What goes to a person's own address is not in it, and costs nothing but the look at `to`.
CREATE INDEX notifications_to_idx ON notifications (recipient, id)
    WHERE payload ->> 'to' IS NOT NULL AND message_type IN ('email', 'sms');

-- Events of no notification whose words and addresses are forgotten after a day.
CREATE INDEX email_logs_unforgotten_idx ON email_logs (created_at)
    WHERE notification_id IS NULL AND raw IS NOT NULL;

RESET search_path;
