SET search_path TO notification_schema;

-- When somebody with other content first found that nobody works on a claim; NULL again with its next take. After a
-- minute the key is theirs: whoever was to come for it has had the time.
ALTER TABLE notification_deduplication ADD COLUMN wanted_at timestamptz;

RESET search_path;
