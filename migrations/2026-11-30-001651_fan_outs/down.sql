SET search_path TO notification_schema;

DELETE FROM jobs WHERE kind = 'fan_out';
DELETE FROM job_results WHERE notification_id IS NULL;
ALTER TABLE job_results ALTER COLUMN notification_id SET NOT NULL;
DROP INDEX jobs_request_key;
ALTER TABLE jobs
    DROP COLUMN request_content,
    DROP COLUMN request_key,
    DROP CONSTRAINT jobs_kind_check,
    ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('dlq_replay'));

RESET search_path;
