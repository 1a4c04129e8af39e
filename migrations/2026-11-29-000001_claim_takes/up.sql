SET search_path TO notification_schema;

-- The number of the take under which its owner holds a claim, the run in the upper half: what comes late
-- names the take, and changes nothing of a claim that was taken again since. NULL: a version that did
-- not number takes.
ALTER TABLE notification_deduplication ADD COLUMN take bigint;

RESET search_path;
