SET search_path TO notification_schema;

--   ends_at   is when an entry that was learnt from a provider's answer ends by itself. NULL: never.
--   accounts  are the accounts to whose senders the person said STOP. NULL: it holds for every sender.
ALTER TABLE suppressions
    ADD COLUMN ends_at timestamptz,
    ADD COLUMN accounts uuid[];

RESET search_path;
