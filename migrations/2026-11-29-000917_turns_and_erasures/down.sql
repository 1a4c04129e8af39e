SET search_path TO notification_schema;

DROP TRIGGER notice_erased ON users;
DROP FUNCTION notify_person_erased();

DROP INDEX jobs_running_idx;
CREATE INDEX jobs_running_idx ON jobs (created_at) WHERE state = 'running';

DROP INDEX webhook_replays_open_idx;
DROP TRIGGER touch ON webhook_replays;
ALTER TABLE webhook_replays DROP COLUMN updated_at;
CREATE INDEX webhook_replays_open_idx ON webhook_replays (created_at) WHERE finished_at IS NULL;

RESET search_path;
